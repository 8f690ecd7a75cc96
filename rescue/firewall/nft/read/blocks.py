"""The blocks in braces of an nftables script: tables, chains, sets, and the rules in them (nft(8))."""

from __future__ import annotations

from collections.abc import Callable

from rescue.firewall.engine.ruleset import Hook
from rescue.firewall.nft.language import hooks
from rescue.firewall.nft.language.datatypes import TYPES
from rescue.firewall.nft.language.selectors import selector
from rescue.firewall.nft.language.tokens import (
    END,
    NEWLINE,
    PUNCTUATION,
    STRING,
    WORD,
    Cursor,
    NftError,
    NftNotModelled,
)
from rescue.firewall.nft.read import statements
from rescue.firewall.nft.read.alike import Alike, Found
from rescue.firewall.nft.read.elements import DURATION, item
from rescue.firewall.nft.read.elements import elements as read_elements
from rescue.firewall.nft.read.preprocess import Preprocessor
from rescue.firewall.nft.read.rule_reader import RuleReader
from rescue.firewall.nft.read.script import ChainBlock, Element, NamedSet, NftChain, NftRule, NftTable
from rescue.firewall.nft.read.stateful_objects import KINDS, kind_of, thing
from rescue.firewall.nft.read.validate import settle
from rescue.model import Location


class Blocks:
    """Parses blocks; a cursor passed in is just after the opening brace."""

    def __init__(self, preprocessor: Preprocessor) -> None:
        self.preprocessor = preprocessor
        self.alike = Alike()
        self.fresh: list[NftRule] = []
        """The latest rules, not yet checked for names that do not exist."""
        self.commented: list[bool] = []
        """For each open block, whether it has had its comment."""

    def _block(self, cursor: Cursor, line: Callable[[], bool]) -> None:
        """Parse a block's lines up to its closing brace, in its own scope.

        line: parses one line; True if the closing brace may follow directly. Most need a semicolon or their own line.
        """
        self.commented.append(False)
        with self.preprocessor.scope():
            while not cursor.accept("}"):
                if cursor.done:
                    raise cursor.wrong("unexpected end of the file")
                if cursor.peek() in (NEWLINE, ";"):
                    cursor.index += 1
                elif not self.preprocessor.directive(cursor):
                    ended = line()
                    if cursor.peek() == "}" and not ended:
                        raise cursor.wrong("a semicolon or a new line is missing before '}'")
                    if not cursor.done and cursor.peek() not in (NEWLINE, ";", "}"):
                        raise cursor.wrong(f"unexpected {cursor.shown()}")
        self.commented.pop()

    def _comment(self, cursor: Cursor) -> None:
        """Skip the text after "comment" in a block. Raises NftError for a second one."""
        if self.commented[-1]:
            raise cursor.wrong("the comment can't be given twice")
        self.commented[-1] = True
        statements.comment(cursor)

    def table(self, cursor: Cursor, table: NftTable) -> None:
        """Parse a table's block, after its opening brace. Raises NftError."""
        self._block(cursor, lambda: self._in_table(cursor, table))
        self.settle(table)

    def settle(self, table: NftTable) -> None:
        """Check that the names in the latest rules exist. Raises NftError."""
        fresh, self.fresh = self.fresh, []
        settle(table, fresh)

    def _in_table(self, cursor: Cursor, table: NftTable) -> bool:
        here = cursor.here
        word = cursor.take()
        if word == "chain":
            name = cursor.identifier()
            chain = table.chains.setdefault(name, NftChain(name, here))
            cursor.expect("{")
            self.chain(cursor, table, chain)
        elif word in ("set", "map"):
            name = cursor.identifier()
            held = table.sets.setdefault(name, NamedSet(name, here, word == "map"))
            cursor.expect("{")
            self.set(cursor, held)
        elif word == "flags":
            if cursor.peek() == "persist":
                cursor.since("tables that persist")
            table.dormant |= cursor.expect("dormant", "owner", "persist") == "dormant"
        elif word == "comment":
            self._comment(cursor)
        elif word in KINDS:
            cursor.index -= 1
            found = thing(cursor, self.preprocessor, kind_of(cursor), here, table.family, bare=False)
            table.things.setdefault(found[:2], found)
        elif cursor.kind() == WORD and word in ("meter", "tunnel"):
            raise NftNotModelled(word, here)
        else:
            raise NftError(f"unexpected {word!r}", here)
        return False

    def chain(self, cursor: Cursor, table: NftTable, chain: NftChain) -> None:
        """Parse a chain's block, after its opening brace."""
        chain.policy_here = False
        self._block(cursor, lambda: self._in_chain(cursor, table, chain))
        if chain.policy and chain.hook is None:
            here = chain.policy_at or chain.location
            raise NftError(f"{chain.name} is not a base chain, and can't have a policy", here)
        chain.made = True
        brace = cursor.tokens[cursor.index - 1]
        chain.blocks.append(ChainBlock(brace.source.path, brace.at))

    def _in_chain(self, cursor: Cursor, table: NftTable, chain: NftChain) -> bool:
        if cursor.peek() == "type" and cursor.peek(2) == "hook":
            self._hook(cursor, table, chain, cursor.here)
        elif cursor.peek() == "policy":
            here = cursor.here
            cursor.take()
            if cursor.kind() == STRING:
                raise cursor.wrong(f"unexpected {cursor.shown()}")
            policy = self.preprocessor.name(cursor)
            if policy not in ("accept", "drop"):
                raise NftError(f"{policy} is not a policy", here)
            if chain.policy_at is not None and chain.policy_here:
                raise NftError("the policy can't be set twice", here)
            chain.policy, chain.policy_at, chain.policy_here = policy, here, True
        elif cursor.peek() == "flags" and cursor.peek(1) == "offload":
            cursor.index += 2
        elif cursor.accept("comment"):
            self._comment(cursor)
        else:
            found = self.alike.read(table.family, cursor.tokens, cursor.index)
            cursor.index = found.behind
            chain.rules += found.rules
            self.fresh += found.rules
            if not found.rules:
                chain.rules.append(self._rule(cursor, table, found))
        return False

    def _hook(self, cursor: Cursor, table: NftTable, chain: NftChain, here: Location) -> None:
        before = (chain.kind, chain.hook, chain.priority)
        cursor.take()
        chain.kind = cursor.expect("filter", "nat", "route")
        cursor.expect("hook")
        word = cursor.take()
        if word not in set(Hook):
            raise NftError(f"there is no hook {word}", here)
        chain.hook = Hook(word)
        line = cursor.line()
        if line and line[-1].kind == STRING and line[-2:-1] and line[-2].text == "priority":
            raise NftError("a priority takes no quotes", here)
        tokens = self.preprocessor.expanded(line)
        words = [token.text for token in tokens]
        if "priority" not in words:
            raise NftError("a base chain needs a priority", here)
        at = words.index("priority")
        if at and words[0] not in ("device", "devices"):
            raise NftError(f"unexpected {words[0]!r}", here)
        chain.devices = tuple(each for each in words[1:at] if each not in "={},\n")
        if chain.hook is Hook.EGRESS:
            cursor.since("egress")
        if chain.hook is Hook.INGRESS and table.family == "inet":
            cursor.since("ingress in a table inet")
        hooks.checked(table.family, chain.kind, chain.hook, chain.devices, here)
        given = words[at + 1 :]
        if len(given) == 1 and tokens[-1].kind == STRING:
            given = given[0].split()
        if given and given[0].isalpha():
            cursor.since("a priority by its name")
        chain.priority = hooks.priority(table.family, chain.kind, chain.hook, given, here, cursor.version)
        if chain.made and before != (chain.kind, chain.hook, chain.priority):
            raise NftError(f"the chain {chain.name} already exists, and is not such a base chain", here)

    def set(self, cursor: Cursor, held: NamedSet) -> None:
        """Parse the block of a set or map, after its opening brace. Raises NftError."""
        here = cursor.here
        self._block(cursor, lambda: self._in_set(cursor, held))
        if not held.keys:
            raise NftError(f"the {'map' if held.is_map else 'set'} {held.name} has no type", here)
        if held.auto_merge and "interval" not in held.flags:
            raise NftError(f"auto-merge needs flags interval in the set {held.name}", here)
        if held.collected and "timeout" not in held.flags:
            raise NftError(f"gc-interval needs a timeout in the set {held.name}", here)
        if len(set(held.carries)) > _MOST_CARRIED:
            raise NftError(
                f"the elements of the set {held.name} can't carry more than {_MOST_CARRIED} statements", here
            )

    def _in_set(self, cursor: Cursor, held: NamedSet) -> bool:
        here = cursor.here
        word = cursor.take()
        match word:
            case "type" | "typeof":
                if word == "typeof":
                    cursor.since("typeof")
                self._types(cursor, held, of=word == "typeof")
            case "flags":
                held.flags.add(cursor.expect(*_FLAGS))
                while cursor.accept(","):
                    held.flags.add(cursor.expect(*_FLAGS))
            case "elements":
                cursor.expect("=")
                held.elements += self.elements(cursor)
                return True
            case "auto-merge" if not held.is_map:
                held.auto_merge = True
                return True
            case "timeout" | "gc-interval" if word == "timeout" or not held.is_map:
                if not DURATION.fullmatch(cursor.word()):
                    raise NftError("unexpected time: it must be as 1d2h3m4s", here)
                if word == "timeout":
                    held.flags.add("timeout")
                held.collected |= word == "gc-interval"
            case "size":
                cursor.number()
            case "policy":
                cursor.expect("performance", "memory")
            case "comment":
                self._comment(cursor)
            case _ if word in _OF_SET:
                cursor.index -= 1
                while cursor.peek() in _OF_SET and not cursor.done:
                    held.carries = (*held.carries, cursor.peek())
                    _OF_SET[cursor.take()](cursor)
            case _:
                raise NftError(f"unexpected {word!r}", here)
        return False

    def _types(self, cursor: Cursor, held: NamedSet, *, of: bool) -> None:
        keys = [self._type(cursor, of=of)]
        while cursor.accept("."):
            keys.append(self._type(cursor, of=of))
        if not of and "verdict" in keys:
            raise cursor.wrong("a verdict can't be a key")
        held.keys = tuple(keys)
        if not held.is_map:
            return
        cursor.expect(":")
        cursor.accept("interval")
        if cursor.peek() in ("counter", "quota", "limit", "secmark", "synproxy"):
            held.data = cursor.take()
            return
        held.data = self._type(cursor, of=of)
        while cursor.accept("."):
            self._type(cursor, of=of)

    def _type(self, cursor: Cursor, *, of: bool) -> str:
        if of and cursor.peek() != "verdict":
            return selector(cursor).kind
        word = cursor.word()
        if word not in TYPES or word in _NO_KEYS:
            cursor.index -= 1
            raise cursor.wrong(f"unknown type: {cursor.shown()}")
        return word

    def elements(self, cursor: Cursor) -> list[Element]:
        """Parse the elements of a set in braces, or those of a defined name."""
        if cursor.peek() == "$":
            own = Cursor(self.preprocessor.expanded(cursor.line()))
            return read_elements(own) if own.peek() == "{" else [Element((item(own),))]
        begin, depth = cursor.index, 0
        while not cursor.done:
            depth += {"{": 1, "}": -1}.get(cursor.peek(), 0) if cursor.kind() != STRING else 0
            cursor.index += 1
            if not depth:
                break
        return read_elements(Cursor(self.preprocessor.expanded(cursor.tokens[begin : cursor.index])))

    def rule(self, cursor: Cursor, table: NftTable) -> NftRule:
        """Parse one rule, at the cursor."""
        return self._rule(cursor, table, Found([], cursor.index))

    def _rule(self, cursor: Cursor, table: NftTable, found: Found) -> NftRule:
        begin = end = cursor.index
        tokens = cursor.tokens
        depth = 0
        for end in range(begin, len(tokens)):
            kind, text, *_ = tokens[end]
            if kind != PUNCTUATION:
                if kind == END and not depth:
                    break
            elif text in "{(":
                depth += 1
            elif text in "})":
                if not depth and text == "}":
                    break
                depth -= 1
            elif text == ";" and not depth:
                break
        else:
            end = len(tokens)
        first = tokens[begin]
        own = Cursor(self.preprocessor.expanded(tokens[begin:end]))
        made = RuleReader(own, table).rule()
        if not own.done:
            raise own.wrong(f"unexpected {own.shown()}")
        cursor.index = end
        made.at = first.at
        made = self.alike.remember(table.family, found, made, tokens[begin : end + 1])
        self.fresh.append(made)
        return made


def _count(cursor: Cursor) -> None:
    cursor.expect("count")
    statements.count(cursor)


_OF_SET: dict[str, Callable[[Cursor], object]] = {
    "counter": statements.counter,
    "limit": statements.limit,
    "quota": statements.quota,
    "last": statements.last,
    "ct": _count,
}
"""The statements that a set may have for each of its elements."""

_NO_KEYS = ("string",)
"""Types that only fields have."""

_MOST_CARRIED = 2
"""NFT_SET_EXPR_MAX."""

_FLAGS = ("constant", "interval", "timeout", "dynamic")

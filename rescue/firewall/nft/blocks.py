"""The blocks in braces of an nftables script: tables, chains, sets, and the rules in them (nft(8))."""

from __future__ import annotations

from collections.abc import Callable

from rescue.firewall.nft.elements import elements as read_elements
from rescue.firewall.nft.elements import item
from rescue.firewall.nft.preprocess import Preprocessor
from rescue.firewall.nft.rule_reader import RuleReader
from rescue.firewall.nft.script import Block, Element, NamedSet, NftChain, NftRule, NftTable
from rescue.firewall.nft.tokens import NEWLINE, STRING, WORD, Cursor, Unclear, Wrong
from rescue.firewall.nft.values import number
from rescue.firewall.ruleset import Hook
from rescue.model import Location

PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100, "out": 100}
BRIDGE_PRIORITIES = {"dstnat": -300, "filter": -200, "out": 100, "srcnat": 300}

OBJECTS = frozenset(["counter", "quota", "limit", "ct", "secmark", "synproxy", "flowtable", "counters", "quotas"])
"""What a table can hold beside chains and sets."""


class Blocks:
    """Reads blocks; a cursor that is handed over stands behind the opening brace."""

    def __init__(self, preprocessor: Preprocessor) -> None:
        self.preprocessor = preprocessor

    def _block(self, cursor: Cursor, line: Callable[[], bool]) -> None:
        """Read a block's lines up to its closing brace, in a scope of its own.

        line: reads one; True if the closing brace may follow it at once. Most need a semicolon or their own line.
        """
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

    def table(self, cursor: Cursor, table: NftTable) -> None:
        """Read the block of a table, behind its opening brace."""
        self._block(cursor, lambda: self._in_table(cursor, table))

    def _in_table(self, cursor: Cursor, table: NftTable) -> bool:
        here = cursor.here
        word = cursor.take()
        if word == "chain":
            name = self.preprocessor.name(cursor)
            chain = table.chains.setdefault(name, NftChain(name, here))
            cursor.expect("{")
            self.chain(cursor, table, chain)
        elif word in ("set", "map"):
            name = cursor.word()
            held = table.sets.setdefault(name, NamedSet(name, here, word == "map"))
            cursor.expect("{")
            self.set(cursor, held)
        elif word == "flags":
            table.dormant = "dormant" in _words(cursor)
        elif word == "comment":
            cursor.take()
        elif word in OBJECTS:
            cursor.line()
        elif cursor.kind() == WORD and word in ("meter", "tunnel"):
            raise Unclear(word, here)
        else:
            raise Wrong(f"unexpected {word!r}", here)
        return False

    def chain(self, cursor: Cursor, table: NftTable, chain: NftChain) -> None:
        """Read the block of a chain, behind its opening brace."""
        self._block(cursor, lambda: self._in_chain(cursor, table, chain))
        brace = cursor.tokens[cursor.index - 1]
        chain.blocks.append(Block(brace.source.path, brace.at))

    def _in_chain(self, cursor: Cursor, table: NftTable, chain: NftChain) -> bool:
        here = cursor.here
        if cursor.peek() == "type" and cursor.peek(2) == "hook":
            self._hook(cursor, table, chain, here)
        elif cursor.accept("policy"):
            policy = self.preprocessor.name(cursor)
            if policy not in ("accept", "drop"):
                raise Wrong(f"{policy} is no policy", here)
            if chain.hook is None:
                raise Wrong(f"{chain.name} is no base chain, and can't have a policy", here)
            chain.policy, chain.policy_at = policy, here
        elif (cursor.peek() == "flags" and cursor.peek(1) == "offload") or cursor.peek() == "comment":
            cursor.index += 2
        elif cursor.peek() in ("devices", "device"):
            cursor.take()
            cursor.accept("=")
            chain.devices = tuple(word for word in _words(cursor) if word not in "{},")
        else:
            chain.rules.append(self.rule(cursor, table))
        return False

    def _hook(self, cursor: Cursor, table: NftTable, chain: NftChain, here: Location) -> None:
        cursor.take()
        chain.kind = cursor.expect("filter", "nat", "route")
        cursor.expect("hook")
        word = cursor.take()
        if word not in set(Hook):
            raise Wrong(f"there is no hook {word}", here)
        chain.hook = Hook(word)
        words = [token.text for token in self.preprocessor.expanded(cursor.line())]
        if "priority" not in words:
            raise Wrong("a base chain needs a priority", here)
        at = words.index("priority")
        if words[:1] in (["device"], ["devices"]):
            chain.devices = tuple(each for each in words[1:at] if each not in "={},")
        chain.priority = _priority(table.family, [each for each in words[at + 1 :] if each != '"'], here)

    def set(self, cursor: Cursor, held: NamedSet) -> None:
        """Read the block of a set or map, behind its opening brace."""
        self._block(cursor, lambda: self._in_set(cursor, held))

    def _in_set(self, cursor: Cursor, held: NamedSet) -> bool:
        here = cursor.here
        word = cursor.take()
        if word in ("type", "typeof"):
            words = _words(cursor)
            held.types = tuple(each for each in (words if word == "type" else ()) if each not in (".", ":"))
        elif word == "flags":
            held.flags |= {each for each in _words(cursor) if each != ","}
        elif word == "elements":
            cursor.expect("=")
            held.elements += self.elements(cursor)
        elif word == "auto-merge":
            held.auto_merge = True
        elif word in ("timeout", "gc-interval", "size", "policy", "comment"):
            _words(cursor)
            if word == "timeout":
                held.flags.add("timeout")
        elif word in ("counter", "limit", "quota", "last", "ct", "ip", "ip6", "tcp"):
            _words(cursor)
        else:
            raise Wrong(f"unexpected {word!r}", here)
        return word in ("elements", "auto-merge")

    def elements(self, cursor: Cursor) -> list[Element]:
        """Read the elements of a set in braces, or those that a name stands for."""
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
        """Read one rule, at which the cursor stands."""
        begin = cursor.index
        first = cursor.tokens[begin]
        end = begin
        depth = 0
        tokens = cursor.tokens
        while end < len(tokens):
            text, kind = tokens[end].text, tokens[end].kind
            if kind != STRING:
                if not depth and text in (NEWLINE, ";", "}"):
                    break
                depth += 1 if text in "{(" else -1 if text in "})" and text else 0
            end += 1
        own = Cursor(self.preprocessor.expanded(tokens[begin:end]))
        statements = RuleReader(own, table).read()
        if not own.done:
            raise own.wrong(f"unexpected {own.shown()}")
        cursor.index = end
        return NftRule(statements, first.source.location(first.at), first.at)


def _words(cursor: Cursor) -> list[str]:
    return [token.text for token in cursor.line()]


def _priority(family: str, words: list[str], here: Location) -> int:
    """A priority: a number, or a name with an offset. Raises Wrong."""
    known = BRIDGE_PRIORITIES if family == "bridge" else PRIORITIES
    total, sign = 0, 1
    for word in words:
        if word in ("+", "-"):
            sign = 1 if word == "+" else -1
            continue
        value = known.get(word, number(word))
        if value is None:
            raise Wrong(f"{word!r} is no priority", here)
        total += sign * value
        sign = 1
    if not words:
        raise Wrong("a base chain needs a priority", here)
    return total

"""nft(8) at work: the commands of a script obeyed in order, all or nothing.

Behaviour was taken from nft(8), src/parser_bison.y and src/evaluate.c of nftables 1.0, and tried with nft 1.0.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import PurePosixPath

from rescue.firewall.addresses import AddressSet
from rescue.firewall.matches import Names, Refused
from rescue.firewall.nft import lower
from rescue.firewall.nft.rule_reader import RuleReader, elements, item
from rescue.firewall.nft.script import Block, Element, NamedSet, NftChain, NftRule, NftTable
from rescue.firewall.nft.selectors import Question
from rescue.firewall.nft.tokens import NEWLINE, STRING, WORD, Cursor, Source, Token, Unclear, Wrong, tokens_of
from rescue.firewall.nft.values import address, number, ports
from rescue.firewall.ruleset import Firewall, Hook, Problem, Ruleset
from rescue.firewall.unread import depends_on
from rescue.model import Location
from rescue.tree import Read, Tree

MANAGER = "nftables"

FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")

PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100, "out": 100}
BRIDGE_PRIORITIES = {"dstnat": -300, "filter": -200, "out": 100, "srcnat": 300}

DEEPEST = 16
"""How many files may include each other (MAX_INCLUDE_DEPTH of src/scanner.l)."""

INCLUDED_FROM = PurePosixPath("/etc")
"""Where nft looks for files that are included by a name alone."""

Key = tuple[str, str]


def load_nftables(tree: Tree, path: PurePosixPath, names: Names) -> Firewall | None:
    """The firewall that ``nft -f`` makes of a script; None if the file is not there. Raises NotCaptured."""
    entry = tree.entry(path)
    if entry is None or not entry.is_file:
        return None
    here = Location(path)
    script = Script(tree)
    rulesets: dict[int, Ruleset] = {}
    try:
        script.run(path)
        for version in (4, 6):
            rulesets[version] = Ruleset(version, lower.tables(script.tables.values(), Question(version, names)))
        check_sets(script, names)
    except Wrong as problem:
        fault = Problem(str(problem), problem.at, "every rule of the file: nft loads all of it or nothing")
        rulesets = {version: Ruleset(version, {}, (fault,)) for version in (4, 6)}
    except Unclear as problem:
        reason = f"{problem.at}, which this version can't read ({problem.reason})"
        rulesets = {version: depends_on(version, problem.at, reason, "what its rules do is not known")
                    for version in (4, 6)}  # fmt: skip
    files = tuple(script.files) or (path,)
    return Firewall(MANAGER, here, rulesets, {4: files, 6: files})


class Script:
    """The tables while a script is obeyed."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.tables: dict[Key, NftTable] = {}
        self.files: list[PurePosixPath] = []
        self.scopes: list[dict[str, list[Token]]] = [{}]

    def run(self, path: PurePosixPath) -> None:
        """Obey a file. Raises Wrong, Unclear and NotCaptured."""
        self._file(path, Location(path), 0)

    def _file(self, path: PurePosixPath, asked: Location, depth: int) -> None:
        if depth > DEEPEST:
            raise Wrong("files include each other too often", asked)
        text = self.tree.text(path)
        if text is None:
            entry = self.tree.entry(path)
            if entry is not None and entry.is_file:
                raise Unclear("the file is too large to be read", Location(path))
            raise Wrong(f"there is no file {path}", asked)
        self.files.append(path)
        cursor = Cursor(tokens_of(Source(path, text)))
        while not cursor.done:
            if cursor.peek() in (NEWLINE, ";"):
                cursor.index += 1
                continue
            self._command(cursor, depth)
            if not cursor.done and cursor.peek() not in (NEWLINE, ";"):
                raise cursor.wrong(f"unexpected {cursor.shown()}")

    # -- commands -----------------------------------------------------------------------------------------------------

    def _command(self, cursor: Cursor, depth: int) -> None:
        if self._common(cursor, depth):
            return
        here = cursor.here
        word = cursor.peek()
        verb = cursor.take() if word in _VERBS else "add"
        match verb:
            case "add" | "create":
                self._add(cursor, create=verb == "create")
            case "insert":
                cursor.expect("rule")
                self._add_rule(cursor, first=True)
            case "delete" | "destroy":
                self._delete(cursor, here, must=verb == "delete")
            case "flush":
                self._flush(cursor, here)
            case "replace" | "rename":
                raise Unclear(verb, here)
            case _:
                _to_end(cursor)

    def _common(self, cursor: Cursor, depth: int) -> bool:
        """include, define and their like, which may stand in blocks too."""
        word = cursor.peek()
        here = cursor.here
        if word == "include":
            cursor.take()
            if cursor.kind() != STRING:
                raise cursor.wrong("include needs a name in quotes")
            for path in self._included(cursor.take(), here):
                self._file(path, here, depth + 1)
            return True
        if word in ("define", "redefine"):
            cursor.take()
            name = cursor.word()
            if word == "define" and name in self.scopes[-1]:
                raise Wrong(f"{name} is defined already", here)
            cursor.expect("=")
            self.scopes[-1][name] = self._value(cursor)
            return True
        if word == "undefine":
            cursor.take()
            if self.scopes[-1].pop(cursor.word(), None) is None:
                raise Wrong("nothing of that name is defined", here)
            return True
        return False

    def _included(self, name: str, here: Location) -> Iterator[PurePosixPath]:
        """The files that an include names, in order. A pattern may name none."""
        path = PurePosixPath(name)
        if not path.is_absolute():
            path = (PurePosixPath("/") if name.startswith(("./", "../")) else INCLUDED_FROM) / path
        if not any(char in name for char in "*?["):
            if name.endswith("/"):
                yield from self._matching(path, "*")
                return
            self.tree.require(Read(str(path), depth=0))
            yield path
            return
        if any(char in str(path.parent) for char in "*?["):
            raise Unclear("a pattern for directories", here)
        yield from self._matching(path.parent, path.name)

    def _matching(self, folder: PurePosixPath, pattern: str) -> Iterator[PurePosixPath]:
        self.tree.require(Read(str(folder), depth=1))
        for name in sorted(self.tree.children(folder)):
            if fnmatch(name, pattern) and not name.startswith("."):
                yield folder / name

    def _value(self, cursor: Cursor) -> list[Token]:
        """The tokens of a definition, with those that it names put in."""
        begin = cursor.index
        depth = 0
        while not cursor.done and (depth or cursor.peek() not in (NEWLINE, ";")):
            depth += {"{": 1, "}": -1}.get(cursor.peek(), 0)
            cursor.index += 1
        return self._expanded(cursor.tokens[begin : cursor.index])

    def _expanded(self, tokens: list[Token]) -> list[Token]:
        """The tokens with each "$NAME" replaced by what it stands for. Raises Wrong."""
        if not any(token.text == "$" for token in tokens):
            return tokens
        found: list[Token] = []
        at = 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token.text != "$" or token.kind == STRING:
                found.append(token)
                continue
            name = tokens[at].text if at < len(tokens) else ""
            at += 1
            held = next((scope[name] for scope in reversed(self.scopes) if name in scope), None)
            if held is None:
                raise Wrong(f"${name} is not defined", token.source.location(token.at))
            found += [each._replace(at=token.at, source=token.source) for each in held]
        return found

    def _add(self, cursor: Cursor, *, create: bool) -> None:
        here = cursor.here
        word = cursor.peek()
        if word == "table":
            cursor.take()
            self._table_block(cursor, self._table_key(cursor), here, create)
        elif word == "chain":
            cursor.take()
            table = self._table(cursor)
            name = cursor.word()
            if create and name in table.chains:
                raise Wrong(f"the chain {name} is there already", here)
            chain = table.chains.setdefault(name, NftChain(name, here))
            if cursor.accept("{"):
                self._chain_block(cursor, table, chain)
        elif word in ("set", "map"):
            cursor.take()
            table = self._table(cursor)
            name = cursor.word()
            if create and name in table.sets:
                raise Wrong(f"the set {name} is there already", here)
            held = table.sets.setdefault(name, NamedSet(name, here, word == "map"))
            if cursor.accept("{"):
                self._set_block(cursor, held)
        elif word == "element":
            cursor.take()
            held = self._set(cursor)
            held.elements += self._elements(cursor)
        elif word in _OBJECTS:
            _to_end(cursor)
        else:
            if word == "rule":
                cursor.take()
            self._add_rule(cursor, first=False)

    def _add_rule(self, cursor: Cursor, *, first: bool) -> None:
        here = cursor.here
        at = cursor.tokens[min(cursor.index, len(cursor.tokens) - 1)].at
        table = self._table(cursor)
        chain = self._chain(cursor, table)
        if cursor.peek() in ("position", "handle", "index"):
            raise Unclear(f"a rule's {cursor.peek()}", here)
        rule = self._rule(cursor, table)
        rule.block, rule.at = False, at
        chain.rules.insert(0 if first else len(chain.rules), rule)

    def _rule(self, cursor: Cursor, table: NftTable) -> NftRule:
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
        own = Cursor(self._expanded(tokens[begin:end]))
        statements = RuleReader(own, table).read()
        if not own.done:
            raise own.wrong(f"unexpected {own.shown()}")
        cursor.index = end
        return NftRule(statements, first.source.location(first.at), first.at)

    def _delete(self, cursor: Cursor, here: Location, *, must: bool) -> None:
        word = cursor.take()
        if word == "table":
            key = self._table_key(cursor)
            if self.tables.pop(key, None) is None and must:
                raise Wrong(f"there is no table {' '.join(key)}", here)
        elif word in ("chain", "set", "map"):
            table = self._table(cursor)
            name = cursor.word()
            held: dict[str, NftChain] | dict[str, NamedSet] = table.chains if word == "chain" else table.sets
            if held.pop(name, None) is None and must:
                raise Wrong(f"there is no {word} {name}", here)
        elif word == "element":
            found = self._set(cursor)
            gone = {each.fields for each in self._elements(cursor)}
            found.elements = [each for each in found.elements if each.fields not in gone]
        elif word in _OBJECTS:
            _to_end(cursor)
        else:
            raise Unclear(f"delete {word}", here)

    def _flush(self, cursor: Cursor, here: Location) -> None:
        word = cursor.take()
        if word == "ruleset":
            family = cursor.take() if cursor.peek() in FAMILIES else ""
            self.tables = {key: table for key, table in self.tables.items() if family not in ("", key[0])}
        elif word == "table":
            for chain in self._table(cursor).chains.values():
                chain.rules.clear()
        elif word == "chain":
            self._chain(cursor, self._table(cursor)).rules.clear()
        elif word in ("set", "map"):
            self._set(cursor).elements.clear()
        else:
            raise Unclear(f"flush {word}", here)

    # -- names --------------------------------------------------------------------------------------------------------

    def _table_key(self, cursor: Cursor) -> Key:
        family = cursor.take() if cursor.peek() in FAMILIES else "ip"
        return family, self._name(cursor)

    def _name(self, cursor: Cursor) -> str:
        if cursor.accept("$"):
            name = cursor.word()
            held = next((scope[name] for scope in reversed(self.scopes) if name in scope), None)
            if not held:
                raise cursor.wrong(f"${name} is not defined")
            return held[0].text
        return cursor.word()

    def _table(self, cursor: Cursor) -> NftTable:
        here = cursor.here
        key = self._table_key(cursor)
        if key not in self.tables:
            raise Wrong(f"there is no table {' '.join(key)}", here)
        return self.tables[key]

    def _chain(self, cursor: Cursor, table: NftTable) -> NftChain:
        here = cursor.here
        name = self._name(cursor)
        if name not in table.chains:
            raise Wrong(f"there is no chain {name}", here)
        return table.chains[name]

    def _set(self, cursor: Cursor) -> NamedSet:
        table = self._table(cursor)
        here = cursor.here
        name = cursor.word()
        if name not in table.sets:
            raise Wrong(f"there is no set {name}", here)
        return table.sets[name]

    # -- blocks -------------------------------------------------------------------------------------------------------

    def _block(self, cursor: Cursor, line: Callable[[], None]) -> None:
        """Read a block's lines up to its closing brace, in a scope of its own."""
        self.scopes.append({})
        while not cursor.accept("}"):
            if cursor.done:
                raise cursor.wrong("unexpected end of the file")
            if cursor.peek() in (NEWLINE, ";"):
                cursor.index += 1
            elif not self._common(cursor, DEEPEST):
                line()
                if not cursor.done and cursor.peek() not in (NEWLINE, ";", "}"):
                    raise cursor.wrong(f"unexpected {cursor.shown()}")
        self.scopes.pop()

    def _table_block(self, cursor: Cursor, key: Key, here: Location, create: bool) -> None:
        if create and key in self.tables:
            raise Wrong(f"the table {' '.join(key)} is there already", here)
        table = self.tables.setdefault(key, NftTable(*key, here))
        if cursor.accept("{"):
            self._block(cursor, lambda: self._in_table(cursor, table))

    def _in_table(self, cursor: Cursor, table: NftTable) -> None:
        here = cursor.here
        word = cursor.take()
        if word == "chain":
            name = self._name(cursor)
            chain = table.chains.setdefault(name, NftChain(name, here))
            cursor.expect("{")
            self._chain_block(cursor, table, chain)
        elif word in ("set", "map"):
            name = cursor.word()
            held = table.sets.setdefault(name, NamedSet(name, here, word == "map"))
            cursor.expect("{")
            self._set_block(cursor, held)
        elif word == "flags":
            table.dormant = "dormant" in self._words(cursor)
        elif word == "comment":
            cursor.take()
        elif word in _OBJECTS:
            _to_end(cursor)
        elif cursor.kind() == WORD and word in ("meter", "tunnel"):
            raise Unclear(word, here)
        else:
            raise Wrong(f"unexpected {word!r}", here)

    def _words(self, cursor: Cursor) -> list[str]:
        found = []
        while not cursor.done and cursor.peek() not in (NEWLINE, ";", "}"):
            found.append(cursor.take())
        return found

    def _chain_block(self, cursor: Cursor, table: NftTable, chain: NftChain) -> None:
        self._block(cursor, lambda: self._in_chain(cursor, table, chain))
        brace = cursor.tokens[cursor.index - 1]
        chain.blocks.append(Block(brace.source.path, brace.at))

    def _in_chain(self, cursor: Cursor, table: NftTable, chain: NftChain) -> None:
        here = cursor.here
        if cursor.peek() == "type" and cursor.peek(2) == "hook":
            self._hook(cursor, table, chain, here)
        elif cursor.accept("policy"):
            policy = self._name(cursor)
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
            chain.devices = tuple(word for word in self._words(cursor) if word not in "{},")
        else:
            chain.rules.append(self._rule(cursor, table))

    def _hook(self, cursor: Cursor, table: NftTable, chain: NftChain, here: Location) -> None:
        cursor.take()
        chain.kind = cursor.expect("filter", "nat", "route")
        cursor.expect("hook")
        word = cursor.take()
        if word not in set(Hook):
            raise Wrong(f"there is no hook {word}", here)
        chain.hook = Hook(word)
        words = [token.text for token in self._expanded(_line(cursor))]
        if "priority" not in words:
            raise Wrong("a base chain needs a priority", here)
        at = words.index("priority")
        if words[:1] in (["device"], ["devices"]):
            chain.devices = tuple(each for each in words[1:at] if each not in "={},")
        chain.priority = _priority(table.family, [each for each in words[at + 1 :] if each != '"'], here)

    def _set_block(self, cursor: Cursor, held: NamedSet) -> None:
        self._block(cursor, lambda: self._in_set(cursor, held))

    def _in_set(self, cursor: Cursor, held: NamedSet) -> None:
        here = cursor.here
        word = cursor.take()
        if word in ("type", "typeof"):
            words = self._words(cursor)
            held.types = tuple(each for each in (words if word == "type" else ()) if each not in (".", ":"))
        elif word == "flags":
            held.flags |= {each for each in self._words(cursor) if each != ","}
        elif word == "elements":
            cursor.expect("=")
            held.elements += self._elements(cursor)
        elif word == "auto-merge":
            held.auto_merge = True
        elif word in ("timeout", "gc-interval", "size", "policy", "comment"):
            self._words(cursor)
            if word == "timeout":
                held.flags.add("timeout")
        elif word in ("counter", "limit", "quota", "last", "ct", "ip", "ip6", "tcp"):
            self._words(cursor)
        else:
            raise Wrong(f"unexpected {word!r}", here)

    def _elements(self, cursor: Cursor) -> list[Element]:
        """Read the elements of a set in braces, or those that a name stands for."""
        if cursor.peek() == "$":
            own = Cursor(self._expanded(_line(cursor)))
            return elements(own) if own.peek() == "{" else [Element((item(own),))]
        begin, depth = cursor.index, 0
        while not cursor.done:
            depth += {"{": 1, "}": -1}.get(cursor.peek(), 0) if cursor.kind() != STRING else 0
            cursor.index += 1
            if not depth:
                break
        return elements(Cursor(self._expanded(cursor.tokens[begin : cursor.index])))


_VERBS = frozenset(["add", "create", "insert", "delete", "destroy", "flush", "replace", "rename", "list", "reset",
                    "monitor", "describe", "export", "import"])  # fmt: skip

_OBJECTS = frozenset(["counter", "quota", "limit", "ct", "secmark", "synproxy", "flowtable", "counters", "quotas"])
"""What a table can hold beside chains and sets."""


def _line(cursor: Cursor) -> list[Token]:
    """The tokens up to the end of the line or a semicolon outside braces."""
    begin, depth = cursor.index, 0
    while not cursor.done and (depth or cursor.peek() not in (NEWLINE, ";", "}")):
        depth += {"{": 1, "}": -1}.get(cursor.peek(), 0)
        cursor.index += 1
    return cursor.tokens[begin : cursor.index]


def _to_end(cursor: Cursor) -> None:
    """Pass a command that makes no difference to who gets in, with its block."""
    depth = 0
    while not cursor.done and (depth or cursor.peek() not in (NEWLINE, ";", "}")):
        depth += {"{": 1, "}": -1}.get(cursor.peek(), 0)
        cursor.index += 1


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


def check_sets(script: Script, names: Names) -> None:
    """Refuse what nft refuses of the elements of sets. Raises Wrong."""
    for table in script.tables.values():
        for held in table.sets.values():
            if len(held.types) != 1 + held.is_map or not held.elements:
                continue
            try:
                _check(held, names)
            except Wrong:
                raise
            except Refused as problem:
                raise Wrong(str(problem), held.location) from problem


def _check(held: NamedSet, names: Names) -> None:
    items = [element.fields[0] for element in held.elements if element.fields != ("*",)]
    spans: list[tuple[int, int]] = []
    if held.types[0] in ("ipv4_addr", "ipv6_addr"):
        version = 4 if held.types[0] == "ipv4_addr" else 6
        for text in items:
            found = address(text, version, names)
            if isinstance(found, AddressSet):
                spans += found.spans
    elif held.types[0] == "inet_service":
        spans += ports(items, names)
    if "interval" not in held.flags and any(first != last for first, last in spans):
        raise Refused(f"the set {held.name} needs flags interval for networks and ranges")
    if held.auto_merge or held.is_map:
        return
    spans.sort()
    for (first, last), (start, end) in pairwise(spans):
        if start <= last and (first, last) != (start, end):
            raise Refused(f"elements of the set {held.name} overlap")

"""nft(8) at work: executes the commands of a script in order.

Behaviour was taken from nft(8), src/parser_bison.y and src/evaluate.c of nftables 1.0, and tested with nft 1.0.6.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from rescue.firewall.names import Names
from rescue.firewall.nft.language.tokens import NEWLINE, Cursor, NftError, NftNotModelled
from rescue.firewall.nft.read.blocks import Blocks
from rescue.firewall.nft.read.preprocess import Preprocessor
from rescue.firewall.nft.read.removal import without
from rescue.firewall.nft.read.script import NamedSet, NftChain, NftTable
from rescue.firewall.nft.read.stateful_objects import KINDS, kind_of, thing
from rescue.model import Location
from rescue.tree import Tree

FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")

Key = tuple[str, str]

_VERBS = frozenset(["add", "create", "insert", "delete", "destroy", "flush", "replace", "rename", "list", "reset",
                    "monitor", "describe", "export", "import"])  # fmt: skip

_LISTED = frozenset(["ruleset", "table", "tables", "chain", "chains", "set", "sets", "map", "maps", "meter", "meters",
                     "counter", "counters", "quota", "quotas", "limit", "limits", "secmark", "secmarks", "synproxy",
                     "synproxys", "flowtable", "flowtables", "ct", "hooks", "flow"])  # fmt: skip
_RESET = frozenset(["counter", "counters", "quota", "quotas"])
"""What can be listed, and what can be reset."""


class Script:
    """The tables while a script is being executed."""

    def __init__(self, tree: Tree, nft: tuple[int, ...] = (), names: Names | None = None) -> None:
        self.names = names or Names()
        self.preprocessor = Preprocessor(tree, nft)
        self.blocks = Blocks(self.preprocessor)
        self.tables: dict[Key, NftTable] = {}

    def run(self, path: PurePosixPath) -> None:
        """Execute a file. Raises NftError, NftNotModelled and NotCaptured."""
        cursor = Cursor(self.preprocessor.opened(path, Location(path)))
        while not cursor.done:
            if cursor.peek() in (NEWLINE, ";"):
                cursor.index += 1
                continue
            if self.preprocessor.directive(cursor):
                continue
            self._command(cursor)
            if not cursor.done and cursor.peek() not in (NEWLINE, ";"):
                raise cursor.wrong(f"unexpected {cursor.shown()}")

    # -- commands -----------------------------------------------------------------------------------------------------

    def _command(self, cursor: Cursor) -> None:
        here = cursor.here
        word = cursor.peek()
        if word == "destroy":
            cursor.since("destroy")
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
            case "rename":
                self._rename(cursor)
            case "replace":
                raise NftNotModelled(verb, here)
            case "list" | "reset":
                self._shown(cursor, verb)
            case "export":
                raise NftError("nft can export nothing any more", here)
            case _:
                cursor.line()

    def _shown(self, cursor: Cursor, verb: str) -> None:
        """Skip a command that only lists something; what it names must exist. Raises NftError."""
        word = cursor.peek()
        if verb == "reset" and word in ("rule", "rules"):
            cursor.since("reset rules")
        elif word not in (_LISTED if verb == "list" else _RESET):
            raise cursor.wrong(f"unexpected {cursor.shown()}")
        cursor.take()
        if word == "table":
            self._table(cursor)
        elif word == "chain":
            self._chain(cursor, self._table(cursor))
        elif word in ("set", "map"):
            self._set(cursor)
        cursor.line()

    def _add(self, cursor: Cursor, *, create: bool) -> None:
        here = cursor.here
        word = cursor.peek()
        if word == "table":
            cursor.take()
            self._add_table(cursor, here, create=create)
        elif word == "chain":
            cursor.take()
            table = self._table(cursor)
            name = cursor.identifier()
            if create and name in table.chains:
                raise NftError(f"the chain {name} is there already", here)
            chain = table.chains.setdefault(name, NftChain(name, here))
            if cursor.accept("{"):
                self.blocks.chain(cursor, table, chain)
                self.blocks.settle(table)
            chain.made = True
        elif word in ("set", "map"):
            cursor.take()
            table = self._table(cursor)
            name = cursor.identifier()
            if create and name in table.sets:
                raise NftError(f"the set {name} is there already", here)
            held = table.sets.setdefault(name, NamedSet(name, here, word == "map"))
            cursor.expect("{")
            self.blocks.set(cursor, held)
        elif word == "element":
            cursor.take()
            held = self._set(cursor)
            held.elements += self.blocks.elements(cursor)
        elif word in KINDS:
            self._add_thing(cursor, here, create=create)
        else:
            if create:
                raise NftError("a rule can be added or inserted, and not created", here)
            if word == "rule":
                cursor.take()
            self._add_rule(cursor, first=False)

    def _add_thing(self, cursor: Cursor, here: Location, *, create: bool) -> None:
        kind = kind_of(cursor)
        table = self._table(cursor)
        found = thing(cursor, self.preprocessor, kind, here, table.family, bare=True)
        if create and found[:2] in table.things:
            raise NftError(f"the {kind} {found.name} is there already", here)
        table.things.setdefault(found[:2], found)

    def _rename(self, cursor: Cursor) -> None:
        cursor.expect("chain")
        table = self._table(cursor)
        here = cursor.here
        chain = self._chain(cursor, table)
        cursor.identifier()
        raise NftError(f"the chain {chain.name} can't get another name in the file that makes it", here)

    def _add_table(self, cursor: Cursor, here: Location, *, create: bool) -> None:
        key = self._table_key(cursor)
        if create and key in self.tables:
            raise NftError(f"the table {' '.join(key)} is there already", here)
        table = self.tables.setdefault(key, NftTable(*key, here))
        if cursor.accept("{"):
            self.blocks.table(cursor, table)

    def _add_rule(self, cursor: Cursor, *, first: bool) -> None:
        here = cursor.here
        at = cursor.tokens[min(cursor.index, len(cursor.tokens) - 1)].at
        table = self._table(cursor)
        chain = self._chain(cursor, table)
        place = 0 if first else len(chain.rules)
        if cursor.peek() in ("position", "handle"):
            raise NftNotModelled(f"a rule's {cursor.peek()}", here)
        if cursor.accept("index"):
            place = cursor.number()
            if place >= len(chain.rules):
                raise NftError(f"the chain {chain.name} has no rule of the index {place}", here)
            place += not first
        rule = self.blocks.rule(cursor, table)
        self.blocks.settle(table)
        rule.block, rule.at = False, at
        chain.rules.insert(place, rule)

    def _delete(self, cursor: Cursor, here: Location, *, must: bool) -> None:
        word = cursor.take()
        if word == "table":
            key = self._table_key(cursor)
            if self.tables.pop(key, None) is None and must:
                raise NftError(f"there is no table {' '.join(key)}", here)
        elif word in ("chain", "set", "map"):
            table = self._table(cursor)
            name = cursor.identifier()
            held: dict[str, NftChain] | dict[str, NamedSet] = table.chains if word == "chain" else table.sets
            if held.pop(name, None) is None and must:
                raise NftError(f"there is no {word} {name}", here)
        elif word == "element":
            found = self._set(cursor)
            gone = self.blocks.elements(cursor)
            found.elements = without(found, gone, self.names, here, must=must)
        elif word in KINDS:
            cursor.index -= 1
            kind = kind_of(cursor)
            table = self._table(cursor)
            name = cursor.identifier()
            if table.things.pop((kind, name), None) is None and must:
                raise NftError(f"there is no {kind} {name}", here)
        else:
            raise NftNotModelled(f"delete {word}", here)

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
            held = self._set(cursor)
            if held.is_map is not (word == "map"):
                raise NftError(f"there is no {word} {held.name}", here)
            held.elements.clear()
        else:
            raise NftNotModelled(f"flush {word}", here)

    # -- names --------------------------------------------------------------------------------------------------------

    def _table_key(self, cursor: Cursor) -> Key:
        family = cursor.take() if cursor.peek() in FAMILIES else "ip"
        return family, cursor.identifier()

    def _table(self, cursor: Cursor) -> NftTable:
        here = cursor.here
        key = self._table_key(cursor)
        if key not in self.tables:
            raise NftError(f"there is no table {' '.join(key)}", here)
        return self.tables[key]

    def _chain(self, cursor: Cursor, table: NftTable) -> NftChain:
        here = cursor.here
        name = cursor.identifier()
        if name not in table.chains:
            raise NftError(f"there is no chain {name}", here)
        return table.chains[name]

    def _set(self, cursor: Cursor) -> NamedSet:
        table = self._table(cursor)
        here = cursor.here
        name = cursor.identifier()
        if name not in table.sets:
            raise NftError(f"there is no set {name}", here)
        return table.sets[name]

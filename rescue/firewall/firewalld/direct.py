"""direct.xml: chains and rules of iptables that firewalld passes on (firewalld.direct(5), core/fw_direct.py).

With the nftables backend they are in iptables' own chains, which run before firewalld's; with the iptables backend in
separate chains, before the zones.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from rescue.firewall.engine.ruleset import BUILT_IN, Table
from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.firewall.firewalld.xml import Element, parse
from rescue.firewall.iptables.load import Loader
from rescue.firewall.names import Names
from rescue.model import Location
from rescue.tree import Tree

PATH = PurePosixPath("/etc/firewalld/direct.xml")

_ATTRIBUTES = {
    "chain": ("ipv", "table", "chain"),
    "rule": ("ipv", "table", "chain", "priority"),
    "passthrough": ("ipv",),
}


@dataclass(frozen=True, slots=True)
class _Command:
    """One line for iptables-restore."""

    table: str
    line: str
    at: Location


def direct_tables(tree: Tree, version: int, names: Names, backend: str, *, nftables: bool) -> dict[str, Table]:
    """The iptables tables that direct.xml fills, by name. Raises FirewalldError and FirewalldNotModelled."""
    data = tree.data(PATH)
    if data is None:
        return {}
    try:
        root = parse(data, PATH)
    except FirewalldError:
        return {}  # firewalld logs this, and continues without
    loader = Loader(version, names, backend)
    for command in _commands(root, f"ipv{version}", nftables=nftables):
        text = f"*{command.table}\n{command.line}\nCOMMIT\n"
        if not loader.restore(text, PATH, noflush=True, shown=command.at):
            raise FirewalldError(loader.problems[-1].message, command.at)
    return dict(loader.ruleset().tables)


def is_used(tree: Tree) -> bool:
    """Whether direct.xml contains any rules."""
    data = tree.data(PATH)
    try:
        return data is not None and bool(parse(data, PATH).children)
    except FirewalldError:
        return False


def joined(own: Mapping[str, Table], direct: Mapping[str, Table]) -> dict[str, Table]:
    """The iptables backend's tables with those of direct.xml added."""
    found = dict(own)
    for name, table in direct.items():
        built_in = BUILT_IN[name]
        chains = {each: chain for each, chain in table.chains.items() if each not in built_in}
        mine = found[name].chains if name in found else {}
        for each in built_in:
            chain = table.chains[each]
            if each not in mine and f"{each}_direct" in chains and not chain.rules:
                # firewalld's own jump, in a chain for which nothing else was built.
                chains[each] = replace(chain, rules=chains[f"{each}_direct"].rules)
        found[name] = Table(name, {**mine, **chains})
    return found


def _commands(root: Element, family: str, *, nftables: bool) -> Iterator[_Command]:
    for element in root.children:
        needed = _ATTRIBUTES.get(element.name)
        if needed is None or set(needed) != element.attributes.keys():
            raise FirewalldError(f"<{element.name}> with missing or unknown attributes", element.location)
        if element.get("ipv") not in ("ipv4", "ipv6", "eb"):
            raise FirewalldError(f"not a family: {element.get('ipv')!r}", element.location)
    mine = [element for element in root.children if element.get("ipv") == family]
    own = [element for element in mine if element.name == "chain"]
    if not nftables:
        for table, chains in BUILT_IN.items():
            for chain in chains:
                yield _Command(table, f":{chain}_direct - [0:0]", Location(PATH))
    for element in own:
        yield _Command(_table(element), f":{element.attributes['chain']} - [0:0]", element.location)
    yield from _rules([element for element in mine if element.name == "rule"], nftables=nftables)
    for element in mine:
        if element.name == "passthrough" and element.text.strip():
            if not nftables:
                raise FirewalldNotModelled("a passthrough rule with the iptables backend", element.location)
            yield _passthrough(element)


def _rules(elements: list[Element], *, nftables: bool) -> Iterator[_Command]:
    """The rules in their final order in the kernel.

    Each goes after those of the same or a lower priority; if a chain has two names (INPUT, INPUT_direct), each is
    counted separately, from the chain's front.
    """
    held: dict[tuple[str, str], list[_Command]] = {}
    counted: dict[tuple[str, str], list[int]] = {}
    named = dict.fromkeys((element.attributes["table"], element.attributes["chain"]) for element in elements)
    for table_and_chain in named:
        for element in elements:
            if (element.attributes["table"], element.attributes["chain"]) != table_and_chain:
                continue
            order = _priority(element)
            table, chain = _table(element), _chain(element, nftables=nftables)
            known = counted.setdefault(table_and_chain, [])
            at = sum(each <= order for each in known)
            words = _split(_words(element)) if element.text.strip() else []
            lines = [f"-A {chain} {_quoted(each)}" for each in words]
            into = held.setdefault((table, chain), [])
            into[at:at] = [_Command(table, line, element.location) for line in lines]
            known += [order] * len(lines)
    for commands in held.values():
        yield from commands


def _priority(element: Element) -> int:
    try:
        return int(element.attributes["priority"])
    except ValueError as problem:
        raise FirewalldNotModelled("a priority that is not a number", element.location) from problem


def _chain(element: Element, *, nftables: bool) -> str:
    chain = element.attributes["chain"]
    bare = chain.removesuffix("_direct")
    if bare in BUILT_IN[_table(element)]:
        return bare if nftables else f"{bare}_direct"
    return chain


def _split(words: list[str]) -> list[list[str]]:
    """One rule for each address of a list, as firewalld does."""
    found = [words]
    for options in (("-s", "--source"), ("-d", "--destination")):
        at = next((index for index, word in enumerate(words[:-1]) if word in options), None)
        if at is not None:
            found = [[*each[: at + 1], part, *each[at + 2 :]] for each in found for part in words[at + 1].split(",")]
    return found


def _passthrough(element: Element) -> _Command:
    words, table = _words(element), "filter"
    for option in ("-t", "--table"):
        if option in words[:-1]:
            at = words.index(option)
            table = words[at + 1]
            del words[at : at + 2]
    if table not in BUILT_IN:
        raise FirewalldError(f"there is no table {table!r}", element.location)
    return _Command(table, _quoted(words), element.location)


def _table(element: Element) -> str:
    table = element.attributes["table"]
    if table not in BUILT_IN:
        raise FirewalldError(f"there is no table {table!r}", element.location)
    return table


def _words(element: Element) -> list[str]:
    try:
        return shlex.split(element.text)
    except ValueError as problem:
        raise FirewalldError(f"quotes that do not end: {problem}", element.location) from problem


def _quoted(words: list[str]) -> str:
    return " ".join(f'"{word}"' if " " in word or not word else word for word in words)

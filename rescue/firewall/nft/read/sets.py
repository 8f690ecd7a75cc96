"""The named sets and maps of nftables: what nft and the kernel reject (nft(8), "SETS"; src/evaluate.c)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.names import Names, RuleError
from rescue.firewall.nft.language.datatypes import check
from rescue.firewall.nft.language.tokens import NftError
from rescue.firewall.nft.language.values import address, ports
from rescue.firewall.nft.read.commands import Script
from rescue.firewall.nft.read.script import Element, NamedSet, NftRule, NftTable, NftVerdict, VerdictMap


def check_sets(script: Script, names: Names) -> None:
    """Reject the set elements that nft rejects. Raises NftError."""
    for table in script.tables.values():
        for held in table.sets.values():
            try:
                _check(held, names)
                _check_things(table, held)
            except NftError:
                raise
            except RuleError as problem:
                raise NftError(str(problem), held.location) from problem
        for chain in table.chains.values():
            for rule in chain.rules:
                _check_maps_of(rule, names)


def _check_maps_of(rule: NftRule, names: Names) -> None:
    for each in rule.statements:
        if isinstance(each, VerdictMap) and not each.named:
            try:
                _check_map("a map", [selector.kind for selector in each.selectors], each.elements, names)
            except RuleError as problem:
                raise NftError(str(problem), rule.location) from problem


def _check(held: NamedSet, names: Names) -> None:
    spans: list[tuple[int, int]] = []
    keys = held.keys
    single = len(keys) == 1
    for element in held.elements:
        if element.fields == ("*",):
            continue
        if len(element.fields) != len(keys):
            raise RuleError(f"an element of {held.name} has {len(element.fields)} fields, not {len(keys)}")
        if element.carries:
            _check_carried(held, element)
        if held.is_map is (element.data is None):
            raise RuleError(f"an element of {held.name} {'has no value' if held.is_map else 'has a value'}")
        if held.is_map and held.data and (held.data == "verdict") is not isinstance(element.data, NftVerdict):
            raise RuleError(f"an element of {held.name} has a value of the wrong type for the map")
        for field, kind in zip(element.fields, keys, strict=True):
            found = _spans(field, kind, names)
            if single:
                spans += found
            elif "interval" not in held.flags and any(first != last for first, last in found):
                raise RuleError(f"the set {held.name} needs flags interval for networks and ranges")
    if "interval" not in held.flags and any(first != last for first, last in spans):
        raise RuleError(f"the set {held.name} needs flags interval for networks and ranges")
    if held.is_map:
        for element in held.elements:
            if isinstance(element.data, str) and held.data in ("mark", "inet_service"):
                check_one(element.data, held.data, names)
        _check_map(held.name, keys, held.elements, names)
    if held.auto_merge or held.is_map:
        return
    spans.sort()
    for (first, last), (start, end) in pairwise(spans):
        if start <= last and (first, last) != (start, end):
            raise RuleError(f"elements of the set {held.name} overlap")


def check_one(text: str, kind: str, names: Names) -> None:
    """Reject anything that is not one value of a type. Raises RuleError."""
    if " . " in text:
        return
    if kind == "inet_service":
        ports([text], names)
    else:
        check([text], kind, names)


def _check_things(table: NftTable, held: NamedSet) -> None:
    """Reject a map that leads to objects missing in the table. Raises RuleError."""
    if held.data in _THINGS:
        for element in held.elements:
            if (held.data, element.data) not in table.things:
                raise RuleError(f"there is no {held.data} {element.data}")


_THINGS = ("counter", "quota", "limit", "synproxy", "secmark")


def _check_carried(held: NamedSet, element: Element) -> None:
    for word in element.carries:
        if word in ("timeout", "expires"):
            if "timeout" not in held.flags:
                raise RuleError(f"an element of {held.name} has a timeout, but the set lacks flags timeout")
        elif word not in held.carries and "dynamic" not in held.flags:
            raise RuleError(f"an element of {held.name} has a {word}, but the set does not declare one")


def _check_map(name: str, keys: Sequence[str], elements: Iterable[Element], names: Names) -> None:
    """Reject map elements that lead from one key to two things, or overlap. Raises RuleError."""
    held: dict[tuple[tuple[int, int] | str, ...], object] = {}
    for element in elements:
        if len(element.fields) != len(keys):
            continue
        found = [
            _spans(field, kind, names) if field != "*" else [] for field, kind in zip(element.fields, keys, strict=True)
        ]
        key = tuple(spans[0] if len(spans) == 1 else field for spans, field in zip(found, element.fields, strict=True))
        if held.setdefault(key, element.data) != element.data:
            raise RuleError(f"{name} leads from {' . '.join(element.fields)} to two things")
    spans = sorted(span for key in held if len(key) == 1 for span in key if isinstance(span, tuple))
    for (_, last), (start, _) in pairwise(spans):
        if start <= last:
            raise RuleError(f"elements of {name} overlap")


def _spans(text: str, kind: str, names: Names) -> list[tuple[int, int]]:
    """The range of an element, for addresses or ports. Raises RuleError."""
    if kind in ("ipv4_addr", "ipv6_addr"):
        found = address(text, 4 if kind == "ipv4_addr" else 6, names)
        return list(found.spans) if isinstance(found, AddressSet) else []
    if kind == "inet_service":
        return list(ports([text], names))
    check([text], kind, names)
    return []

"""The named sets and maps of nftables: what nft and the kernel refuse of them (nft(8), "SETS"; src/evaluate.c)."""

from __future__ import annotations

from itertools import pairwise

from rescue.firewall.addresses import AddressSet
from rescue.firewall.matches import Names, Refused
from rescue.firewall.nft.commands import Script
from rescue.firewall.nft.datatypes import check
from rescue.firewall.nft.script import NamedSet, Verdict
from rescue.firewall.nft.tokens import Wrong
from rescue.firewall.nft.values import address, ports


def check_sets(script: Script, names: Names) -> None:
    """Refuse what nft refuses of the elements of sets. Raises Wrong."""
    for table in script.tables.values():
        for held in table.sets.values():
            try:
                _check(held, names)
            except Wrong:
                raise
            except Refused as problem:
                raise Wrong(str(problem), held.location) from problem


def _check(held: NamedSet, names: Names) -> None:
    spans: list[tuple[int, int]] = []
    keys = held.keys
    single = len(keys) == 1
    for element in held.elements:
        if element.fields == ("*",):
            continue
        if len(element.fields) != len(keys):
            raise Refused(f"an element of {held.name} has {len(element.fields)} fields, not {len(keys)}")
        if held.is_map is (element.data is None):
            raise Refused(f"an element of {held.name} {'leads to nothing' if held.is_map else 'leads to something'}")
        if held.is_map and held.data and (held.data == "verdict") is not isinstance(element.data, Verdict):
            raise Refused(f"an element of {held.name} leads to something else than the map has")
        for field, kind in zip(element.fields, keys, strict=True):
            found = _spans(field, kind, names)
            if single:
                spans += found
            elif "interval" not in held.flags and any(first != last for first, last in found):
                raise Refused(f"the set {held.name} needs flags interval for networks and ranges")
    if "interval" not in held.flags and any(first != last for first, last in spans):
        raise Refused(f"the set {held.name} needs flags interval for networks and ranges")
    if held.auto_merge or held.is_map:
        return
    spans.sort()
    for (first, last), (start, end) in pairwise(spans):
        if start <= last and (first, last) != (start, end):
            raise Refused(f"elements of the set {held.name} overlap")


def _spans(text: str, kind: str, names: Names) -> list[tuple[int, int]]:
    """The range that an element stands for, where it is of addresses or ports. Raises Refused."""
    if kind in ("ipv4_addr", "ipv6_addr"):
        found = address(text, 4 if kind == "ipv4_addr" else 6, names)
        return list(found.spans) if isinstance(found, AddressSet) else []
    if kind == "inet_service":
        return list(ports([text], names))
    check([text], kind, names)
    return []

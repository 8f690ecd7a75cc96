"""Rules that use an ipset: which clients ``-m set --match-set NAME src`` matches (net/netfilter/xt_set.c)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.conditions import (
    Addresses,
    Answer,
    AnyOf,
    Condition,
    Doubt,
    Fixed,
    Interface,
    Mark,
    Ports,
    TransportProtocol,
)
from rescue.firewall.engine.packet import Packet
from rescue.firewall.ipset.load import IpSet, IpSets

DIRECTIONS = frozenset(["src", "dst"])
MOST_DIMENSIONS = 6


@dataclass(frozen=True, slots=True)
class InSet:
    """The packet's addresses (ports, interfaces) are in a set. sides: for each dimension, whether it is compared
    with the packet's source rather than its destination."""

    held: IpSet
    sides: tuple[bool, ...]
    sets: IpSets
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        found = _answer(self.held, self.sides, self.sets, packet)
        if isinstance(found, AddressSet):
            return ~found if self.negated else found
        return (found is not self.negated) if isinstance(found, bool) else found

    @property
    def of_client(self) -> bool:
        """Whether it matches on the connection's source."""
        return self.sides[0] and (self.held.version is not None or self.held.type == "list:set")


@lru_cache(maxsize=512)
def _answer(held: IpSet, sides: tuple[bool, ...], sets: IpSets, packet: Packet) -> Answer:
    if held.type == "list:set":
        return AnyOf(tuple((InSet(each, sides, sets),) for each in _listed(held, sets))).on(packet)
    if held.version not in (None, packet.version) or len(sides) < len(held.dimensions):
        return False
    if held.doubt:
        return Doubt(f"the ipset {held.name}: {held.doubt}")
    alternatives = tuple(_alternatives(held, sides))
    if held.has_exceptions and held.dimensions.count("net") + held.dimensions.count("ip") > 1:
        return Doubt(f"the ipset {held.name}, which has exceptions between two networks")
    return AnyOf(alternatives).on(packet) if alternatives else False


def _listed(held: IpSet, sets: IpSets) -> Iterator[IpSet]:
    for (name,), member in held.members.items():
        found = sets.sets.get(name)
        if found is not None and found.type != "list:set" and not member.nomatch:
            yield found


def _alternatives(held: IpSet, sides: tuple[bool, ...]) -> Iterator[tuple[Condition, ...]]:
    """The conditions on a packet, for each of several ways to be in the set."""
    dimensions = held.dimensions
    if held.version is None:
        for key in held.members:
            yield tuple(each for at, part in enumerate(key) for each in _asked(held, dimensions[at], part, sides[at]))
        return
    for rest, addresses in held.groups.items():
        further = tuple(
            each for at, part in enumerate(rest, start=1) for each in _asked(held, dimensions[at], part, sides[at])
        )
        # Check what is known of the packet first: a doubt does not matter if another condition fails.
        yield (*further, Addresses(sides[0], addresses))


def _asked(held: IpSet, dimension: str, part: Any, source: bool) -> Iterator[Condition]:
    match dimension:
        case "ip" | "net":
            yield Addresses(source, AddressSet(held.version or 4, part))
        case "port":
            protocol, low, high = part
            if protocol is None:
                yield AnyOf(tuple((TransportProtocol(number),) for number in (6, 17, 132, 136)))
            else:
                yield TransportProtocol(protocol)
            yield Ports(source, not source, ((low, high),))
        case "iface" if part.startswith("physdev:"):
            yield Fixed(Doubt("a bridge's port"))
        case "iface":
            yield Interface(source, part)
        case "mark":
            yield Mark(part, 0xFFFFFFFF)
        case "mac":
            if part:
                yield Fixed(Doubt("the MAC address that your packets arrive from"))

"""Zones, policies, services and sets, each part with its location."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rescue.model import Location

UNSAID = ""
"""The target of a zone whose file sets none."""

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports of a protocol."""

    first: int
    last: int
    protocol: str
    location: Location

    @property
    def ranges(self) -> Ranges:
        return ((self.first, self.last),)


@dataclass(frozen=True, slots=True)
class Forward:
    """A forwarded port, of one IP version."""

    port: PortRange
    version: int


@dataclass(frozen=True, slots=True)
class Named:
    """A name and where it is used: a service, an interface, an address, a zone."""

    name: str
    location: Location


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The source or destination of a rich rule: one of address, MAC and set."""

    address: str = ""
    mac: str = ""
    ipset: str = ""
    invert: bool = False


@dataclass(frozen=True, slots=True)
class RichRule:
    """A rich rule (firewalld.richlanguage(5)). element: what it is about ("service", ...), empty for everything;
    value: its name. action: "accept", "reject", "drop", "mark", or empty for one that only logs."""

    location: Location
    family: str = ""
    priority: int = 0
    source: Endpoint | None = None
    destination: Endpoint | None = None
    element: str = ""
    value: str = ""
    port: PortRange | None = None
    action: str = ""
    reject_type: str = ""
    mark: str = ""
    limited: bool = False


@dataclass(slots=True)
class Area:
    """What zones and policies have in common. location: the outermost element. target: what happens to the rest.

    A zone whose file explicitly says "default" has no rule for the rest (firewalld treats UNSAID differently).
    """

    name: str
    location: Location
    target: str = UNSAID
    services: list[Named] = field(default_factory=list)
    ports: list[PortRange] = field(default_factory=list)
    protocols: list[Named] = field(default_factory=list)
    source_ports: list[PortRange] = field(default_factory=list)
    icmp_blocks: list[Named] = field(default_factory=list)
    forward_ports: list[Forward] = field(default_factory=list)
    rules: list[RichRule] = field(default_factory=list)
    icmp_block_inversion: bool = False


@dataclass(slots=True)
class Zone(Area):
    """A zone. ingress_priority: that of its dispatch, since firewalld 2.0."""

    interfaces: list[Named] = field(default_factory=list)
    sources: list[Named] = field(default_factory=list)
    ingress_priority: int = 0
    combined: bool = False


@dataclass(slots=True)
class Policy(Area):
    """A policy (firewalld.policy(5))."""

    target: str = "CONTINUE"
    priority: int = -1
    ingress: list[Named] = field(default_factory=list)
    egress: list[Named] = field(default_factory=list)


@dataclass(slots=True)
class Service:
    """A service. destination: the address by "ipv4" and "ipv6", if limited to one."""

    name: str
    location: Location
    ports: list[PortRange] = field(default_factory=list)
    protocols: list[Named] = field(default_factory=list)
    source_ports: list[PortRange] = field(default_factory=list)
    destination: Mapping[str, str] = field(default_factory=dict)
    includes: list[Named] = field(default_factory=list)


@dataclass(slots=True)
class AddressList:
    """An ipset. kind: "hash:net" and so on. version: of its addresses. entries: with their locations."""

    name: str
    location: Location
    kind: str
    version: int = 4
    entries: list[Named] = field(default_factory=list)

"""The conditions of rules. Each evaluates one packet of the connection, for all clients at once.

The answer is yes or no if that is certain, a set of client addresses if it depends on the client, `Assumed` if it holds
on a freshly booted server (no rate limit used up, no list filled), and `Doubt` if the disk does not show it. Each match
works as in the kernel's module (net/netfilter/xt_*.c) and iptables-extensions(8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from rescue.firewall.engine.addresses import AddressSet, Masked, ordinary, union
from rescue.firewall.engine.packet import EPHEMERAL, TCP, TRACKED, Packet, is_internal


@dataclass(frozen=True, slots=True)
class Doubt:
    """Can't be determined from the disk; `reason` completes "it depends on ..."."""

    reason: str


@dataclass(frozen=True, slots=True)
class Assumed:
    """Certain under an assumption; `note` names it."""

    value: bool
    note: str


Answer = bool | AddressSet | Doubt | Assumed

MOST_OWN = 1000
"""How many addresses of the server are evaluated one by one."""


class Condition(Protocol):
    """One condition of a rule; a rule applies if all of its conditions hold."""

    def on(self, packet: Packet) -> Answer:
        """Whether the condition holds for `packet`, or the clients for which it does."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same answer for every packet of a TCP connection."""

    answer: bool | Doubt | Assumed

    def on(self, packet: Packet) -> Answer:
        return self.answer


@dataclass(frozen=True, slots=True)
class Addresses:
    """The packet's source (or destination) address. `addresses` already includes the negation, except in a `Masked`."""

    source: bool
    addresses: AddressSet | Masked
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        if self.source is packet.inward:
            if isinstance(self.addresses, AddressSet):
                return self.addresses
            if packet.lone is None:
                return Doubt("the client's address (a mask with holes)")
            return (packet.lone in self.addresses) is not self.negated
        return self._server(packet)

    def _server(self, packet: Packet) -> Answer:
        if packet.server is not None:
            inside = packet.server in self.addresses
            return inside is not self.negated if isinstance(self.addresses, Masked) else inside
        if packet.own is not None and not packet.group:
            answer = self._holds_of_all(packet.own)
            if answer is not None:
                return Assumed(answer, "the server has the addresses that its network's files give it")
        if isinstance(self.addresses, Masked):
            return Doubt("the server's own address")
        possible = ordinary(packet.version)
        inside_set = possible & self.addresses
        if not inside_set:
            return False
        if inside_set == possible:
            return True
        # A rule for one address that ends in 0 or 255 is about broadcasts, which no server has as its own.
        single = self.addresses if self.addresses.count == 1 else ~self.addresses
        if packet.version == 4 and single.count == 1 and single.bounds[0] & 0xFF in (0, 0xFF):
            return Assumed(self.addresses is not single, f"{single.first} is not an address of the server")
        return Doubt(f"the server's own address (the rule is for {self.addresses.summary()})")

    def _holds_of_all(self, own: AddressSet) -> bool | None:
        """Whether it holds for all of the server's addresses, or none; None if for some."""
        if isinstance(self.addresses, AddressSet):
            inside = own & self.addresses
            return bool(inside) if not inside or inside == own else None
        if own.count > MOST_OWN:
            return None
        pairs = zip(own.bounds[::2], own.bounds[1::2], strict=True)
        answers = {each in self.addresses for low, high in pairs for each in range(low, high)}
        return (answers == {True}) is not self.negated if len(answers) == 1 else None


@dataclass(frozen=True, slots=True)
class Interface:
    """The interface on which the packet comes in (or goes out). A name ending in "+" matches every name with that
    prefix."""

    inward: bool
    name: str
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        answer = self._matches(packet)
        return answer if isinstance(answer, Doubt) else answer is not self.negated

    def _matches(self, packet: Packet) -> bool | Doubt:
        if self.name == "+":
            return True
        if self.inward is not packet.inward:
            return False  # an outgoing packet has no input interface, and vice versa
        if packet.interface is not None:
            if self.name.endswith("+"):
                return packet.interface.startswith(self.name[:-1])
            return packet.interface == self.name
        if is_internal(self.name):
            return False
        return Doubt(f"the network interface (the rule is for {self.name})")


@dataclass(frozen=True, slots=True)
class TransportProtocol:
    """The protocol number."""

    number: int
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        return (packet.protocol == self.number) is not self.negated


ORIGINAL, REPLY = "original", "reply"
"""conntrack's two directions of a connection."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ranges of source ports, destination ports, or (both true) either.

    of: compare the server's port with what conntrack knows of the connection, not with the packet: ORIGINAL is the port
    the client connects to, REPLY the one that the server answers from. They differ if a rule redirects.
    """

    source: bool
    destination: bool
    ranges: tuple[tuple[int, int], ...]
    negated: bool = False
    of: str = ""

    def _port(self, packet: Packet) -> int:
        known = {ORIGINAL: packet.asked, REPLY: packet.answering}.get(self.of)
        return packet.port if known is None else known

    def on(self, packet: Packet) -> Answer:
        server = self.destination if packet.inward else self.source
        client = self.source if packet.inward else self.destination
        if server and any(low <= self._port(packet) <= high for low, high in self.ranges):
            return not self.negated
        if not client:
            return self.negated
        first, last = EPHEMERAL
        if any(low <= first and high >= last for low, high in self.ranges):
            return not self.negated
        if all(high < first or low > last for low, high in self.ranges):
            return self.negated
        return Doubt("the port that the client comes from")


@dataclass(frozen=True, slots=True)
class Flags:
    """TCP flags: of those in `mask`, exactly `wanted` are set."""

    mask: frozenset[str]
    wanted: frozenset[str]
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        return (packet.flags & self.mask == self.wanted) is not self.negated


@dataclass(frozen=True, slots=True)
class States:
    """conntrack's state is one of `names`."""

    names: frozenset[str]
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        if not packet.state:
            return Doubt("the state that the kernel gives to the packet")
        fits = packet.state in self.names or (packet.answering is not None and "DNAT" in self.names)
        return fits is not self.negated


PATIENT = 30
"""The fewest packets that an ssh login takes each way; about this many are sent within a second or two."""


@dataclass(frozen=True, slots=True)
class Limited:
    """Whether a limit is not used up yet; matching packets of the connection itself count as well.

    packets: the burst. fast: it refills while a connection is being made. used_up: the rule matches above the limit.
    name: identifies the limit, to know whether the first packet has counted towards it.
    """

    name: str
    packets: int
    what: str
    fast: bool = False
    used_up: bool = False

    def on(self, packet: Packet) -> Answer:
        if packet.protocol != TCP or "RST" in packet.flags:
            return Assumed((self.packets > 0) is not self.used_up, self.note)
        first = packet.inward and "SYN" in packet.flags
        left = self.packets - (not first and self.name in packet.listed)
        needed = 1 if first else 2
        if left < needed and packet.inward and (first or not self.fast):
            return Assumed(self.used_up, self.note)
        if left < needed or (not first and left < PATIENT and not self.fast):
            return Doubt(f"whether {self.what} last for the packets of your own connection")
        return Assumed(not self.used_up, self.note)

    @property
    def note(self) -> str:
        """The assumptions made."""
        return f"{self.what} are not used up"


_ALWAYS, _OFTEN = 2, frozenset([1, 3, 4, 8, 30, 34])
"""TCP options that every client's first packet has (the maximum segment size), and those that only some have."""


@dataclass(frozen=True, slots=True)
class TcpOption:
    """The packet has a TCP option, given by number."""

    number: int
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        if packet.protocol != TCP or "RST" in packet.flags:
            return False
        if "SYN" in packet.flags:
            if self.number not in _OFTEN:
                return (self.number == _ALWAYS) is not self.negated
        elif self.number not in (1, 5, 8, 30):
            return self.negated
        return Doubt("the options of the client's TCP")


@dataclass(frozen=True, slots=True)
class Redirected:
    """A rule has redirected the connection to another port (conntrack's status DNAT)."""

    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        return (packet.answering is not None) is not self.negated


@dataclass(frozen=True, slots=True)
class Tracked:
    """The packet belongs to a connection that conntrack tracks, or (`negated`) to none."""

    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        return (packet.state in TRACKED) is not self.negated


@dataclass(frozen=True, slots=True)
class Inward:
    """The packet goes in the direction in which the connection was opened."""

    inward: bool
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        return (packet.inward is self.inward) is not self.negated


@dataclass(frozen=True, slots=True)
class ByDirection:
    """One condition for packets from the client, another for packets to it."""

    inward: Condition
    outward: Condition

    def on(self, packet: Packet) -> Answer:
        return self.inward.on(packet) if packet.inward else self.outward.on(packet)


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """The type of the server's own address in the packet, as addrtype calls it: LOCAL, or MULTICAST for a group."""

    kinds: frozenset[str]
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        return (("MULTICAST" if packet.group else "LOCAL") in self.kinds) is not self.negated


@dataclass(frozen=True, slots=True)
class Mark:
    """The packet's mark (or its connection's), under a mask."""

    value: int
    mask: int
    connection: bool = False
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        if self.connection and packet.state not in TRACKED:
            return False  # without a connection nothing matches, negated or not (xt_connmark.c, nft_ct.c)
        mark = packet.connmark if self.connection else packet.mark
        if mark is None:
            return Doubt("a packet mark")
        return (mark & self.mask == self.value) is not self.negated


@dataclass(frozen=True, slots=True)
class Recent:
    """Whether the client is on a list of the "recent" module. Lists are empty after boot.

    With `opens` (port knocking), the client may know how to get on the list. hits: how often the client must have been
    seen, 0 for any number.
    """

    name: str
    hits: int
    opens: bool
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        if self.hits <= 1 and self.name in packet.listed:
            return Doubt(f"the list {self.name} of recent clients")
        if self.hits <= 1 and self.opens is not self.negated:
            return Doubt(f"the list {self.name} of recent clients (port knocking)")
        return Assumed(self.negated, f"the client is not on the list {self.name} of recent clients")


@dataclass(frozen=True, slots=True)
class RecentSet:
    """Puts the client on a list of the "recent" module; always holds."""

    name: str
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        return not self.negated


@dataclass(frozen=True, slots=True)
class Payload:
    """A text in the packet. The first packets of a connection contain no text but the ssh client's banner."""

    text: str
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        if packet.protocol == TCP and "SYN" in packet.flags:
            return self.negated
        if self.text.upper() in "SSH-2.0-OPENSSH" or "SSH-" in self.text.upper():
            return Doubt("the content of the packets")
        return Assumed(self.negated, "the packets do not contain a text that the rules look for")


@dataclass(frozen=True, slots=True)
class HopLimit:
    """The hop limit (IPv4: time to live) is from `low` to `high`."""

    low: int
    high: int
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        if packet.hops is None:
            return Doubt("the distance of the client (TTL)")
        return (self.low <= packet.hops <= self.high) is not self.negated


@dataclass(frozen=True, slots=True)
class ToGroup:
    """The packet is sent to a multicast group (or, `wanted` false, to the server alone)."""

    wanted: bool

    def on(self, packet: Packet) -> Answer:
        return packet.group is self.wanted


@dataclass(frozen=True, slots=True)
class Icmp:
    """An ICMP message of a (type, code), code None for any; `wanted` None for an unknown type."""

    wanted: tuple[int, int | None] | None
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        if packet.icmp is None:
            return False
        if self.wanted is None:
            return Doubt("the type of an ICMP message")
        kind, code = self.wanted
        same = packet.icmp[0] == kind and code in (None, packet.icmp[1])
        return same is not self.negated


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several alternatives holds; each is a conjunction of conditions."""

    alternatives: tuple[tuple[Condition, ...], ...]
    negated: bool = False

    def on(self, packet: Packet) -> Answer:
        found: list[AddressSet] = []
        doubt: Doubt | None = None
        assumed: Assumed | None = None
        for alternative in self.alternatives:
            answer = all_of(alternative, packet)
            if answer is True:
                return not self.negated
            if isinstance(answer, AddressSet):
                found.append(answer)
            elif isinstance(answer, Doubt):
                doubt = doubt or answer
            elif isinstance(answer, Assumed) and (assumed is None or answer.value):
                assumed = answer
        if doubt is not None:
            return doubt
        if assumed is not None and not found:
            return Assumed(assumed.value is not self.negated, assumed.note)
        if not found:
            return self.negated
        together = union(packet.version, found)
        return ~together if self.negated else together


def parts_of(conditions: Iterable[Condition]) -> Iterator[Condition]:
    """The conditions, including nested ones."""
    for condition in conditions:
        yield condition
        if isinstance(condition, AnyOf):
            yield from parts_of(each for alternative in condition.alternatives for each in alternative)


def all_of(conditions: tuple[Condition, ...], packet: Packet) -> Answer:
    """Whether all conditions hold, as one answer: a doubt if it depends on the client and on an assumption."""
    who: AddressSet | None = None
    doubt: Doubt | None = None
    assumed: Assumed | None = None
    for condition in conditions:
        answer = condition.on(packet)
        if answer is False or (isinstance(answer, Assumed) and not answer.value):
            return answer
        if isinstance(answer, AddressSet):
            who = answer if who is None else who & answer
            if not who:
                return False
        elif isinstance(answer, Doubt):
            doubt = doubt or answer
        elif isinstance(answer, Assumed):
            assumed = answer
    if doubt is not None or (assumed is not None and who is not None):
        return doubt or Doubt(assumed.note if assumed else "")
    if who is not None:
        return who
    return assumed if assumed is not None else True

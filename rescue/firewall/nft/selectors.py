"""What a rule of nftables can look at, and the condition that comes of what it compares that with (nft(8))."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rescue.firewall.addresses import AddressSet, Masked, masked
from rescue.firewall.conditions import (
    Addresses,
    AnyOf,
    Assumed,
    ByDirection,
    Condition,
    Doubt,
    Fixed,
    Flags,
    HopLimit,
    Icmp,
    Interface,
    Inward,
    Mark,
    Ports,
    States,
    ToGroup,
    TransportProtocol,
)
from rescue.firewall.matches import Names, Refused
from rescue.firewall.nft.tokens import WORD, Cursor, Unclear
from rescue.firewall.nft.values import ICMP_TYPES, PROTOCOLS, TCP_BITS, addresses, bits, number, ports
from rescue.firewall.packet import TCP

EVERY = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a packet's field is compared with: `items` are alternatives. mask: of the field, where one is laid on it.

    listed: the items come from a set, where flags are compared whole; by themselves they ask for any of the flags.
    """

    items: Sequence[str]
    negated: bool = False
    mask: str = ""
    listed: bool = False
    equals: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """The IP version asked about and the names that are known."""

    version: int
    names: Names = field(default_factory=Names)


Builder = Callable[[Wanted, Question], Condition]


@dataclass(frozen=True, slots=True)
class Selector:
    """A field of the packet. implied: what a packet must be to have it at all, by version."""

    words: str
    build: Builder
    version: int | None = None
    protocol: int | None = None
    absent: bool = False

    def conditions(self, wanted: Wanted, question: Question) -> tuple[Condition, ...]:
        """The conditions of comparing the field with `wanted`. Raises Refused for a value that is none."""
        made = self.build(wanted, question) if self.version in (None, question.version) else Fixed(False)
        if self.absent or made == Fixed(False):
            return (Fixed(False),)
        return (*self.implied(question), made)

    def implied(self, question: Question) -> tuple[Condition, ...]:
        """What a packet must be to have the field at all."""
        if self.absent or self.version not in (None, question.version):
            return (Fixed(False),)
        return (TransportProtocol(self.protocol),) if self.protocol is not None else ()


# -- builders ---------------------------------------------------------------------------------------------------------


def _address(source: bool) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        version = question.version
        if wanted.mask:
            value, mask = (int(_only(each, version, question.names)) for each in (wanted.items[0], wanted.mask))
            found: AddressSet | Masked = masked(version, value, mask)
        else:
            found = addresses(wanted.items, version, question.names)
        if isinstance(found, Masked):
            return Addresses(source, found, wanted.negated)
        return Addresses(source, ~found if wanted.negated else found)

    return build


def _only(text: str, version: int, names: Names) -> int:
    found = addresses([text], version, names)
    if isinstance(found, Masked) or found.count != 1:
        raise Refused(f"not one address: {text}")
    return found.bounds[0]


def _port(source: bool) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        if wanted.mask:
            return Fixed(Doubt("some bits of a port"))
        if list(wanted.items) == ["*"]:
            return Fixed(not wanted.negated)
        return Ports(source, not source, ports(wanted.items, question.names), wanted.negated)

    return build


def _interface(inward: bool) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        made = [Interface(inward, name[:-1] + "+" if name.endswith("*") else name) for name in wanted.items]
        return _any(made, wanted.negated)

    return build


def _any(made: Sequence[Condition], negated: bool) -> Condition:
    if len(made) == 1 and not negated:
        return made[0]
    return AnyOf(tuple((each,) for each in made), negated)


def _protocol(wanted: Wanted, question: Question) -> Condition:
    made: list[Condition] = []
    for item in wanted.items:
        value = PROTOCOLS.get(item.lower(), number(item))
        if value is None and "-" in item:
            first, last = (number(part) or 0 for part in item.split("-", 1))
            made += [TransportProtocol(each) for each in (1, TCP, 58) if first <= each <= last]
        elif value is None:
            raise Refused(f"unknown protocol: {item!r}")
        else:
            made.append(TransportProtocol(value))
    return _any(made, wanted.negated) if made else Fixed(wanted.negated)


def _states(wanted: Wanted, question: Question) -> Condition:
    if wanted.mask:
        return Fixed(Doubt("some bits of conntrack's state"))
    names = frozenset(part.upper() for item in wanted.items for part in item.split("|"))
    known = frozenset(["INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED"])
    if not names <= known:
        raise Refused(f"unknown connection state: {', '.join(sorted(names - known)).lower()}")
    return States(names, wanted.negated)


def _mark(connection: bool) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        mask = number(wanted.mask) if wanted.mask else EVERY
        values = [number(item) for item in wanted.items]
        if mask is None or None in values:
            return Fixed(Doubt("a packet mark"))
        return _any([Mark(value, mask, connection) for value in values if value is not None], wanted.negated)

    return build


def _tcp_flags(wanted: Wanted, question: Question) -> Condition:
    every = frozenset(name.upper() for name in TCP_BITS if name not in ("ecn", "cwr"))
    values = [bits(item, TCP_BITS) for item in wanted.items]
    mask = bits(wanted.mask, TCP_BITS) if wanted.mask else None
    if None in values or (wanted.mask and mask is None):
        raise Refused(f"unknown TCP flags: {', '.join(wanted.items)}")
    held = [value for value in values if value is not None]
    if mask is not None:
        return _any([Flags(_names(mask), _names(value)) for value in held if not value & ~mask], wanted.negated)
    if wanted.listed or wanted.equals or wanted.negated:
        total = 0
        for value in held:
            total |= value
        exact = held if wanted.listed else [total]
        return _any([Flags(every, _names(value)) for value in exact], wanted.negated)
    one = [name for value in held for name in _names(value)]
    return AnyOf(tuple((Flags(frozenset([name]), frozenset([name])),) for name in one))


def _names(value: int) -> frozenset[str]:
    return frozenset(name.upper() for name, bit in TCP_BITS.items() if value & bit and name not in ("ecn", "cwr"))


def _icmp(version: int) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        made: list[Condition] = []
        for item in wanted.items:
            value = ICMP_TYPES[version].get(item, number(item))
            made.append(Icmp((value, None) if value is not None else None))
        return _any(made, wanted.negated)

    return build


def _icmp_code(version: int) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        return Fixed(Doubt("the code of an ICMP message"))

    return build


def _version(known: dict[str, int]) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        return Fixed((question.version in [known.get(item.lower(), 0) for item in wanted.items]) is not wanted.negated)

    return build


def _direction(wanted: Wanted, question: Question) -> Condition:
    made: list[Condition] = [Inward(item in ("original", "0")) for item in wanted.items]
    return _any(made, wanted.negated)


def _one_of(*names: str) -> Builder:
    """A field of which the packet's value is always the same."""

    def build(wanted: Wanted, question: Question) -> Condition:
        return Fixed(any(item.lower() in names for item in wanted.items) is not wanted.negated)

    return build


def _fragment(wanted: Wanted, question: Question) -> Condition:
    # The packets of a handshake are never fragments; the flag that forbids to make any may be set.
    mask, values = number(wanted.mask) if wanted.mask else None, [number(item) for item in wanted.items]
    if mask is None or None in values or mask & 0x4000:
        return Fixed(Doubt("the packets' fragmentation"))
    return Fixed((0 in values) is not wanted.negated)


def _status(wanted: Wanted, question: Question) -> Condition:
    parts = {part for item in wanted.items for part in item.split("|")}
    if parts <= {"dnat", "snat", "expected", "dying"}:
        return Fixed(wanted.negated)
    return Fixed(Doubt("the state of the connection (ct status)"))


def _route(wanted: Wanted, question: Question) -> Condition:
    missing = any(item in ("missing", "0") for item in wanted.items)
    note = "the way back to the client leads through the interface that it comes in by"
    return Fixed(Assumed(missing is wanted.negated, note))


def _hop_limit(wanted: Wanted, question: Question) -> Condition:
    found = [[number(each) for each in item.split("-")] for item in wanted.items]
    made: list[Condition] = [HopLimit(each[0] or 0, each[-1] or 0) for each in found if None not in each]
    return _any(made, wanted.negated) if len(made) == len(found) else Fixed(Doubt("the distance of the client (TTL)"))


def _packet_type(wanted: Wanted, question: Question) -> Condition:
    kinds = {"host": False, "unicast": False, "0": False, "multicast": True, "2": True}
    return _any([ToGroup(kinds[item]) for item in wanted.items if item in kinds], wanted.negated)


def _group(wanted: Wanted, question: Question) -> Condition:
    default = any(item in ("default", "0", "0x0") for item in wanted.items)
    return Fixed(Assumed(default is not wanted.negated, "the network interface is in the group that all begin in"))


def _doubt(reason: str) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        return Fixed(Doubt(reason))

    return build


def _assumed(value: bool, note: str) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        return Fixed(Assumed(value is not wanted.negated, note))

    return build


def _address_type(inward_holds: str, outward_holds: str) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        inside = (any(item == inward_holds for item in wanted.items)) is not wanted.negated
        outside = (any(item == outward_holds for item in wanted.items)) is not wanted.negated
        return ByDirection(Fixed(inside), Fixed(outside))

    return build


# -- the table --------------------------------------------------------------------------------------------------------

_META: dict[str, Builder] = {
    "iif": _interface(True),
    "iifname": _interface(True),
    "oif": _interface(False),
    "oifname": _interface(False),
    "l4proto": _protocol,
    "nfproto": _version({"ipv4": 4, "ipv6": 6, "2": 4, "10": 6}),
    "protocol": _version({"ip": 4, "ip6": 6, "0x0800": 4, "0x86dd": 6}),
    "mark": _mark(False),
    "pkttype": _packet_type,
    "ipsec": _assumed(False, "the client does not come through an IPsec tunnel"),
    "secpath": _assumed(False, "the client does not come through an IPsec tunnel"),
    "iifgroup": _group,
    "oifgroup": _group,
    **{
        key: _doubt(reason)
        for reason, keys in {
            "the length of the packets": ("length",),
            "the time of day": ("time", "day", "hour"),
            "chance": ("random",),
            "which processor takes the packet": ("cpu",),
            "the kind of the network interface": ("iiftype", "oiftype", "iifkind", "oifkind", "sdif", "sdifname"),
            "a bridge's port": ("ibrname", "obrname", "ibriport", "obriport", "ibrpvid", "ibrvproto", "broute"),
            "the packets' priority": ("priority",),
            "the packets' route": ("rtclassid",),
            "which process of the server sends the packet": ("skuid", "skgid", "cgroup"),
            "tracing": ("nftrace",),
        }.items()
        for key in keys
    },
}
"""The keys of ``meta``, most of which may stand without that word."""

_CT: dict[str, Builder] = {
    "state": _states,
    "mark": _mark(True),
    "direction": _direction,
    "status": _status,
    "helper": _one_of(""),
    "l3proto": _version({"ipv4": 4, "ipv6": 6}),
    "protocol": _protocol,
}

_OF_CONNECTION = ("expiration", "packets", "bytes", "avgpkt", "label", "zone", "id", "event", "secmark", "timeout")

_FIELDS = {
    "tcp": ("sport", "dport", "sequence", "ackseq", "doff", "reserved", "flags", "window", "checksum", "urgptr"),
    "ip": ("version", "hdrlength", "dscp", "ecn", "length", "id", "frag-off", "ttl", "protocol", "checksum", "saddr",
           "daddr"),
    "ip6": ("version", "dscp", "ecn", "flowlabel", "length", "nexthdr", "hoplimit", "saddr", "daddr"),
    "icmp": ("type", "code", "checksum", "id", "sequence", "gateway", "mtu"),
    "icmpv6": ("type", "code", "checksum", "parameter-problem", "packet-too-big", "id", "sequence", "max-delay",
               "taddr", "daddr"),
}  # fmt: skip

_ELSEWHERE = ("udp", "udplite", "sctp", "dccp", "ah", "esp", "comp", "vlan", "arp", "igmp", "gre", "gretap", "geneve",
              "vxlan", "hbh", "frag", "dst", "mh", "srh")  # fmt: skip
"""Headers that the packets of an SSH connection do not have."""

STARTS = frozenset(["meta", "ct", "ip", "ip6", "tcp", "th", "icmp", "icmpv6", "ether", "fib", "rt", "socket", "osf",
                    "ipsec", "numgen", "jhash", "symhash", "@", "exthdr", *_META, *_ELSEWHERE])  # fmt: skip
"""The words that what a rule looks at begins with."""


def selector(cursor: Cursor) -> Selector:
    """Read what a rule looks at. Raises Wrong, and Unclear for what is not known here."""
    here = cursor.here
    first = cursor.take()
    if first == "meta":
        key = cursor.word()
        if key not in _META:
            raise Unclear(f"meta {key}", here)
        return Selector(f"meta {key}", _META[key])
    if first in _META:
        return Selector(f"meta {first}", _META[first])
    if first == "ct":
        return _ct(cursor)
    if first in ("ip", "ip6", "tcp", "icmp", "icmpv6", "th"):
        return _header(cursor, first)
    if first == "ether":
        key = cursor.word()
        if key == "type":
            return Selector("ether type", _META["protocol"])
        return Selector(f"ether {key}", _doubt("the MAC address that your packets arrive from"))
    if first == "fib":
        return _fib(cursor)
    if first == "@":
        return _raw(cursor)
    if first == "rt":
        return _rt(cursor)
    if first in _ELSEWHERE:
        if cursor.kind() == WORD and cursor.peek() != "exists":
            cursor.take()
        return Selector(first, _one_of(), absent=True)
    raise Unclear(f'"{first}"', here)


def _ct(cursor: Cursor) -> Selector:
    here = cursor.here
    key = cursor.word()
    if key in ("original", "reply"):
        original = key == "original"
        version = {"ip": 4, "ip6": 6}.get(cursor.peek())
        if version:
            cursor.take()
        inner = cursor.word()
        if inner in ("saddr", "daddr") and version:
            client = (inner == "saddr") is original
            return Selector(f"ct {key} {inner}", _both(_address(client), _address(not client)), version=version)
        if inner in ("proto-src", "proto-dst"):
            client = (inner == "proto-src") is original
            return Selector(f"ct {key} {inner}", _both(_port(client), _port(not client)), protocol=TCP)
        if inner in ("saddr", "daddr"):
            client = (inner == "saddr") is original
            return Selector(f"ct {key} {inner}", _both(_address(client), _address(not client)))
        return Selector(f"ct {key} {inner}", _doubt("the state of the connection"))
    if key in _CT:
        return Selector(f"ct {key}", _CT[key])
    if key in _OF_CONNECTION:
        return Selector(f"ct {key}", _doubt(f"the state of the connection (ct {key})"))
    raise Unclear(f"ct {key}", here)


def _both(inward: Builder, outward: Builder) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        return ByDirection(inward(wanted, question), outward(wanted, question))

    return build


def _header(cursor: Cursor, first: str) -> Selector:
    here = cursor.here
    key = cursor.word()
    words = f"{first} {key}"
    if first == "th" and key in ("sport", "dport"):
        return Selector(words, _port(key == "sport"), protocol=TCP)
    if first in ("ip", "ip6"):
        return _internet(words, key, 4 if first == "ip" else 6)
    if first in ("icmp", "icmpv6"):
        version = 4 if first == "icmp" else 6
        builder = _icmp(version) if key == "type" else _icmp_code(version)
        return Selector(words, builder, version=version, protocol=1 if version == 4 else 58)
    if key in ("sport", "dport"):
        return Selector(words, _port(key == "sport"), protocol=TCP)
    if key == "flags":
        return Selector(words, _tcp_flags, protocol=TCP)
    if key == "option":
        while cursor.kind() == WORD and cursor.peek() not in ("exists", "missing", "set"):
            cursor.take()
        return Selector(words, _doubt("the options of the client's TCP"), protocol=TCP)
    if key not in _FIELDS.get(first, ()):
        raise Unclear(words, here)
    return Selector(words, _doubt(f"the client's TCP ({words})"), protocol=TCP)


def _internet(words: str, key: str, version: int) -> Selector:
    special: dict[str, Builder] = {
        "saddr": _address(True),
        "daddr": _address(False),
        "protocol": _protocol,
        "nexthdr": _protocol,
        "version": _one_of(str(version)),
        "hdrlength": _one_of("5"),
        "frag-off": _fragment,
    }
    special.update({"ttl": _hop_limit, "hoplimit": _hop_limit})
    return Selector(words, special.get(key, _doubt(f"the packets' header ({words})")), version=version)


def _fib(cursor: Cursor) -> Selector:
    fields = [cursor.word()]
    while cursor.accept("."):
        fields.append(cursor.word())
    asked = cursor.word()
    if asked == "type" and "daddr" in fields:
        return Selector("fib daddr type", _address_type("local", "unicast"))
    if asked == "type" and "saddr" in fields:
        return Selector("fib saddr type", _address_type("unicast", "local"))
    if asked in ("oif", "oifname") and "saddr" in fields:
        return Selector("fib saddr oif", _route)
    return Selector("fib", _doubt("the server's routes (fib)"))


def _rt(cursor: Cursor) -> Selector:
    key = cursor.word()
    if key in ("ip", "ip6"):
        key = cursor.word()
    if key == "ipsec":
        return Selector("rt ipsec", _META["ipsec"])
    if key in ("classid", "nexthop", "mtu"):
        return Selector(f"rt {key}", _doubt("the server's routes"))
    return Selector(f"rt {key}", _one_of(), absent=True)  # the routing header of IPv6


def _raw(cursor: Cursor) -> Selector:
    base = cursor.word()
    numbers = []
    while cursor.accept(","):
        numbers.append(cursor.word())
    if base == "th" and numbers == ["16", "16"]:
        return Selector("@th", _port(False), protocol=TCP)
    if base == "th" and numbers == ["0", "16"]:
        return Selector("@th", _port(True), protocol=TCP)
    return Selector("@", _doubt("the content of the packets"))

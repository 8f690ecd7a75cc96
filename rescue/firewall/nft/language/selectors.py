"""What an nftables rule can match on, and the condition that results from a comparison (nft(8))."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from rescue.firewall.engine.conditions import ORIGINAL, REPLY, ByDirection, Condition, Fixed, Tracked, TransportProtocol
from rescue.firewall.engine.packet import TCP
from rescue.firewall.engine.ruleset import Hook
from rescue.firewall.nft.language import builders
from rescue.firewall.nft.language.builders import Builder, Question, Wanted
from rescue.firewall.nft.language.datatypes import TYPES, check
from rescue.firewall.nft.language.headers import EXTENSIONS, FIELDS, LATER, chunk, field, ip_option, tcp_option
from rescue.firewall.nft.language.tokens import Cursor, NftNotModelled


@dataclass(frozen=True, slots=True)
class Selector:
    """A field of the packet. kind: its type, from `datatypes`. tracked: only packets of a connection have it.

    absent: the packets of an SSH connection do not have it. hooks: where it can be used, None for everywhere.
    """

    words: str
    build: Builder
    kind: str
    version: int | None = None
    protocol: int | None = None
    absent: bool = False
    tracked: bool = False
    hooks: frozenset[Hook] | None = None

    def conditions(self, wanted: Wanted, question: Question) -> tuple[Condition, ...]:
        """The conditions for comparing the field with `wanted`. Raises Refused for an invalid value."""
        check(wanted.items, self.kind, question.names)
        made: Condition = Fixed(False)
        if self.version in (None, question.version):
            everything = wanted.listed and "*" in wanted.items
            made = Fixed(not wanted.negated) if everything else self.build(wanted, question)
        return (Fixed(False),) if self.absent or made == Fixed(False) else (*self.implied(question), made)

    def implied(self, question: Question) -> tuple[Condition, ...]:
        """What a packet must be to have the field at all."""
        if self.absent or self.version not in (None, question.version):
            return (Fixed(False),)
        needed: tuple[Condition, ...] = (Tracked(),) if self.tracked else ()
        return (*needed, TransportProtocol(self.protocol)) if self.protocol is not None else needed


ARRIVING = frozenset([Hook.INGRESS, Hook.PREROUTING, Hook.INPUT, Hook.FORWARD])
LEAVING = frozenset([Hook.FORWARD, Hook.OUTPUT, Hook.POSTROUTING])
_AT_SOCKET = frozenset([Hook.PREROUTING, Hook.INPUT, Hook.OUTPUT])
_DELIVERED = frozenset([Hook.INPUT, Hook.FORWARD])
"""The hooks at which some fields can be used (the `validate` of nft_fib.c, nft_rt.c, nft_socket.c and so on)."""

# -- meta -------------------------------------------------------------------------------------------------------------

_NO_TUNNEL = builders.missing("the client does not come through an IPsec tunnel")
_PROCESS = builders.doubt("which process of the server sends the packet")
_CARD = builders.doubt("the kind of the network interface")
_BRIDGE = builders.doubt("a bridge's port")
_TIME = builders.doubt("the time of day")
_CHANCE = builders.doubt("chance")
_HASH = builders.doubt("a number that is made of the packet's fields")

_FAMILY = builders.version_in({4: 2, 6: 10}, {"ipv4": 2, "ipv6": 10}, "some bits of a family's number")
_ETHER_TYPES = TYPES["ether_type"].names

_META: dict[str, tuple[Builder, str]] = {
    "iif": (builders.interface(True), "iface_index"),
    "iifname": (builders.interface(True), "ifname"),
    "oif": (builders.interface(False), "iface_index"),
    "oifname": (builders.interface(False), "ifname"),
    "l4proto": (builders.protocol, "inet_proto"),
    "nfproto": (_FAMILY, "nf_proto"),
    "protocol": (builders.version_in({4: 0x800, 6: 0x86DD}, _ETHER_TYPES, "some bits of a protocol"), "ether_type"),
    "mark": (builders.mark(False), "mark"),
    "pkttype": (builders.packet_type, "pkt_type"),
    "ipsec": (_NO_TUNNEL, "boolean"),
    "secpath": (_NO_TUNNEL, "boolean"),
    "iifgroup": (builders.of_interface(True, builders.group), "devgroup"),
    "oifgroup": (builders.of_interface(False, builders.group), "devgroup"),
    "length": (builders.doubt("the length of the packets"), "integer 32"),
    "time": (_TIME, "time"),
    "day": (_TIME, "day"),
    "hour": (_TIME, "hour"),
    "random": (_CHANCE, "integer 32"),
    "cpu": (builders.doubt("which processor takes the packet"), "integer 32"),
    "iiftype": (builders.of_interface(True, _CARD), "iface_type"),
    "oiftype": (builders.of_interface(False, _CARD), "iface_type"),
    "iifkind": (builders.of_interface(True, _CARD), "ifname"),
    "oifkind": (builders.of_interface(False, _CARD), "ifname"),
    "sdif": (_CARD, "iface_index"),
    "sdifname": (_CARD, "ifname"),
    "ibrname": (_BRIDGE, "ifname"),
    "obrname": (_BRIDGE, "ifname"),
    "ibriport": (_BRIDGE, "ifname"),
    "obriport": (_BRIDGE, "ifname"),
    "ibridgename": (_BRIDGE, "ifname"),
    "obridgename": (_BRIDGE, "ifname"),
    "ibrpvid": (_BRIDGE, "integer 16"),
    "ibrvproto": (_BRIDGE, "ether_type"),
    "broute": (_BRIDGE, "integer 8"),
    "priority": (builders.doubt("the packets' priority"), "classid"),
    "rtclassid": (builders.doubt("the packets' route"), "realm"),
    "skuid": (_PROCESS, "uid"),
    "skgid": (_PROCESS, "gid"),
    "cgroup": (_PROCESS, "integer 32"),
    "nftrace": (builders.doubt("tracing"), "integer 1"),
    "secmark": (builders.doubt("the packets' security mark"), "integer 32"),
}
"""The keys of ``meta`` with their conditions and types."""

_BARE = frozenset(["mark", "iif", "iifname", "iiftype", "oif", "oifname", "oiftype", "skuid", "skgid", "nftrace",
                   "rtclassid", "ibriport", "obriport", "ibrname", "obrname", "ibridgename", "obridgename", "pkttype",
                   "cpu", "iifgroup", "oifgroup", "cgroup", "time", "day", "hour"])  # fmt: skip
"""The keys that may be used without the word ``meta``; so may ``ipsec``, which starts other expressions, too."""

BRIDGE_KEYS = frozenset(f"meta {key}" for key, (build, _) in _META.items() if build is _BRIDGE)
"""Keys that only the family bridge has."""

STARTS = frozenset(["meta", "ct", "exthdr", "fib", "rt", "rt0", "rt2", "rt4", "socket", "osf", "ipsec", "numgen",
                    "jhash", "symhash", "@", *FIELDS, *LATER, *_BARE])  # fmt: skip
"""The words that start an expression on the packet."""


def selector(cursor: Cursor) -> Selector:
    """Parse what a rule matches on. Raises Wrong, and NftNotModelled for anything unknown here."""
    first = cursor.take()
    if first in _BARE:
        return _meta(first)
    reader = _READERS.get(first)
    if reader is not None:
        return reader(cursor)
    if first in FIELDS:
        return _header(cursor, first)
    cursor.index -= 1
    if first in LATER:
        cursor.since("gre, geneve and vxlan")
        raise NftNotModelled(f'"{first}"', cursor.here)
    raise cursor.wrong(f"unexpected {cursor.shown()}")


@lru_cache(maxsize=256)
def _meta(key: str) -> Selector:
    build, kind = _META[key]
    hooks = {"sdif": _DELIVERED, "sdifname": _DELIVERED, "ipsec": ARRIVING, "secpath": ARRIVING}.get(key)
    return Selector(f"meta {key}", build, kind, hooks=hooks)


def _of_meta(cursor: Cursor) -> Selector:
    key = cursor.word()
    if key not in _META:
        cursor.index -= 1
        raise cursor.wrong(f"meta has no key {cursor.shown()}")
    if key in ("time", "day", "hour"):
        cursor.since("meta time, day or hour")
    return _meta(key)


# -- headers ----------------------------------------------------------------------------------------------------------

_SPECIAL: dict[str, Builder] = {
    "saddr": builders.address(True),
    "daddr": builders.address(False),
    "protocol": builders.protocol,
    "nexthdr": builders.protocol,
    "hdrlength": builders.always(5, "the length of the packets' header"),
    "frag-off": builders.fragment,
    "ttl": builders.hop_limit,
    "hoplimit": builders.hop_limit,
}


def _header(cursor: Cursor, header: str) -> Selector:
    if cursor.peek() == "option" and header in ("ip", "tcp"):
        cursor.take()
        return _tcp_option(cursor) if header == "tcp" else _ip_option(cursor)
    if header == "sctp" and cursor.accept("chunk"):
        cursor.since("sctp chunk")
        return Selector("sctp chunk", builders.nothing, chunk(cursor), absent=True)
    return _of_header(header, *field(cursor, header))


@lru_cache(maxsize=512)
def _of_header(header: str, key: str, kind: str) -> Selector:
    words = f"{header} {key}"
    if header in ("ip", "ip6"):
        version = 4 if header == "ip" else 6
        unknown_bits = f"the packets' header ({words})"
        unknown = builders.doubt(unknown_bits)
        build = builders.always(version, unknown_bits) if key == "version" else _SPECIAL.get(key, unknown)
        return Selector(words, build, kind, version=version)
    if header in ("tcp", "th"):
        if key in ("sport", "dport"):
            return Selector(words, builders.port(key == "sport"), kind, protocol=TCP)
        if key == "flags":
            return Selector(words, builders.tcp_flags, kind, protocol=TCP)
        return Selector(words, builders.doubt(f"the client's TCP ({words})"), kind, protocol=TCP)
    if header in ("icmp", "icmpv6"):
        version = 4 if header == "icmp" else 6
        builder = builders.icmp(version) if key == "type" else builders.icmp_code
        return Selector(words, builder, kind, version=version, protocol=1 if version == 4 else 58)
    if header == "ether":
        build = _META["protocol"][0]
        if key != "type":
            build = builders.doubt("the MAC address that your packets arrive from")
        return Selector(words, builders.of_interface(True, build), kind)  # outgoing packets have no such header yet
    build = builders.port(True) if kind == "inet_service" else builders.nothing
    return Selector(words, build, kind, absent=True)


_UNUSED = ("echo", "md5sig", "sack", "sack0", "sack1", "sack2", "sack3")
_NO_OPTION = "the client's TCP sends no option that only few use"
"""Options that ssh clients never send, or not while connecting."""


def _tcp_option(cursor: Cursor) -> Selector:
    option, kind = tcp_option(cursor)
    words = f"tcp option {option}"
    if option == "maxseg":
        return Selector(words, builders.segment_size_given, kind, protocol=TCP)
    if option == "maxseg size":
        return Selector(words, builders.segment_size, kind, protocol=TCP)
    if option.partition(" ")[0] in _UNUSED:
        return Selector(words, builders.missing(_NO_OPTION), kind, protocol=TCP, absent=kind != "boolean")
    return Selector(words, builders.doubt("the options of the client's TCP"), kind, protocol=TCP)


def _ip_option(cursor: Cursor) -> Selector:
    kind = ip_option(cursor)
    build = builders.always(0, "an option of IP", builders.PRESENCE) if kind == "boolean" else builders.nothing
    return Selector("ip option", build, kind, version=4, absent=kind != "boolean")


def _extension(cursor: Cursor) -> Selector:
    name = cursor.expect(*EXTENSIONS)
    build = builders.always(0, "an extension header", builders.PRESENCE)
    return Selector(f"exthdr {name}", build, "boolean", version=6)


# -- conntrack --------------------------------------------------------------------------------------------------------

_OF_CONNECTION = {"expiration": "time", "packets": "integer 64", "bytes": "integer 64", "avgpkt": "integer 64",
                  "label": "ct_label", "zone": "integer 16", "id": "integer 32", "event": "ct_event",
                  "secmark": "integer 32"}  # fmt: skip

_CT: dict[str, tuple[Builder, str]] = {
    "state": (builders.states, "ct_state"),
    "mark": (builders.mark(True), "mark"),
    "direction": (builders.direction, "ct_dir"),
    "status": (builders.status, "ct_status"),
    "helper": (builders.one_of(""), "string"),
    "l3proto": (_FAMILY, "nf_proto"),
    "protocol": (builders.protocol, "inet_proto"),
    **{key: (builders.doubt(f"the state of the connection (ct {key})"), kind) for key, kind in _OF_CONNECTION.items()},
}

_OF_EITHER_DIRECTION = ("bytes", "packets", "avgpkt", "zone")


def _ct(cursor: Cursor) -> Selector:
    """A field of the connection. All but its state end the rule if there is no connection (nft_ct.c)."""
    key = cursor.take()
    if key in ("original", "reply"):
        return _of_direction(cursor, original=key == "original")
    if key in ("saddr", "daddr", "proto-src", "proto-dst"):
        cursor.index -= 1
        return _of_direction(cursor, original=True)
    if key not in _CT:
        cursor.index -= 1
        raise cursor.wrong(f"ct has no key {cursor.shown()}")
    return _of_connection(key)


@lru_cache(maxsize=64)
def _of_connection(key: str) -> Selector:
    build, kind = _CT[key]
    return Selector(f"ct {key}", build, kind, tracked=key != "state")


def _of_direction(cursor: Cursor, *, original: bool) -> Selector:
    begin = "ct original" if original else "ct reply"
    version = {"ip": 4, "ip6": 6}.get(cursor.peek())
    if version:
        cursor.take()
    inner = cursor.take()
    if inner in ("saddr", "daddr"):
        client = (inner == "saddr") is original
        both = _both(builders.address(client), builders.address(not client))
        kind = {4: "ipv4_addr", 6: "ipv6_addr", None: "string"}[version]
        found = Selector(f"{begin} {inner}", both, kind, version=version)
    elif inner in ("proto-src", "proto-dst") and not version:
        client = (inner == "proto-src") is original
        of = ORIGINAL if original else REPLY
        both = _both(builders.port(client, of), builders.port(not client, of))
        found = Selector(f"{begin} {inner}", both, "inet_service", protocol=TCP)
    elif inner in (*_OF_EITHER_DIRECTION, "l3proto", "protocol") and not version:
        found = replace(_of_connection(inner), words=f"{begin} {inner}")
    else:
        cursor.index -= 1
        raise cursor.wrong(f"unexpected {cursor.shown()}")
    return replace(found, tracked=True)


def _both(inward: Builder, outward: Builder) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        return ByDirection(inward(wanted, question), outward(wanted, question))

    return build


# -- routes, sockets, chance ------------------------------------------------------------------------------------------


def _fib(cursor: Cursor) -> Selector:
    fields = [cursor.expect("saddr", "daddr", "mark", "iif", "oif")]
    while cursor.accept("."):
        fields.append(cursor.expect("saddr", "daddr", "mark", "iif", "oif"))
    asked = cursor.expect("oif", "oifname", "type")
    if ("saddr" in fields) is ("daddr" in fields):
        raise cursor.wrong("fib needs either saddr or daddr")
    if "iif" in fields and "oif" in fields:
        raise cursor.wrong("fib takes either iif or oif")
    if asked == "type":
        source = "saddr" in fields
        words = f"fib {'saddr' if source else 'daddr'} type"
        hooks = ARRIVING if "iif" in fields else LEAVING if "oif" in fields else None
        return Selector(words, builders.address_type(source=source), "fib_addrtype", hooks=hooks)
    kind = "ifname" if asked == "oifname" else "iface_index"
    if "saddr" in fields:
        return Selector("fib saddr oif", builders.route, kind, hooks=ARRIVING)
    return Selector("fib", builders.doubt("the server's routes (fib)"), kind, hooks=ARRIVING)


def _rt(cursor: Cursor) -> Selector:
    version = {"ip": 4, "ip6": 6}.get(cursor.peek())
    if version:
        cursor.take()
    key = cursor.peek()
    if key in ("classid", "nexthop", "mtu", "ipsec"):
        cursor.take()
        if key == "ipsec":
            return Selector("rt ipsec", _NO_TUNNEL, "boolean")
        kinds = {"classid": "realm", "mtu": "integer 16"}
        kind = kinds.get(key, "ipv6_addr" if version == 6 else "ipv4_addr" if version == 4 else "string")
        hooks = LEAVING if key == "mtu" else None
        return Selector(f"rt {key}", builders.doubt("the server's routes"), kind, version=version, hooks=hooks)
    if version:
        raise cursor.wrong(f"unexpected {cursor.shown()}")
    return _of_header("rt", *field(cursor, "rt"))  # the routing header of IPv6


def _socket(cursor: Cursor) -> Selector:
    key = cursor.expect("transparent", "mark", "wildcard", "cgroupv2")
    kind = {"mark": "mark", "cgroupv2": "cgroupsv2"}.get(key, "integer 1")
    if key == "cgroupv2":
        cursor.expect("level")
        cursor.number()
    build = builders.doubt("the socket that the packet is for")
    if key in ("transparent", "mark"):
        build = builders.zero("sshd's own socket takes the packet, which is neither transparent nor marked")
    return Selector(f"socket {key}", build, kind, hooks=_AT_SOCKET)


def _osf(cursor: Cursor) -> Selector:
    if cursor.accept("ttl"):
        cursor.expect("loose", "skip")
    cursor.expect("name", "version")
    return Selector("osf", builders.doubt("the client's operating system"), "string", hooks=ARRIVING)


def _ipsec(cursor: Cursor) -> Selector:
    if cursor.peek() not in ("in", "out"):
        return _meta("ipsec")
    hooks = ARRIVING if cursor.take() == "in" else LEAVING
    if cursor.accept("spnum"):
        cursor.number()
    key = cursor.expect("ip", "ip6", "spi", "reqid")
    kind = {"ip": "ipv4_addr", "ip6": "ipv6_addr"}.get(key, "integer 32")
    if key in ("ip", "ip6"):
        cursor.expect("saddr", "daddr")
    return Selector("ipsec", builders.nothing, kind, absent=True, hooks=hooks)


def _numgen(cursor: Cursor) -> Selector:
    cursor.expect("inc", "random")
    _modulus(cursor, seeded=False)
    return Selector("numgen", _CHANCE, "integer 32")


def _jhash(cursor: Cursor) -> Selector:
    selector(cursor)
    while cursor.accept("."):
        selector(cursor)
    return Selector("jhash", _HASH, f"integer {_modulus(cursor)}")


def _symhash(cursor: Cursor) -> Selector:
    return Selector("symhash", _HASH, f"integer {_modulus(cursor, seeded=False)}")


def _modulus(cursor: Cursor, *, seeded: bool = True) -> int:
    """Parse the modulus of a number: its width in bits. Raises Wrong."""
    cursor.expect("mod")
    found = cursor.number()
    if found == 0:
        raise cursor.wrong("mod 0 is not allowed")
    if seeded and cursor.accept("seed"):
        cursor.number()
    if cursor.accept("offset"):
        found += cursor.number()
    return min(32, max(1, (found - 1).bit_length()))


def _raw(cursor: Cursor) -> Selector:
    base = cursor.expect("ll", "nh", "th", "ih")
    if base == "ih":
        cursor.since("@ih")
    numbers = []
    for _ in range(2):
        cursor.expect(",")
        numbers.append(cursor.number())
    at, bits = numbers
    if base == "th" and bits == 16 and at in (0, 16):
        return Selector("@th", builders.port(at == 0), "inet_service", protocol=TCP)
    kind = f"integer {bits}" if 0 < bits <= 128 else "string"
    return Selector("@", builders.doubt("the content of the packets"), kind)


_READERS = {
    "meta": _of_meta,
    "ct": _ct,
    "exthdr": _extension,
    "fib": _fib,
    "rt": _rt,
    "rt0": lambda cursor: _of_header("rt", *field(cursor, "rt")),
    "rt2": lambda cursor: _of_header("rt", *field(cursor, "rt")),
    "rt4": lambda cursor: _of_header("rt", *field(cursor, "rt")),
    "socket": _socket,
    "osf": _osf,
    "ipsec": _ipsec,
    "numgen": _numgen,
    "jhash": _jhash,
    "symhash": _symhash,
    "@": _raw,
}

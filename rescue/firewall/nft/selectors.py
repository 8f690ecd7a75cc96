"""What a rule of nftables can look at, and the condition that comes of what it compares that with (nft(8))."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rescue.firewall.conditions import ByDirection, Condition, Fixed, Tracked, TransportProtocol
from rescue.firewall.nft import builders
from rescue.firewall.nft.builders import Builder, Question, Wanted
from rescue.firewall.nft.tokens import WORD, Cursor, Unclear
from rescue.firewall.packet import TCP


@dataclass(frozen=True, slots=True)
class Selector:
    """A field of the packet. tracked: only packets of a connection have it."""

    words: str
    build: Builder
    version: int | None = None
    protocol: int | None = None
    absent: bool = False
    tracked: bool = False

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
        needed: tuple[Condition, ...] = (Tracked(),) if self.tracked else ()
        return (*needed, TransportProtocol(self.protocol)) if self.protocol is not None else needed


# -- the table --------------------------------------------------------------------------------------------------------

_META: dict[str, Builder] = {
    "iif": builders.interface(True),
    "iifname": builders.interface(True),
    "oif": builders.interface(False),
    "oifname": builders.interface(False),
    "l4proto": builders.protocol,
    "nfproto": builders.version_in({"ipv4": 4, "ipv6": 6, "2": 4, "10": 6}),
    "protocol": builders.version_in({"ip": 4, "ip6": 6, "0x0800": 4, "0x86dd": 6}),
    "mark": builders.mark(False),
    "pkttype": builders.packet_type,
    "ipsec": builders.assumed(False, "the client does not come through an IPsec tunnel"),
    "secpath": builders.assumed(False, "the client does not come through an IPsec tunnel"),
    "iifgroup": builders.group,
    "oifgroup": builders.group,
    **{
        key: builders.doubt(reason)
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
    "state": builders.states,
    "mark": builders.mark(True),
    "direction": builders.direction,
    "status": builders.status,
    "helper": builders.one_of(""),
    "l3proto": builders.version_in({"ipv4": 4, "ipv6": 6}),
    "protocol": builders.protocol,
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
        return Selector(f"ether {key}", builders.doubt("the MAC address that your packets arrive from"))
    if first == "fib":
        return _fib(cursor)
    if first == "@":
        return _raw(cursor)
    if first == "rt":
        return _rt(cursor)
    if first in _ELSEWHERE:
        if cursor.kind() == WORD and cursor.peek() != "exists":
            cursor.take()
        return Selector(first, builders.one_of(), absent=True)
    raise Unclear(f'"{first}"', here)


def _ct(cursor: Cursor) -> Selector:
    """A field of the connection. All but its state break the rule off where there is none (nft_ct.c)."""
    found = _field_of_connection(cursor)
    return found if found.words == "ct state" else replace(found, tracked=True)


def _field_of_connection(cursor: Cursor) -> Selector:
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
            return Selector(
                f"ct {key} {inner}", _both(builders.address(client), builders.address(not client)), version=version
            )
        if inner in ("proto-src", "proto-dst"):
            client = (inner == "proto-src") is original
            return Selector(f"ct {key} {inner}", _both(builders.port(client), builders.port(not client)), protocol=TCP)
        if inner in ("saddr", "daddr"):
            client = (inner == "saddr") is original
            return Selector(f"ct {key} {inner}", _both(builders.address(client), builders.address(not client)))
        return Selector(f"ct {key} {inner}", builders.doubt("the state of the connection"))
    if key in _CT:
        return Selector(f"ct {key}", _CT[key])
    if key in _OF_CONNECTION:
        return Selector(f"ct {key}", builders.doubt(f"the state of the connection (ct {key})"))
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
        return Selector(words, builders.port(key == "sport"), protocol=TCP)
    if first in ("ip", "ip6"):
        return _internet(words, key, 4 if first == "ip" else 6)
    if first in ("icmp", "icmpv6"):
        version = 4 if first == "icmp" else 6
        builder = builders.icmp(version) if key == "type" else builders.icmp_code
        return Selector(words, builder, version=version, protocol=1 if version == 4 else 58)
    if key in ("sport", "dport"):
        return Selector(words, builders.port(key == "sport"), protocol=TCP)
    if key == "flags":
        return Selector(words, builders.tcp_flags, protocol=TCP)
    if key == "option":
        while cursor.kind() == WORD and cursor.peek() not in ("exists", "missing", "set"):
            cursor.take()
        return Selector(words, builders.doubt("the options of the client's TCP"), protocol=TCP)
    if key not in _FIELDS.get(first, ()):
        raise Unclear(words, here)
    return Selector(words, builders.doubt(f"the client's TCP ({words})"), protocol=TCP)


def _internet(words: str, key: str, version: int) -> Selector:
    special: dict[str, Builder] = {
        "saddr": builders.address(True),
        "daddr": builders.address(False),
        "protocol": builders.protocol,
        "nexthdr": builders.protocol,
        "version": builders.one_of(str(version)),
        "hdrlength": builders.one_of("5"),
        "frag-off": builders.fragment,
    }
    special.update({"ttl": builders.hop_limit, "hoplimit": builders.hop_limit})
    return Selector(words, special.get(key, builders.doubt(f"the packets' header ({words})")), version=version)


def _fib(cursor: Cursor) -> Selector:
    fields = [cursor.word()]
    while cursor.accept("."):
        fields.append(cursor.word())
    asked = cursor.word()
    if asked == "type" and "daddr" in fields:
        return Selector("fib daddr type", builders.address_type(source=False))
    if asked == "type" and "saddr" in fields:
        return Selector("fib saddr type", builders.address_type(source=True))
    if asked in ("oif", "oifname") and "saddr" in fields:
        return Selector("fib saddr oif", builders.route)
    return Selector("fib", builders.doubt("the server's routes (fib)"))


def _rt(cursor: Cursor) -> Selector:
    key = cursor.word()
    if key in ("ip", "ip6"):
        key = cursor.word()
    if key == "ipsec":
        return Selector("rt ipsec", _META["ipsec"])
    if key in ("classid", "nexthop", "mtu"):
        return Selector(f"rt {key}", builders.doubt("the server's routes"))
    return Selector(f"rt {key}", builders.one_of(), absent=True)  # the routing header of IPv6


def _raw(cursor: Cursor) -> Selector:
    base = cursor.word()
    numbers = []
    while cursor.accept(","):
        numbers.append(cursor.word())
    if base == "th" and numbers == ["16", "16"]:
        return Selector("@th", builders.port(False), protocol=TCP)
    if base == "th" and numbers == ["0", "16"]:
        return Selector("@th", builders.port(True), protocol=TCP)
    return Selector("@", builders.doubt("the content of the packets"))

"""The types of nftables' fields and sets: which values nft accepts for each (src/datatype.c, proto.c and ct.c)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from re import compile as compile_pattern

from rescue.firewall.names import Names, RuleError
from rescue.firewall.nft.language.values import ICMP_TYPES, PROTOCOLS, number


@dataclass(frozen=True, slots=True)
class DataType:
    """A type. bits: the width of its numbers, 0 if it has no fixed one; names: the words that stand for numbers.

    free: any word may be a value (interface names; names listed in files on the server).
    """

    bits: int = 0
    names: Mapping[str, int] = field(default_factory=dict)
    free: bool = False


def _numbered(words: str, first: int = 0) -> dict[str, int]:
    return {word: first + at for at, word in enumerate(words.split())}


_DSCP = {
    **{f"cs{at}": 8 * at for at in range(8)},
    **{f"af{high}{low}": 8 * high + 2 * low for high in range(1, 5) for low in range(1, 4)},
    "ef": 46, "df": 0, "be": 0, "lephb": 1, "va": 44,
}  # fmt: skip

ADDRESS_TYPES = "unspec unicast local broadcast anycast multicast blackhole unreachable prohibit"

TYPES: dict[str, DataType] = {
    "verdict": DataType(),
    "ipv4_addr": DataType(32, free=True),
    "ipv6_addr": DataType(128, free=True),
    "ether_addr": DataType(48, free=True),
    "inet_service": DataType(16, free=True),
    "inet_proto": DataType(8, PROTOCOLS),
    "mark": DataType(32),
    "ifname": DataType(free=True),
    "iface_index": DataType(32, free=True),
    "iface_type": DataType(16, {"ether": 1, "ppp": 512, "ipip": 768, "ipip6": 769, "loopback": 772, "sit": 776,
                                "ipgre": 778}),
    "uid": DataType(32, free=True),
    "gid": DataType(32, free=True),
    "devgroup": DataType(32, free=True),
    "realm": DataType(32, free=True),
    "classid": DataType(32, free=True),
    "cgroupsv2": DataType(64, free=True),
    "nf_proto": DataType(8, {"ipv4": 2, "ipv6": 10}),
    "ether_type": DataType(16, {"ip": 0x800, "arp": 0x806, "ip6": 0x86DD, "vlan": 0x8100, "8021q": 0x8100,
                                "8021ad": 0x88A8}),
    "arp_op": DataType(16, {"request": 1, "reply": 2, "rrequest": 3, "rreply": 4, "inrequest": 8, "inreply": 9,
                            "nak": 10}),
    "pkt_type": DataType(8, {"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3}),
    "day": DataType(8, _numbered("Sunday Monday Tuesday Wednesday Thursday Friday Saturday")),
    "hour": DataType(64, free=True),
    "time": DataType(64, free=True),
    "dscp": DataType(6, _DSCP),
    "ecn": DataType(2, {"not-ect": 0, "ect1": 1, "ect0": 2, "ce": 3}),
    "tcp_flag": DataType(8, {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128}),
    "icmp_type": DataType(8, ICMP_TYPES[4]),
    "icmpv6_type": DataType(8, ICMP_TYPES[6]),
    "icmp_code": DataType(8, {"net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2,
                              "port-unreachable": 3, "net-prohibited": 9, "host-prohibited": 10,
                              "admin-prohibited": 13, "frag-needed": 4}),
    "icmpv6_code": DataType(8, {"no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4,
                                "policy-fail": 5, "reject-route": 6}),
    "igmp_type": DataType(8, {"membership-query": 0x11, "membership-report-v1": 0x12, "membership-report-v2": 0x16,
                              "membership-report-v3": 0x22, "leave-group": 0x17}),
    "mh_type": DataType(8, _numbered("binding-refresh-request home-test-init careof-test-init home-test careof-test"
                                     " binding-update binding-acknowledgement binding-error"
                                     " fast-binding-update fast-binding-acknowledgement fast-binding-advertisement"
                                     " experimental-mobility-header home-agent-switch-message")),
    "dccp_pkttype": DataType(4, _numbered("request response data ack dataack closereq close reset sync syncack")),
    "ct_state": DataType(32, {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}),
    "ct_dir": DataType(8, {"original": 0, "reply": 1}),
    "ct_status": DataType(32, {"expected": 1, "seen-reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32,
                               "dying": 512}),
    "ct_label": DataType(128, free=True),
    "ct_event": DataType(32, {word: 1 << at for word, at in _numbered(
        "new related destroy reply assured protoinfo helper mark seqadj secmark label").items()}),
    "fib_addrtype": DataType(32, _numbered(ADDRESS_TYPES)),
    "boolean": DataType(1, {"exists": 1, "missing": 0}),
    "string": DataType(free=True),
}  # fmt: skip
"""The types that have names; those of sets are among them."""

INTEGERS = {bits: DataType(bits) for bits in range(1, 129)}
"""Plain numbers, by their width."""

_DIFFERS = ("string", "boolean")
"""Types used for fields whose own type is not distinguished here."""


def same(one: str, other: str) -> bool:
    """Whether nft accepts values of one type for the other; True if unknown."""
    one, other = one.partition(" ")[0], other.partition(" ")[0]
    return one == other or one in _DIFFERS or other in _DIFFERS


_LONGEST_NAME = 15
"""Maximum length of a network interface's name (IFNAMSIZ)."""

_MAC = compile_pattern(r"[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{1,2}){5}")

_HOUR = compile_pattern(r"\d{1,2}:\d{1,2}(:\d{1,2})?|(\d+d)?(\d+h)?(\d+m)?(\d+s)?|\d+")


def type_of(name: str) -> DataType:
    """A type by its name, or plain numbers by "integer" and their width."""
    return TYPES[name] if name in TYPES else INTEGERS[int(name.partition(" ")[2])]


UNCHECKED = frozenset(name for name, kind in TYPES.items() if kind.free) - {
    "uid", "gid", "ether_addr", "hour", "ifname", "string"
}  # fmt: skip
"""The types that may have any word as a value; for addresses and ports the conditions check that themselves."""


def check(items: Iterable[str], name: str, names: Names) -> None:
    """Reject anything but values of a type: raises RuleError. Items may be ranges, prefixes and names joined by "|"."""
    if name in UNCHECKED:
        return
    kind = type_of(name)
    for item in items:
        if item != "*":
            _check(item, name, kind, names)


def _check(item: str, name: str, kind: DataType, names: Names) -> None:
    if name in ("ifname", "string"):
        if not item or (name == "ifname" and len(item.encode("utf-8", "surrogateescape")) > _LONGEST_NAME):
            raise RuleError(f"a name must have 1 to {_LONGEST_NAME} characters: {item!r}")
        return
    if name == "ether_addr":
        if not all(_MAC.fullmatch(part) or number(part) is not None for part in item.split("-")):
            raise RuleError(f"not a hardware address: {item!r}")
        return
    if name in ("uid", "gid"):
        _check_owner(item, names.users if name == "uid" else names.groups)
        return
    if name == "hour" and not all(_HOUR.fullmatch(part) for part in item.split("-")):
        raise RuleError(f"not an hour of the day: {item!r}")
    if kind.free or _known(item, kind):
        return
    if name == "boolean" and (number(item) or 256) < 256:
        return
    parts = [part for each in item.split("|") for part in each.split("-" if "-" in each[1:] else "/")]
    if all(_known(part, kind) for part in parts):
        if "-" in item[1:] and len(parts) == 2 and _number(parts[0], kind) > _number(parts[1], kind):
            raise RuleError(f"a range of no size: {item}")
        return
    raise RuleError(f"{item!r} is not a value of this kind ({name})")


def _known(part: str, kind: DataType) -> bool:
    return 0 <= _number(part, kind) < 1 << kind.bits


def number_of(text: str, name: str) -> int | None:
    """The number for a value of a type; None if it is not a number or the type is unknown."""
    value = _number(text, TYPES[name]) if name in TYPES else number(text)
    return value if value is not None and value >= 0 else None


def _number(part: str, kind: DataType) -> int:
    """The number for a word; -1 for none."""
    value = kind.names.get(part.lower() if kind.names is PROTOCOLS else part, number(part))
    return value if value is not None else -1


def _check_owner(item: str, known: Mapping[str, int] | None) -> None:
    for part in item.split("-") if item[:1].isdigit() else [item]:
        value = number(part)
        if value is None and known is not None and part not in known:
            raise RuleError(f"there is no user or group {part!r} on this server, so nft loads nothing")
        if value is not None and value > 0xFFFFFFFF:
            raise RuleError(f"a number beyond 4294967295: {part}")

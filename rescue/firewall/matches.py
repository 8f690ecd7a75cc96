"""From the words of an iptables match to a condition: which packets it asks for (iptables-extensions(8))."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from re import compile as compile_pattern

from rescue.firewall.addresses import AddressSet, Masked, masked, parse_address
from rescue.firewall.conditions import (
    ORIGINAL,
    REPLY,
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
    Inward,
    Mark,
    OwnAddress,
    Payload,
    Ports,
    Recent,
    RecentSet,
    States,
    ToGroup,
    Tracked,
)
from rescue.firewall.icmp import icmp_type
from rescue.firewall.ipset import IpSets
from rescue.firewall.ipset_match import DIRECTIONS, MOST_DIMENSIONS, InSet
from rescue.firewall.options import SERVICES


class Refused(ValueError):
    """The line is one that iptables-restore does not take: the load of its table fails."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a server can resolve while it boots: services(5), hosts(5), the ipsets that are loaded before its
    rules, and its users and groups with their numbers; None if nothing is known of these."""

    services: Mapping[str, int] = field(default_factory=lambda: SERVICES)
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sets: IpSets | None = None
    users: Mapping[str, int] | None = None
    groups: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One option with its values, its name in its usual spelling."""

    name: str
    values: tuple[str, ...] = ()
    negated: bool = False


_MAC = compile_pattern(r"[0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{1,2}){5}")

TCP_FLAGS = frozenset(["SYN", "ACK", "FIN", "RST", "URG", "PSH"])
STATE_NAMES = frozenset(["INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED", "SNAT", "DNAT"])

DOUBTS = {
    "mac": "the MAC address that your packets arrive from",
    "set": "an ipset, a list of addresses kept outside the rules",
    "geoip": "the country of the client's address",
    "time": "the time of day",
    "statistic": "chance",
    "u32": "the content of the packets",
    "bpf": "a program that looks at the packets",
    "length": "the length of the packets",
    "osf": "the client's operating system",
    "tos": "the packets' type of service",
    "dscp": "the packets' class of service",
    "owner": "which process of the server sends the packet",
    "cgroup": "which process of the server sends the packet",
    "socket": "which socket of the server the packet belongs to",
}
"""What a match that nothing on the disk decides depends on, for people."""

ABSENT = frozenset(["helper", "rt", "frag", "hbh", "dst", "ah", "esp", "mh", "dccp", "sctp", "udp", "udplite",
                    "eui64", "srh", "ipvs", "psd", "connlabel"])  # fmt: skip
"""Matches for packets that the first ones of an SSH connection never are."""


def conditions(module: str, options: Sequence[Option], version: int, names: Names, opens: bool) -> list[Condition]:
    """What one match asks for. `opens`: the rule's target lets packets in. Raises Refused."""
    given = {option.name: option for option in options}
    if module == "conntrack":
        return _of_connection([_one(module, option, version, names) for option in options])
    if module in ("tcp", "multiport", "iprange", "state", "addrtype", "icmp", "icmp6"):
        return [_one(module, option, version, names) for option in options if option.name not in _FLAGS_ONLY]
    if module in ("mark", "connmark"):
        value, mask = mark_and_mask(_need(given, "--mark", module).values[0])
        return [Mark(value, mask, module == "connmark", given["--mark"].negated)]
    if module == "set" and names.sets is not None:
        return [_in_set(_need(given, "--match-set", module), version, names.sets)]
    if module in _WHOLE:
        return [_WHOLE[module](given, opens)]
    if module in ("comment", "nfacct"):
        return []
    if module == "mac" and any(not _MAC.fullmatch(option.values[0]) for option in options):
        raise Refused("not a MAC address")
    if module in ABSENT:
        return [Fixed(all(option.negated for option in options) and bool(options))]
    return [Fixed(Doubt(DOUBTS.get(module, f'the match "{module}"')))]


def _of_connection(asked: list[Condition]) -> list[Condition]:
    """What "conntrack" asks for: a packet of no connection has a state, and that is all that is looked at then.

    conntrack_mt() of net/netfilter/xt_conntrack.c: without a connection it says yes where the state fits, and no
    where none was asked for.
    """
    states: list[Condition] = [each for each in asked if isinstance(each, States)]
    others = [each for each in asked if not isinstance(each, States)]
    if not others:
        return states
    if not states:
        return [Tracked(), *others]
    return [*states, AnyOf(((Tracked(negated=True),), tuple(others)))]


_FLAGS_ONLY = frozenset(["--limit-iface-in", "--limit-iface-out"])


def _one(module: str, option: Option, version: int, names: Names) -> Condition:
    """The condition of one option of a match whose options are independent of each other."""
    text, negated = (option.values[0] if option.values else ""), option.negated
    match option.name:
        case "--sport" | "--dport":
            source = option.name == "--sport"
            return Ports(source, not source, (port_range(text, names),), negated)
        case "--sports" | "--dports" | "--ports":
            return Ports(option.name != "--dports", option.name != "--sports", port_list(text, names), negated)
        case "--syn":
            return Flags(frozenset(["SYN", "RST", "ACK", "FIN"]), frozenset(["SYN"]), negated)
        case "--tcp-flags":
            return Flags(tcp_flags(text), tcp_flags(option.values[1]), negated)
        case "--tcp-option":
            # Every first packet of a Linux, BSD, macOS or Windows client has the maximum segment size, option 2.
            return Fixed(not negated) if text == "2" else Fixed(Doubt("the options of the client's TCP"))
        case "--src-range" | "--dst-range":
            return Addresses(option.name == "--src-range", _signed(address_range(text, version), negated))
        case "--state" | "--ctstate":
            return States(state_names(text), negated)
        case "--src-type" | "--dst-type":
            return _address_type(option)
        case "--icmp-type" | "--icmpv6-type":
            if text.lower() == "any":
                return Fixed(not negated)
            return Icmp(icmp_type(text, version), negated)
    return _conntrack(option, version, names)


def _conntrack(option: Option, version: int, names: Names) -> Condition:
    text, negated = option.values[0], option.negated
    match option.name:
        case "--ctorigsrc" | "--ctrepldst" | "--ctorigdst" | "--ctreplsrc":
            client = option.name in ("--ctorigsrc", "--ctrepldst")
            found = addresses(text, version, names)[0]
            held = found if isinstance(found, Masked) else _signed(found, negated)
            one, other = Addresses(client, held, negated), Addresses(not client, held, negated)
            return ByDirection(one, other)
        case "--ctorigdstport" | "--ctreplsrcport":
            ranges = (port_range(text, names),)
            of = ORIGINAL if option.name == "--ctorigdstport" else REPLY
            return ByDirection(Ports(False, True, ranges, negated, of), Ports(True, False, ranges, negated, of))
        case "--ctproto":
            return Fixed((text.lower() in ("tcp", "6")) is not negated)
        case "--ctdir":
            if text.upper() not in ("ORIGINAL", "REPLY"):
                raise Refused(f"unknown --ctdir: {text}")
            return Inward(text.upper() == "ORIGINAL", negated)
    return Fixed(Doubt(f"the state of the connection ({option.name})"))


def _address_type(option: Option) -> Condition:
    types = {part.upper() for part in option.values[0].split(",")}
    source = option.name == "--src-type"
    client = Fixed(("UNICAST" in types) is not option.negated)
    server = OwnAddress(frozenset(types), option.negated)
    return ByDirection(client, server) if source else ByDirection(server, client)


def _in_set(option: Option, version: int, sets: IpSets) -> Condition:
    name, sides = option.values[0], option.values[1].split(",")
    held = sets.sets.get(name)
    if held is None:
        ends = "".join(f": {each.location} ends their load, {each.message}" for each in sets.problems[:1])
        raise Refused(f"there is no ipset {name!r}{ends}")
    if not DIRECTIONS.issuperset(sides) or len(sides) > MOST_DIMENSIONS:
        raise Refused(f"not a list of src and dst: {option.values[1]!r}")
    return InSet(held, tuple(side == "src" for side in sides), sets, option.negated)


def _limit(given: Mapping[str, Option], opens: bool) -> Condition:
    return Fixed(Assumed(True, "the rules' rate limits are not used up"))


def _hashlimit(given: Mapping[str, Option], opens: bool) -> Condition:
    option = given.get("--hashlimit-upto") or given.get("--hashlimit-above")
    if option is None or "--hashlimit-name" not in given:
        raise Refused("hashlimit needs a rate and a name")
    below = (option.name == "--hashlimit-upto") is not option.negated
    return Fixed(Assumed(below, "the rules' rate limits are not used up"))


def _connlimit(given: Mapping[str, Option], opens: bool) -> Condition:
    option = given.get("--connlimit-upto") or given.get("--connlimit-above")
    if option is None:
        raise Refused("connlimit needs --connlimit-upto or --connlimit-above")
    limit = number(option.values[0], (1 << 32) - 1)
    holds = (limit >= 1) if option.name == "--connlimit-upto" else (limit < 1)
    return Fixed(Assumed(holds is not option.negated, "it is the client's only connection"))


def _recent(given: Mapping[str, Option], opens: bool) -> Condition:
    actions = [name for name in ("--set", "--rcheck", "--update", "--remove") if name in given]
    if len(actions) != 1:
        raise Refused("recent needs exactly one of --set, --rcheck, --update and --remove")
    name = given["--name"].values[0] if "--name" in given else "DEFAULT"
    action = given[actions[0]]
    if action.name == "--set":
        return RecentSet(name, action.negated)
    if "--rdest" in given:
        return Fixed(Doubt(f"the list {name} of recent connections"))
    hits = number(given["--hitcount"].values[0], 255) if "--hitcount" in given else 0
    return Recent(name, hits, opens, action.negated)


def _quota(given: Mapping[str, Option], opens: bool) -> Condition:
    return Fixed(Assumed(not any(option.negated for option in given.values()), "the rules' quotas are not used up"))


def _reverse_path(given: Mapping[str, Option], opens: bool) -> Condition:
    return Fixed(Assumed("--invert" not in given, "the server answers on the interface that you come in by"))


def _policy(given: Mapping[str, Option], opens: bool) -> Condition:
    none = given["--pol"].values[0] == "none" if "--pol" in given else False
    return Fixed(Assumed(none, "the client does not come through an IPsec tunnel"))


def _packet_type(given: Mapping[str, Option], opens: bool) -> Condition:
    option = _need(given, "--pkt-type", "pkttype")
    kind = option.values[0].lower()
    if kind == "multicast":
        return ToGroup(not option.negated)
    return ToGroup(option.negated) if kind in ("unicast", "host") else Fixed(option.negated)


def _hop_limit(given: Mapping[str, Option], opens: bool) -> Condition:
    option = next(iter(given.values()), None)
    if option is None:
        raise Refused("a hop limit needs a value")
    value = number(option.values[0], 255)
    if option.name.endswith("-eq"):
        return HopLimit(value, value, option.negated)
    return HopLimit(0, value - 1) if option.name.endswith("-lt") else HopLimit(value + 1, 255)


def _bridge(given: Mapping[str, Option], opens: bool) -> Condition:
    only = next(iter(given.values())) if len(given) == 1 else None
    if only is not None and only.name == "--physdev-is-bridged":
        return Fixed(only.negated)
    return Fixed(Doubt("a bridge's port"))


def _string(given: Mapping[str, Option], opens: bool) -> Condition:
    option = given.get("--string")
    if option is None:
        return Fixed(Doubt("the content of the packets"))
    return Payload(option.values[0], option.negated)


_WHOLE = {
    "limit": _limit,
    "hashlimit": _hashlimit,
    "connlimit": _connlimit,
    "recent": _recent,
    "quota": _quota,
    "rpfilter": _reverse_path,
    "policy": _policy,
    "pkttype": _packet_type,
    "ttl": _hop_limit,
    "hl": _hop_limit,
    "physdev": _bridge,
    "string": _string,
}


def _need(given: Mapping[str, Option], name: str, module: str) -> Option:
    if name not in given:
        raise Refused(f"{module} needs {name}")
    return given[name]


def _signed(found: AddressSet, negated: bool) -> AddressSet:
    return ~found if negated else found


# -- the values of options ------------------------------------------------------------------------------------------


def number(text: str, limit: int) -> int:
    """A number as of strtoul(3) with base 0: decimal, 0x hexadecimal or 0 octal. Raises Refused."""
    try:
        if text.isascii() and text.isalnum():
            octal = len(text) > 1 and text[0] == "0" and text.isdigit()
            value = int(text, 8 if octal else 0)
            if value <= limit:
                return value
    except ValueError:
        pass
    raise Refused(f"not a number from 0 to {limit}: {text!r}")


def mark_and_mask(text: str) -> tuple[int, int]:
    """A mark in the form "value" or "value/mask"."""
    value, slash, mask = text.partition("/")
    every = (1 << 32) - 1
    return number(value, every), number(mask, every) if slash else every


def port(text: str, names: Names) -> int:
    """A port's number, from its name or number. Raises Refused."""
    if text and text[0].isdigit():
        return number(text, 65535)
    if text in names.services:
        return names.services[text]
    raise Refused(f"unknown port: {text!r}")


def port_range(text: str, names: Names) -> tuple[int, int]:
    """A port or "first:last", each end of which may be missing."""
    first, colon, last = text.partition(":")
    if not colon:
        return (port(first, names),) * 2
    low = port(first, names) if first else 0
    high = port(last, names) if last else 65535
    if low > high:
        raise Refused(f"a port range that ends before it begins: {text!r}")
    return low, high


def port_list(text: str, names: Names) -> tuple[tuple[int, int], ...]:
    """The ports and ranges of multiport: 15 at most, of which a range counts twice."""
    parts = text.split(",")
    if sum(2 if ":" in part else 1 for part in parts) > 15:
        raise Refused("more than 15 ports in one multiport")
    return tuple(port_range(part, names) for part in parts)


def tcp_flags(text: str) -> frozenset[str]:
    words = frozenset(text.upper().split(","))
    if words == {"ALL"}:
        return TCP_FLAGS
    if words == {"NONE"}:
        return frozenset()
    if not words <= TCP_FLAGS:
        raise Refused(f"unknown TCP flags: {text!r}")
    return words


def state_names(text: str) -> frozenset[str]:
    words = frozenset(text.upper().split(","))
    if not words <= STATE_NAMES:
        raise Refused(f"unknown connection state: {text!r}")
    return words


def address_range(text: str, version: int) -> AddressSet:
    """ "first-last" of iprange, or one address."""
    first, dash, last = text.partition("-")
    try:
        low, high = parse_address(first), parse_address(last if dash else first)
    except ValueError as problem:
        raise Refused(f"not a range of addresses: {text!r}") from problem
    if low.version != version or high.version != version:
        raise Refused(f"not a range of addresses: {text!r}")
    if int(low) > int(high):
        return AddressSet(version)  # it is taken, and matches nothing
    return AddressSet.between(version, int(low), int(high))


def addresses(text: str, version: int, names: Names) -> list[AddressSet | Masked]:
    """The addresses of ``-s`` or ``-d``: a list with commas; a host name stands for all of its addresses."""
    found: list[AddressSet | Masked] = []
    for part in text.split(","):
        base, slash, mask = part.partition("/")
        known = names.hosts.get(base.lower())
        for each in known or (base,):
            found.append(_network(each + slash + mask, version))
    return found


_BYTE = "(0|[1-9][0-9]{0,2})"
_USUAL = compile_pattern(rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}(?:/(0|[1-9][0-9]?))?")


def _network(text: str, version: int) -> AddressSet | Masked:
    """One address or network in any form that iptables takes: 10.0.0.0/8, 10/8, 10.0.0.0/255.0.0.0, 2001:db8::/32."""
    usual = _USUAL.fullmatch(text) if version == 4 else None
    if usual is not None:
        one, two, three, four, prefix = usual.groups()
        parts = (int(one), int(two), int(three), int(four))
        if max(parts) < 256 and (prefix is None or int(prefix) <= 32):
            size = 1 << (32 - int(prefix)) if prefix is not None else 1
            first = (parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]) & -size
            return AddressSet(4, (first, first + size))
    return _unusual_network(text, version)


@lru_cache(maxsize=1 << 16)
def _unusual_network(text: str, version: int) -> AddressSet | Masked:
    base, slash, mask = text.partition("/")
    if base == "!":
        raise Refused('"!" stands behind -s or -d, and has to be before it')
    if version == 4 and ":" in base:
        raise Refused(f"an IPv6 address among rules for IPv4: {base!r}")
    bits = 32 if version == 4 else 128
    value = _dotted(base) if version == 4 else _colons(base)
    if not slash:
        return AddressSet(version, (value, value + 1))
    if mask.isascii() and mask.isdigit():
        if int(mask) > bits:
            raise Refused(f"not a network: {text!r}")
        size = 1 << (bits - int(mask))
        first = value & ~(size - 1)
        return AddressSet(version, (first, first + size))
    pattern = _dotted(mask, whole=True) if version == 4 else _colons(mask)
    return masked(version, value, pattern)


def _dotted(text: str, *, whole: bool = False) -> int:
    """An IPv4 address; missing parts at the end are zero, unless `whole`."""
    parts = text.split(".")
    if len(parts) > 4 or (whole and len(parts) < 4):
        raise Refused(f"unknown host: {text!r}")
    try:
        values = [number(part, 255) for part in parts]
    except Refused as problem:
        raise Refused(f"host name can't be resolved while the server boots: {text!r}") from problem
    return int.from_bytes(bytes(values + [0] * (4 - len(values))), "big")


def _colons(text: str) -> int:
    try:
        address = parse_address(text)
    except ValueError as problem:
        raise Refused(f"host name can't be resolved while the server boots: {text!r}") from problem
    if address.version != 6:
        raise Refused(f"not an IPv6 address: {text!r}")
    return int(address)

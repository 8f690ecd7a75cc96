"""From the words of an iptables match to a condition on packets (iptables-extensions(8))."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.conditions import (
    ORIGINAL,
    PATIENT,
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
    Limited,
    Mark,
    OwnAddress,
    Payload,
    Ports,
    Recent,
    RecentSet,
    States,
    TcpOption,
    ToGroup,
    Tracked,
)
from rescue.firewall.engine.icmp import icmp_type
from rescue.firewall.engine.packet import TCP
from rescue.firewall.ipset.load import IpSets
from rescue.firewall.ipset.match import DIRECTIONS, MOST_DIMENSIONS, InSet
from rescue.firewall.iptables.match_values import hashlimit_bytes
from rescue.firewall.iptables.option_values import (
    Option,
    address_range,
    address_types,
    host_network,
    leading_number,
    mark_and_mask,
    number,
    port_list,
    port_or_name,
    port_range,
    protocol_number,
    rate_of,
    state_names,
    tcp_flags,
)
from rescue.firewall.names import Names, RuleError

EVERY = (1 << 32) - 1

__all__ = ["DOUBTS", "Names", "Option", "RuleError", "conditions"]

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
"""What a match depends on that the disk does not show, as text."""

ABSENT = frozenset(["helper", "psd", "connlabel"])
"""Matches that never fit the first packets of an SSH connection; their negation always holds."""

NEVER = frozenset(["rt", "frag", "hbh", "dst", "srh", "ah", "esp", "ipcomp", "mh", "dccp", "sctp", "udp", "eui64"])
"""Matches that never hold, negated or not, for a packet without the header that they inspect."""


def conditions(
    module: str, options: Sequence[Option], version: int, names: Names, opens: bool, name: str = ""
) -> list[Condition]:
    """The condition of one match. `opens`: the rule's target lets packets in. name: identifies the match, if it needs
    that.

    Raises RuleError.
    """
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
        return [_WHOLE[module](given, opens, name)]
    if module in ("comment", "nfacct"):
        return []
    if module in NEVER:
        return [Fixed(False)]
    if module == "connlabel" and "--set" in given:
        return [Tracked(given["--label"].negated)]
    if module in ABSENT:
        return [Fixed(all(option.negated for option in options) and bool(options))]
    if module == "socket" and "--transparent" in given:
        return [Fixed(False)]  # no socket of sshd is one (IP_TRANSPARENT)
    if module == "statistic" and (always := _always(given)) is not None:
        return [Fixed(always)]
    if module == "ipv6header":
        return [Fixed(_has_headers(given["--header"], "--soft" in given))]
    if module == "ipvs":
        return [Fixed(len(given) == 1 and "--ipvs" in given and given["--ipvs"].negated)]
    if module == "devgroup":
        return [_group(option) for option in options]
    return [Fixed(Doubt(DOUBTS.get(module, f'the match "{module}"')))]


def _always(given: Mapping[str, Option]) -> bool | None:
    """Whether a random match always or never holds; None if it is really random."""
    for name, value in (("--probability", 1.0), ("--every", 1.0)):
        option = given.get(name)
        if option is not None:
            asked = float(option.values[0]) if name == "--probability" and "x" not in option.values[0] else None
            asked = number(option.values[0], EVERY) if name == "--every" else asked
            if asked == value:
                return not option.negated
            if asked == 0.0:
                return option.negated
    return None


def _has_headers(option: Option, soft: bool) -> bool:
    """Of the IPv6 headers, the connection's packets have only the TCP one (ipv6header_mt6() in ip6t_ipv6header.c)."""
    asked = {word.lower() for word in option.values[0].split(",") if word}
    upper = bool(asked & {"prot", "proto", "protocol", "255"})
    others = len(asked - {"prot", "proto", "protocol", "255"}) > 0
    if soft:
        return not upper if option.negated else not others
    return (upper and not others) is not option.negated


def _group(option: Option) -> Condition:
    value, mask = mark_and_mask(option.values[0])
    note = "the network interface is in the group that all begin in"
    return Fixed(Assumed((value & mask == 0) is not option.negated, note))


def _of_connection(asked: list[Condition]) -> list[Condition]:
    """The conditions of "conntrack": a packet of no connection has a state, and nothing else is compared then.

    conntrack_mt() in net/netfilter/xt_conntrack.c: without a connection it returns true if the state matches, and false
    if no state was asked for.
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
    """The condition of one option of a match with independent options."""
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
            return TcpOption(number(text, 255), negated)
        case "--src-range" | "--dst-range":
            return Addresses(option.name == "--src-range", _signed(address_range(text, version), negated))
        case "--state" | "--ctstate":
            return States(state_names(text), negated)
        case "--src-type" | "--dst-type":
            return _address_type(option, version)
        case "--icmp-type" | "--icmpv6-type":
            return _icmp(text, version, negated)
    return _conntrack(option, version, names)


def _conntrack(option: Option, version: int, names: Names) -> Condition:
    text, negated = option.values[0], option.negated
    match option.name:
        case "--ctorigsrc" | "--ctrepldst" | "--ctorigdst" | "--ctreplsrc":
            client = option.name in ("--ctorigsrc", "--ctrepldst")
            found = host_network(text, version, names)
            held = _signed(found, negated)
            one, other = Addresses(client, held, negated), Addresses(not client, held, negated)
            return ByDirection(one, other)
        case "--ctorigdstport" | "--ctreplsrcport":
            ranges = (_ports(text, names),)
            of = ORIGINAL if option.name == "--ctorigdstport" else REPLY
            return ByDirection(Ports(False, True, ranges, negated, of), Ports(True, False, ranges, negated, of))
        case "--ctproto":
            return Fixed((protocol_number(text) == TCP) is not negated)
        case "--ctdir":
            return Inward(text.upper() == "ORIGINAL", negated)
    return Fixed(Doubt(f"the state of the connection ({option.name})"))


def _icmp(text: str, version: int, negated: bool) -> Condition:
    try:
        found = icmp_type(text, version)
    except ValueError as problem:
        raise RuleError(str(problem)) from problem
    if found is None:
        return Fixed(not negated)
    kind, low, high = found
    if (low, high) == (0, 255) or low == high:
        return Icmp((kind, low if low == high else None), negated)
    return AnyOf(tuple((Icmp((kind, code)),) for code in range(low, high + 1)), negated)


def _ports(text: str, names: Names) -> tuple[int, int]:
    """A port or port range; one that ends before it begins is empty."""
    first, colon, last = text.partition(":")
    low = port_or_name(first, names) if first else 0
    return low, (port_or_name(last, names) if last else 65535) if colon else low


_LOOKED_UP = frozenset(["LOCAL", "ANYCAST", "UNREACHABLE"])


def _address_type(option: Option, version: int) -> Condition:
    types = address_types(option.values[0])
    source = option.name == "--src-type"
    unicast = "UNICAST" in types
    if version == 6:
        # The address must have one of the types that are looked up, and all of the others (match_type6()).
        others = not types & _LOOKED_UP
        unicast = others and types == {"UNICAST"}
        own = types <= {"UNICAST", *_LOOKED_UP} and (others or "LOCAL" in types)
        group = others and types == {"MULTICAST"}
        types = frozenset([*(["LOCAL"] if own else []), *(["MULTICAST"] if group else [])])
    client = Fixed(unicast is not option.negated)
    server = OwnAddress(types, option.negated)
    return ByDirection(client, server) if source else ByDirection(server, client)


def _in_set(option: Option, version: int, sets: IpSets) -> Condition:
    name, sides = option.values[0], option.values[1].split(",")
    held = sets.sets.get(name)
    if held is None:
        ends = "".join(f": {each.location} ends their load, {each.message}" for each in sets.problems[:1])
        raise RuleError(f"there is no ipset {name!r}{ends}")
    if not DIRECTIONS.issuperset(sides) or len(sides) > MOST_DIMENSIONS:
        raise RuleError(f"not a list of src and dst: {option.values[1]!r}")
    return InSet(held, tuple(side == "src" for side in sides), sets, option.negated)


RATES, QUOTAS = "the rules' rate limits", "the rules' quotas"
SMALLEST, LARGEST = 40, 80
"""Size of the smallest TCP packet over IPv4 in bytes (IPv6: 20 more), and of a client's first one at most."""


def _limit(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
    rate = rate_of(given["--limit"].values[0] if "--limit" in given else "3/hour")
    burst = number(given["--limit-burst"].values[0], EVERY) if "--limit-burst" in given else 5
    return Limited(name, burst or 5, RATES, rate[0] >= rate[1])


def _hashlimit(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
    option = given["--hashlimit-upto"] if "--hashlimit-upto" in given else given["--hashlimit-above"]
    beyond = (option.name == "--hashlimit-upto") is option.negated
    burst = leading_number(given["--hashlimit-burst"].values[0]) if "--hashlimit-burst" in given else None
    octets = hashlimit_bytes(option.values[0])
    if octets is not None:
        # The first packet always matches: the bucket holds one second's traffic, and no packet costs more than that.
        packets = max(1, octets // LARGEST) * (1 + (burst[0] // octets if burst and octets else 0))
        return Limited(name, packets, RATES, octets >= PATIENT * LARGEST, beyond)
    rate = rate_of(option.values[0])
    return Limited(name, burst[0] if burst is not None else 5, RATES, rate[0] >= rate[1], beyond)


def _connlimit(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
    option = given["--connlimit-upto"] if "--connlimit-upto" in given else given["--connlimit-above"]
    limit = number(option.values[0], EVERY)
    holds = (limit >= 1) if option.name == "--connlimit-upto" else (limit < 1)
    return Fixed(Assumed(holds is not option.negated, "it is the client's only connection"))


def _recent(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
    kept = given["--name"].values[0] if "--name" in given else "DEFAULT"
    action = next(given[each] for each in ("--set", "--rcheck", "--update", "--remove") if each in given)
    if action.name == "--set":
        return RecentSet(kept, action.negated)
    if "--rdest" in given:
        return Fixed(Doubt(f"the list {kept} of recent connections"))
    hits = number(given["--hitcount"].values[0], EVERY) if "--hitcount" in given else 0
    return Recent(kept, hits, opens, action.negated)


def _quota(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
    option = given["--quota"]
    octets = number(option.values[0], (1 << 64) - 1)
    if SMALLEST <= octets < LARGEST:
        return Fixed(Doubt("the size of the client's first packet"))
    return Limited(name, octets // LARGEST, QUOTAS, used_up=option.negated)


def _reverse_path(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
    return Fixed(Assumed("--invert" not in given, "the server answers on the interface that you come in by"))


def _policy(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
    none = given["--pol"].values[0] == "none" if "--pol" in given else False
    return Fixed(Assumed(none, "the client does not come through an IPsec tunnel"))


def _packet_type(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
    option = _need(given, "--pkt-type", "pkttype")
    kind = option.values[0].lower()
    if kind == "multicast":
        return ToGroup(not option.negated)
    return ToGroup(option.negated) if kind in ("unicast", "host") else Fixed(option.negated)


def _hop_limit(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
    option = next(iter(given.values()), None)
    if option is None:
        raise RuleError("a hop limit needs a value")
    value = number(option.values[0], 255)
    if option.name.endswith("-eq"):
        return HopLimit(value, value, option.negated)
    return HopLimit(0, value - 1) if option.name.endswith("-lt") else HopLimit(value + 1, 255)


def _bridge(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
    only = next(iter(given.values())) if len(given) == 1 else None
    if only is not None and only.name == "--physdev-is-bridged":
        return Fixed(only.negated)
    return Fixed(Doubt("a bridge's port"))


def _string(given: Mapping[str, Option], opens: bool, name: str) -> Condition:
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
        raise RuleError(f"{module} needs {name}")
    return given[name]


def _signed(found: AddressSet, negated: bool) -> AddressSet:
    return ~found if negated else found

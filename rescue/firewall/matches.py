"""From the words of an iptables match to a condition: which packets it asks for (iptables-extensions(8))."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rescue.firewall.addresses import AddressSet
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
from rescue.firewall.option_values import (
    Names,
    Option,
    Refused,
    address_range,
    address_types,
    host_network,
    mark_and_mask,
    number,
    port_list,
    port_or_name,
    port_range,
    protocol_number,
    state_names,
    tcp_flags,
)

from rescue.firewall.packet import TCP

__all__ = ["DOUBTS", "Names", "Option", "Refused", "conditions"]

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
        raise Refused(str(problem)) from problem
    if found is None:
        return Fixed(not negated)
    kind, low, high = found
    if (low, high) == (0, 255) or low == high:
        return Icmp((kind, low if low == high else None), negated)
    return AnyOf(tuple((Icmp((kind, code)),) for code in range(low, high + 1)), negated)


def _ports(text: str, names: Names) -> tuple[int, int]:
    """A port or a range of them, which may end before it begins: nothing is in it then."""
    first, colon, last = text.partition(":")
    low = port_or_name(first, names) if first else 0
    return low, (port_or_name(last, names) if last else 65535) if colon else low


def _address_type(option: Option) -> Condition:
    types = address_types(option.values[0])
    source = option.name == "--src-type"
    client = Fixed(("UNICAST" in types) is not option.negated)
    server = OwnAddress(types, option.negated)
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

"""What netplan's files may say: keys, and the kinds of their values (src/parse.c and src/validation.c of netplan).

The keys are those of the newest release: one that an older release does not know yet is not told from a good one here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from rescue.formats.yaml_nodes import Node, scalars


@dataclass(frozen=True, slots=True)
class NetplanProblem:
    """Why netplan takes a file for void. line: from 1. definition: the interface's name, empty for the whole file."""

    line: int
    what: str
    definition: str = ""


Test = Callable[[Node], str]
"""What is wrong with a value, in words; empty where nothing is."""

_BOOLEANS = ("true", "on", "yes", "y", "false", "off", "no", "n")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?:(?::[0-9A-Fa-f]{2}){14})?")
_SPECIAL_MAC = ("permanent", "preserve", "preserve-or-random", "random", "stable", "stable-ssid")
_UNSIGNED = re.compile(r"[ \t\n\v\f\r]*\+?\d+")
_NAME = re.compile(r"[!-~]+")


def _scalar(node: Node) -> str:
    return "" if node.kind == "scalar" else "a single value belongs here"


def _boolean(node: Node) -> str:
    return _scalar(node) or ("" if node.text.lower() in _BOOLEANS else f"{node.text!r} is neither true nor false")


def _number(node: Node) -> str:
    good = _UNSIGNED.fullmatch(node.text) is not None and int(node.text) < 1 << 32
    return _scalar(node) or ("" if good else f"{node.text!r} is no number")


def _sequence(node: Node) -> str:
    return "" if node.kind == "sequence" else "a list belongs here"


def _mapping(node: Node) -> str:
    return "" if node.kind == "mapping" else "keys and values belong here (is the indentation right?)"


def _anything(node: Node) -> str:
    return ""


def _mac(node: Node) -> str:
    return _scalar(node) or ("" if _MAC.fullmatch(node.text) else f"{node.text!r} is no hardware address")


def _set_mac(node: Node) -> str:
    return "" if node.kind == "scalar" and node.text in _SPECIAL_MAC else _mac(node)


def _renderer(node: Node) -> str:
    good = node.text in ("networkd", "NetworkManager", "sriov")
    return _scalar(node) or ("" if good else f"there is no renderer {node.text!r}")


def _version(node: Node) -> str:
    # What follows the number is not looked at (strtoull).
    return _scalar(node) or ("" if re.match(r"\s*\+?0*2(?!\d)", node.text) else "only version 2 is known")


def _address(node: Node, version: int = 0) -> str:
    kind = f"IPv{version} address" if version else "IP address"
    return _scalar(node) or ("" if _parsed(node.text) in ((4, 6) if not version else (version,)) else
                             f"{node.text!r} is no {kind}")  # fmt: skip


def _address4(node: Node) -> str:
    return _address(node, 4)


def _address6(node: Node) -> str:
    return _address(node, 6)


def _parsed(text: str) -> int:
    """4 or 6; 0 for what is no address (inet_pton)."""
    try:
        return 0 if "%" in text else ip_address(text).version
    except ValueError:
        return 0


def _prefixed(node: Node) -> str:
    """An address with its prefix length."""
    own, slash, length = node.text.rpartition("/")
    if node.kind != "scalar":
        return "an address belongs here"
    if not slash:
        return f"{node.text!r} lacks its prefix length, such as /24"
    version = _parsed(own)
    if not version:
        return f"{node.text!r} is no IP address"
    most = 32 if version == 4 else 128
    # What follows the number is not looked at (strtoull).
    number = re.match(r"\s*\+?(\d{1,4})", length)
    return "" if number and 0 < int(number[1]) <= most else f"{node.text!r} has a wrong prefix length"


def _destination(node: Node) -> str:
    good = node.text == "default" or _parsed(node.text.partition("/")[0])
    return _scalar(node) or ("" if good else f"{node.text!r} is no IP address or network")


_OVERRIDES: Mapping[str, Test] = {
    "hostname": _scalar, "route-metric": _number, "send-hostname": _boolean, "use-dns": _boolean,
    "use-domains": _scalar, "use-hostname": _boolean, "use-mtu": _boolean, "use-ntp": _boolean, "use-routes": _boolean,
}  # fmt: skip
_COMMON: Mapping[str, Test] = {
    "accept-ra": _boolean, "activation-mode": _scalar, "addresses": _sequence, "critical": _boolean,
    "ignore-carrier": _boolean, "dhcp4": _boolean, "dhcp6": _boolean, "dhcp-identifier": _scalar,
    "dhcp4-overrides": _mapping, "dhcp6-overrides": _mapping, "ra-overrides": _mapping, "gateway4": _address4,
    "gateway6": _address6, "ipv6-address-generation": _scalar, "ipv6-address-token": _scalar, "ipv6-mtu": _number,
    "ipv6-privacy": _boolean, "link-local": _sequence, "macaddress": _set_mac, "mtu": _number, "nameservers": _mapping,
    "optional": _boolean, "optional-addresses": _sequence, "renderer": _renderer, "routes": _sequence,
    "routing-policy": _sequence, "hairpin": _boolean, "port-mac-learning": _boolean, "neigh-suppress": _boolean,
    "networkmanager": _mapping, "openvswitch": _mapping,
}  # fmt: skip
_PHYSICAL: Mapping[str, Test] = {
    "match": _mapping, "set-name": _scalar, "wakeonlan": _boolean, "wakeonwlan": _sequence, "emit-lldp": _boolean,
    **{
        f"{name}-offload": _boolean
        for name in ("receive-checksum", "transmit-checksum", "tcp-segmentation", "tcp6-segmentation",
                     "generic-segmentation", "generic-receive", "large-receive")
    },
}  # fmt: skip
_ROUTE: Mapping[str, Test] = {
    "from": _destination, "on-link": _boolean, "scope": _scalar, "table": _number, "to": _destination, "type": _scalar,
    "via": _address, "metric": _number, "mtu": _number, "congestion-window": _number,
    "advertised-receive-window": _number, "advertised-mss": _number,
}  # fmt: skip
_RULE: Mapping[str, Test] = {
    "from": _destination, "mark": _number, "priority": _number, "table": _number, "to": _destination,
    "type-of-service": _number,
}  # fmt: skip
_NAMESERVERS: Mapping[str, Test] = {"search": _sequence, "addresses": _sequence}
_MATCH: Mapping[str, Test] = {"driver": _anything, "macaddress": _mac, "name": _scalar}
_PARAMETERS: Mapping[str, Mapping[str, Test]] = {
    "bridges": {
        **dict.fromkeys(("ageing-time", "aging-time", "forward-delay", "hello-time", "max-age"), _scalar),
        "path-cost": _mapping, "port-priority": _mapping, "priority": _number, "stp": _boolean,
    },
    "bonds": {
        **dict.fromkeys(
            ("mode", "lacp-rate", "mii-monitor-interval", "transmit-hash-policy", "ad-select", "arp-interval",
             "arp-validate", "arp-all-targets", "up-delay", "down-delay", "fail-over-mac-policy",
             "primary-reselect-policy", "learn-packet-interval", "primary"),
            _scalar,
        ),
        **dict.fromkeys(
            ("min-links", "gratuitous-arp", "gratuitious-arp", "packets-per-slave", "packets-per-member",
             "resend-igmp"),
            _number,
        ),
        "all-slaves-active": _boolean, "all-members-active": _boolean, "arp-ip-targets": _sequence,
    },
}  # fmt: skip
_GROUPED: Mapping[str, Test] = {"interfaces": _sequence, "parameters": _mapping}

TYPES: Mapping[str, Mapping[str, Test]] = {
    "ethernets": {**_COMMON, **_PHYSICAL, "auth": _mapping, "link": _scalar, "virtual-function-count": _number,
                  "embedded-switch-mode": _scalar, "delay-virtual-functions-rebind": _boolean,
                  "infiniband-mode": _scalar},
    "virtual-ethernets": {**_COMMON, "peer": _scalar},
    "wifis": {**_COMMON, **_PHYSICAL, "access-points": _mapping, "auth": _mapping, "regulatory-domain": _scalar},
    "bridges": {**_COMMON, **_GROUPED},
    "bonds": {**_COMMON, **_GROUPED},
    "vlans": {**_COMMON, "id": _number, "link": _scalar},
    "vrfs": {**_COMMON, "interfaces": _sequence, "table": _number},
    "dummy-devices": {**_COMMON},
    "tunnels": {**_COMMON, "mode": _scalar, "local": _scalar, "remote": _scalar, "ttl": _number, "key": _anything,
                "keys": _anything, "mark": _number, "port": _number, "peers": _sequence, "link": _scalar,
                **dict.fromkeys(("ageing", "aging", "id", "limit", "type-of-service", "flow-label"), _number),
                **dict.fromkeys(("do-not-fragment", "short-circuit", "arp-proxy", "mac-learning"), _boolean),
                **dict.fromkeys(("notifications", "checksums", "extensions", "port-range"), _sequence)},
}  # fmt: skip
"""The definitions of each type, and the keys of one. What is looked at no closer is left out: modems, nm-devices."""
_OTHER_TYPES = ("modems", "nm-devices")
_NETWORK: Mapping[str, Test] = {"renderer": _renderer, "version": _version, "openvswitch": _mapping}


def problem_of(root: Node | None, known: set[str]) -> NetplanProblem | None:
    """The first thing for which netplan takes a file for void. known: the interfaces that earlier files define, to
    which this file's are added."""
    if root is None:
        return None
    return next(_problems(root, known), None)


def _problems(root: Node, known: set[str]) -> Iterator[NetplanProblem]:
    if root.kind == "scalar" and root.null:
        return
    yield from _keys(root, {"network": _mapping}, "")
    network = root.get("network")
    if network is None or network.kind != "mapping":
        return
    tests = {**_NETWORK, **dict.fromkeys((*TYPES, *_OTHER_TYPES), _mapping)}
    yield from _keys(network, tests, "")
    for kind in (*TYPES, *_OTHER_TYPES):
        group = network.get(kind)
        known.update(name.text for name, _ in (group.pairs if group is not None else ()))
    for kind, keys in TYPES.items():
        group = network.get(kind)
        for name, definition in group.pairs if group is not None else ():
            if not _NAME.fullmatch(name.text):
                yield NetplanProblem(name.line, f"{name.text!r} is no name of an interface", name.text)
            if (wrong := _mapping(definition)) != "":
                yield NetplanProblem(name.line, f"{name.text}: {wrong}", name.text)
                continue
            yield from _keys(definition, keys, name.text)
            yield from _definition(kind, name, definition, known)


def _keys(node: Node, tests: Mapping[str, Test], definition: str) -> Iterator[NetplanProblem]:
    for key, value in node.pairs:
        test = tests.get(key.text)
        if test is None:
            yield NetplanProblem(key.line, f"there is no key {key.text!r} here", definition)
        elif (wrong := test(value)) != "":
            # What was left empty is where the next thing begins.
            yield NetplanProblem(key.line if value.null else value.line, f"{key.text}: {wrong}", definition)


def _definition(kind: str, name: Node, node: Node, known: set[str]) -> Iterator[NetplanProblem]:
    """What stands deeper, and what belongs together."""
    of = name.text
    for key, tests in (("match", _MATCH), ("nameservers", _NAMESERVERS), ("dhcp4-overrides", _OVERRIDES),
                       ("dhcp6-overrides", _OVERRIDES), ("parameters", _PARAMETERS.get(kind, {}))):  # fmt: skip
        below = node.get(key)
        if below is not None and below.kind == "mapping":
            yield from _keys(below, tests, of)
    for each in _items(node, "addresses"):
        own = each.pairs[0][0] if each.kind == "mapping" and each.pairs else each
        if (wrong := _prefixed(own)) != "":
            yield NetplanProblem(own.line, f"addresses: {wrong}", of)
    for each in _items(node.get("nameservers") or Node("mapping", 0), "addresses"):
        if (wrong := _address(each)) != "":
            yield NetplanProblem(each.line, f"nameservers: {wrong}", of)
    for key, tests in (("routes", _ROUTE), ("routing-policy", _RULE)):
        for each in _items(node, key):
            if each.kind != "mapping":
                yield NetplanProblem(each.line, f"{key}: {_mapping(each)}", of)
            else:
                yield from _keys(each, tests, of)
                if key == "routes" and each.get("to") is None and each.get("via") is not None:
                    yield NetplanProblem(each.line, 'routes: there is a "via" without its "to"', of)
    if node.get("set-name") is not None and node.get("match") is None:
        yield NetplanProblem(name.line, '"set-name" needs "match"', of)
    if kind in ("bridges", "bonds", "vrfs"):
        for each in scalars(node.get("interfaces")):
            if each.text not in known:
                yield NetplanProblem(each.line, f"interfaces: {each.text!r} is not defined", of)
    if kind == "vlans":
        for key in ("id", "link"):
            if node.get(key) is None:
                yield NetplanProblem(name.line, f"{of} lacks its {key!r}", of)
        link = node.get("link")
        if link is not None and link.text not in known:
            yield NetplanProblem(link.line, f"link: {link.text!r} is not defined", of)
        number = node.get("id")
        if number is not None and not _number(number) and int(number.text) > 4094:
            yield NetplanProblem(number.line, f"id: {number.text} is not within 0 to 4094", of)


def _items(node: Node, key: str) -> list[Node]:
    found = node.get(key)
    return found.items if found is not None and found.kind == "sequence" else []

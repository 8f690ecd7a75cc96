"""Tunnels that are up after the boot and take the default route: wg-quick, systemd-networkd, NetworkManager, netplan,
OpenVPN, Tailscale.

What a tunnel takes are destinations: every answer of the server to an address within them leaves by the tunnel, and not
by the network card, unless a rule keeps what has the server's own address on the main table.

Sources: wg-quick(8), systemd.netdev(5), nm-settings(5), openvpn(8), Tailscale's ipn/prefs.go.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from itertools import islice
from pathlib import PurePosixPath

from rescue.formats.yaml_nodes import scalars
from rescue.model import Location
from rescue.network import keyfile, netplan, networkd, wireguard
from rescue.services.unit_files import Assignment
from rescue.services.units import UNIT_READS, Units
from rescue.tree import Read, Tree

Network = IPv4Network | IPv6Network

OPENVPN = ("/etc/openvpn", "/etc/openvpn/client")
OPENVPN_DEFAULTS = "/etc/default/openvpn"
TAILSCALE = "/var/lib/tailscale/tailscaled.state"
READS = (
    *UNIT_READS, *networkd.READS, *netplan.READS, *keyfile.READS, *wireguard.READS, Read(OPENVPN[0], depth=2),
    Read(OPENVPN_DEFAULTS, depth=0), Read(TAILSCALE, depth=0), Read("/usr/bin/wg-quick", depth=0, content=False),
)  # fmt: skip

EVERYTHING: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
MOST_FILES, MOST_NETWORKS = 100, 20_000

_RULE = re.compile(
    r"\bip\s+(?:-\S+\s+)*rule\s+(?:add|a)\b.*\b(?:from|sport|ipproto|fwmark)\b.*\b(?:table|lookup)\s+main\b"
)
"""A rule that keeps answers on the main table: ``ip rule add from 192.0.2.2 table main``."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel. takes: the destinations that go into it. inside: its own networks, whose clients come through it.
    unit: what starts it; empty where it is not one unit's. doubt: why it may not be so."""

    name: str
    program: str
    location: Location
    takes: tuple[Network, ...]
    inside: tuple[Network, ...] = ()
    unit: str = ""
    doubt: str = ""


def tunnels(tree: Tree, units: Units) -> tuple[Tunnel, ...]:
    """Every tunnel that is up after the boot and takes something. Raises NotCaptured."""
    tree.require(*READS)
    found = [*_wg_quick(tree, units), *_networkd(tree, units), *_manager(tree, units), *_netplan(tree, units)]
    return tuple(each for each in [*found, *_openvpn(tree, units), *_tailscale(tree, units)] if each.takes)


def _wg_quick(tree: Tree, units: Units) -> Iterator[Tunnel]:
    for conf in wireguard.confs(tree):
        unit = units.unit(f"wg-quick@{conf.name}.service")
        if not unit.started:
            continue
        table = next((each.text.lower() for each in conf.get("interface", "table")), "auto")
        if table not in ("auto", "main", "254"):
            continue  # no routes, or in a table that nothing asks
        hooks = [each.text for key in ("preup", "postup") for each in conf.get("interface", key)]
        if any(_RULE.search(each) for each in hooks):
            continue
        doubt = "its own commands (PostUp) set rules that are not followed here" if _marks(hooks) else ""
        takes, place = _taken(list(conf.get("peer", "allowedips")))
        inside = tuple(_networks(word for word, _ in conf.words("interface", "address")))
        yield Tunnel(conf.name, "wg-quick", place or Location(conf.path), takes, inside, unit.name, doubt)


def _marks(hooks: list[str]) -> bool:
    return any(re.search(r"\bip\s+(?:-\S+\s+)*(?:rule|route)\b|fwmark|MARK|\.sh\b", each) for each in hooks)


def _taken(allowed: list[Assignment]) -> tuple[tuple[Network, ...], Location | None]:
    """The networks of AllowedIPs lines, put together, and the line of the widest one."""
    networks: list[tuple[Network, Location]] = []
    for each in allowed:
        for one in _networks(each.text.replace(" ", ",").split(",")):
            networks.append((one, Location(each.location.path, each.location.line, f"{each.key} = {each.text}"[:200])))
    place = min(networks, key=lambda pair: pair[0].prefixlen)[1] if networks else None
    return _together(one for one, _ in networks), place


def _together(networks: Iterator[Network]) -> tuple[Network, ...]:
    """Halves that make a whole are that whole: 0.0.0.0/1 and 128.0.0.0/1."""
    known = list(networks)[:MOST_NETWORKS]
    four = collapse_addresses(each for each in known if isinstance(each, IPv4Network))
    six = collapse_addresses(each for each in known if isinstance(each, IPv6Network))
    return (*four, *six)


def _networks(words: Iterator[str] | list[str]) -> Iterator[Network]:
    for word in words:
        try:
            yield ip_network(word.strip().strip("\"'"), strict=False)
        except ValueError:
            continue


def _networkd(tree: Tree, units: Units) -> Iterator[Tunnel]:
    """WireGuard of systemd-networkd: RouteTable= of the .netdev, or routes of its .network file."""
    if not units.unit("systemd-networkd.service").started:
        return
    devices: dict[str, tuple[Assignment, ...]] = {}
    for path in networkd.files(tree, ".netdev")[:MOST_FILES]:
        told = networkd.settings(tree, path)
        device = {each.key: each.text for each in told if each.section == "NetDev"}
        if device.get("Kind", "").lower() == "wireguard" and device.get("Name"):
            devices.setdefault(device["Name"], told)
    rules = [
        each
        for path in networkd.network_files(tree)
        for each in networkd.settings(tree, path)
        if each.section == "RoutingPolicyRule" and each.key == "From"
    ]
    if rules:
        return  # what has the server's own address is kept on a table of its own
    for name, told in devices.items():
        tables = [each.text for each in told if each.key == "RouteTable"]
        if any(each in ("main", "254", "default") for each in tables):
            takes, place = _taken([each for each in told if each.key == "AllowedIPs"])
            yield Tunnel(name, "systemd-networkd", place or told[0].location, takes)
    for path in networkd.network_files(tree):
        told = networkd.settings(tree, path)
        names = [word for each in told if each.section == "Match" and each.key == "Name" for word in each.text.split()]
        if len(names) != 1 or names[0] not in devices:
            continue
        tables = [each.text for each in told if each.section == "Route" and each.key == "Table"]
        inverted = any(each.section == "RoutingPolicyRule" and each.key == "InvertRule" for each in told)
        if tables and not inverted and not set(tables) & {"main", "254"}:
            continue
        routes = [each for each in told if each.section == "Route" and each.key == "Destination"]
        takes, place = _taken(routes)
        inside = tuple(_networks([each.text for each in told if each.key == "Address"]))
        if any(each.key == "DefaultRouteOnDevice" and networkd.on(each.text) for each in told):
            takes, place = EVERYTHING[:1], Location(path)
        yield Tunnel(names[0], "systemd-networkd", place or Location(path), takes, inside)


def _manager(tree: Tree, units: Units) -> Iterator[Tunnel]:
    """WireGuard of NetworkManager."""
    if not units.unit("NetworkManager.service").started:
        return
    for path in islice(keyfile.files(tree), MOST_FILES):
        told = list(keyfile.settings(tree.text(path) or ""))
        values = {(each.section, each.key): each.value for each in told}
        if values.get(("connection", "type")) != "wireguard" or values.get(("connection", "autoconnect")) == "false":
            continue
        if values.get(("ipv4", "never-default")) == "true" or values.get(("wireguard", "peer-routes")) == "false":
            continue
        allowed = [
            Assignment(each.section, each.key, each.value.replace(";", ","), Location(path, each.line))
            for each in told
            if each.section.startswith("wireguard-peer.") and each.key == "allowed-ips"
        ]
        takes, place = _taken(allowed)
        name = values.get(("connection", "interface-name"), path.name)
        yield Tunnel(name, "NetworkManager", place or Location(path), takes)


def _netplan(tree: Tree, units: Units) -> Iterator[Tunnel]:
    """WireGuard of netplan with a default route of its own."""
    if not netplan.generated(tree):
        return
    for plan in netplan.plans(tree):
        group = plan.root.get("network", "tunnels") if plan.root is not None and plan.problem is None else None
        for name, tunnel in group.pairs if group is not None else ():
            mode, routes = tunnel.get("mode"), tunnel.get("routes")
            if mode is None or mode.text != "wireguard" or tunnel.get("routing-policy") is not None:
                continue
            for route in routes.items if routes is not None else ():
                to = route.get("to") if route.kind == "mapping" and route.get("table") is None else None
                if to is None:
                    continue
                takes = EVERYTHING[:1] if to.text == "default" else tuple(_networks([to.text]))
                inside = tuple(_networks([each.text for each in scalars(tunnel.get("addresses"))]))
                yield Tunnel(name.text, "netplan", Location(plan.path, to.line, f"to: {to.text}"), takes, inside)


_STARTED = re.compile(r"\s*AUTOSTART\s*=\s*[\"']?([^\"'\n#]*)")


def _openvpn(tree: Tree, units: Units) -> Iterator[Tunnel]:
    """OpenVPN with redirect-gateway in its own file; what the other side may send is not on the disk."""
    for directory in OPENVPN:
        for name in tree.children(directory)[:MOST_FILES] if tree.entry(directory) is not None else ():
            unit = _openvpn_unit(tree, units, directory, name.removesuffix(".conf"))
            if not name.endswith(".conf") or not unit:
                continue
            path = PurePosixPath(directory) / name
            lines = [
                (number, line.split()) for number, line in enumerate((tree.text(path) or "").split("\n")[:5000], 1)
            ]
            found = [
                (number, words) for number, words in lines if words[:1] in (["redirect-gateway"], ["redirect-private"])
            ]
            for number, words in found[:1]:
                if words[0] == "redirect-private":
                    continue
                six = EVERYTHING[1:] if "ipv6" in words else ()
                four = () if "!ipv4" in words else EVERYTHING[:1]
                place = Location(path, number, " ".join(words))
                yield Tunnel(name.removesuffix(".conf"), "OpenVPN", place, (*four, *six), unit=unit)


def _openvpn_unit(tree: Tree, units: Units, directory: str, name: str) -> str:
    """What starts the file: a unit of its own, or openvpn.service by AUTOSTART, which is "all" where it is not set."""
    if directory != OPENVPN[0]:
        unit = units.unit(f"openvpn-client@{name}.service")
        return unit.name if unit.started else ""
    own = units.unit(f"openvpn@{name}.service")
    if own.started:
        return own.name
    if not units.unit("openvpn.service").started:
        return ""
    told = [
        match[1].split() for line in (tree.text(OPENVPN_DEFAULTS) or "").split("\n") if (match := _STARTED.match(line))
    ]
    chosen = told[-1] if told else ["all"]
    return "openvpn.service" if "all" in chosen or name in chosen else ""


def _tailscale(tree: Tree, units: Units) -> Iterator[Tunnel]:
    if not units.unit("tailscaled.service").started:
        return
    data = tree.data(TAILSCALE)
    for preferences in profiles_of(data or b""):
        if preferences.get("WantRunning", True) and (preferences.get("ExitNodeID") or preferences.get("ExitNodeIP")):
            yield Tunnel(
                "tailscale0", "Tailscale", Location(PurePosixPath(TAILSCALE), 0, "an exit node is set"), EVERYTHING,
                tuple(_networks(["100.64.0.0/10", "fd7a:115c:a1e0::/48"])), "tailscaled.service",
            )  # fmt: skip


_KEPT = ("ExitNodeID", "ExitNodeIP", "WantRunning", "RouteAll")


def profiles_of(data: bytes) -> list[dict[str, object]]:
    """What Tailscale's current profile is set to, of that which decides about routes."""
    try:
        state = json.loads(data)
        current = base64.b64decode(state.get("_current-profile", ""), validate=True).decode()
        found = json.loads(base64.b64decode(state[current], validate=True))
        return [{key: found[key] for key in _KEPT if key in found}]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        return []


def settings_alone(data: bytes) -> bytes:
    """Tailscale's state with these settings alone: what else it holds are keys."""
    found = profiles_of(data)
    if not found:
        return b"{}"
    coded = base64.b64encode(json.dumps(found[0]).encode()).decode()
    return json.dumps({"_current-profile": base64.b64encode(b"profile-1").decode(), "profile-1": coded}).encode()


def keeps_answers(text: str) -> bool:
    """Whether a command keeps the server's answers on the main table."""
    return _RULE.search(text) is not None

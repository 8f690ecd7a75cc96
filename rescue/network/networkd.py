"""systemd-networkd's files (systemd.network(5)): which network interfaces each is for, and what it sets.

Files of all directories count together in the order of their names; of one name in two directories the first
directory's counts, and one that is empty or a link to /dev/null takes it away. Drop-ins only add to [Network] and the
like here: one that changes [Match] makes the file unclear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from ipaddress import IPv6Interface
from pathlib import PurePosixPath

from rescue.model import Address, Location
from rescue.network import netplan
from rescue.network.profile import Asks, Interface, Profile, Route, address, interface, replaced_line, route, written
from rescue.services.unit_files import Assignment, parse_unit
from rescue.tree import Read, Tree

DIRECTORIES = (
    "/etc/systemd/network", "/usr/local/lib/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network",
)  # fmt: skip
READS = tuple(Read(path, depth=2) for path in DIRECTORIES)

NOT_WIRED = frozenset({"Virtualization", "Kind", "WLANInterfaceType", "SSID", "BSSID"})
"""Conditions that keep a file from a server's own network card: containers, tunnels, radio."""

SHIPPED = ("/usr/lib/", "/lib/")
"""systemd's own .network files are for containers and ad-hoc links; they say nothing of a server's addresses."""

OF_NETPLAN = "10-netplan-"
"""How the files that netplan's generator makes at boot are called."""

ANY_WIRED = "en* eth*"

STRAY = ("DHCP", "Address", "Gateway")
"""Keys of other sections: in [Match] they are ignored."""


def network_files(tree: Tree) -> tuple[PurePosixPath, ...]:
    """The .network files in the order in which they are tried."""
    return files(tree, ".network")


def files(tree: Tree, ending: str, below: str = "") -> tuple[PurePosixPath, ...]:
    """The files with that ending, or those of the folders `below` the usual ones; of one name the first counts."""
    tree.require(*READS)
    found: dict[str, PurePosixPath] = {}
    for directory in DIRECTORIES:
        place = PurePosixPath(directory) / below
        for name in tree.children(place) if tree.entry(place) is not None else ():
            if name.endswith(ending):
                found.setdefault(name, place / name)
    return tuple(found[name] for name in sorted(found))


def settings(tree: Tree, path: PurePosixPath) -> tuple[Assignment, ...]:
    """The assignments of a file, as systemd reads every file of its own (systemd.syntax(7))."""
    return tuple(parse_unit(tree.text(path) or "", path))


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each file that may be for a wired card, in their order."""
    yield from (each for each in all_profiles(tree) if each.wired)


def all_profiles(tree: Tree) -> Iterator[Profile]:
    """One for each file, in their order, and for what is added to files that are made at boot."""
    known = network_files(tree)
    for path in known:
        # An empty file, or a link to /dev/null, takes the one of its name away.
        if not (tree.text(path) or "").strip():
            continue
        said, added = settings(tree, path), of_dropins(tree, path.name)
        matched = [each for each in said if each.section == "Match" and each.text and each.key not in STRAY]
        addresses, gateways = _static((*said, *added))
        own = str(path).startswith(SHIPPED)
        yield replace(
            _profile(path, matched, clear=not any(each.section == "Match" for each in added)),
            addresses=addresses,
            gateways=gateways,
            written=written(_addresses(added if own else (*said, *added))),
            asks=_asks(added) if own else (*_asks((*said, *added)), *_announced(path, (*said, *added))),
            routes=_routes((*said, *added)),
            wired=_is_wired(said, matched),
        )
    for name in sorted(_dropin_folders(tree) - {path.name for path in known}):
        yield _orphan(tree, name)


def _is_wired(said: tuple[Assignment, ...], matched: list[Assignment]) -> bool:
    """Whether a file may be for a wired network interface that it does not leave alone."""
    return not (
        any(each.key in NOT_WIRED for each in matched)
        or any(each.section == "Link" and each.key == "Unmanaged" and on(each.text) for each in said)
        or any(each.key in ("Type", "Driver") and not _wired(each) for each in matched)
    )


def _dropin_folders(tree: Tree) -> set[str]:
    """The names of the files that have drop-ins."""
    return {path.name.removesuffix(".d") for path in files(tree, ".network.d")}


def _orphan(tree: Tree, name: str) -> Profile:
    """Drop-ins of a file that is not on the disk: it may be made in /run while the server boots, as netplan's are."""
    added = of_dropins(tree, name)
    place = added[0].location if added else Location(PurePosixPath(DIRECTORIES[0]) / f"{name}.d")
    plans = name.startswith(OF_NETPLAN) and netplan.files(tree)
    unknown = () if plans or not added else ((4, place), (6, place))
    return Profile(
        "systemd-networkd", place, unclear=True, written=written(_addresses(added)), asks=(*_asks(added), *unknown),
        wired=False,
    )  # fmt: skip


def _addresses(said: tuple[Assignment, ...]) -> Iterator[tuple[str, Location]]:
    for each in said:
        if each.key == "Address" and each.section in ("Network", "Address"):
            yield each.text, each.location


def _asks(said: tuple[Assignment, ...]) -> Asks:
    """For which IP versions DHCP is asked; the last DHCP= counts."""
    found: Asks = ()
    for each in said:
        if each.section == "Network" and each.key == "DHCP":
            value = each.text.lower()
            both = on(value) or value == "both"
            versions = (4, 6) if both else _DHCP.get(value, ())
            found = tuple((version, each.location) for version in versions)
    return found


_DHCP = {"ipv4": (4,), "v4": (4,), "ipv6": (6,), "v6": (6,)}


def _announced(path: PurePosixPath, said: tuple[Assignment, ...]) -> Asks:
    """Router advertisements are accepted, unless the last IPv6AcceptRA= says otherwise."""
    accepted = True
    for each in said:
        if each.section == "Network" and each.key == "IPv6AcceptRA":
            accepted = not off(each.text)
    return ((6, Location(path)),) if accepted else ()


def _static(told: tuple[Assignment, ...]) -> tuple[tuple[Interface, ...], tuple[Address, ...]]:
    """The addresses, and the routers that are reached through them and in no other way."""
    found = [_with_prefix(text) for text, _ in _addresses(told)]
    addresses = tuple(each for each in found if each is not None)
    # DHCP may bring the router's network; a route may say that the router is on the wire.
    other = any(
        (each.key == "DHCP" and not off(each.text))
        or (each.key in ("GatewayOnLink", "GatewayOnlink") and on(each.text))
        or each.key in ("Destination", "Peer")
        for each in told
    )
    if other or len(found) != len(addresses):
        return addresses, ()
    routers = (address(each.text) for each in told if each.key == "Gateway" and each.section in ("Network", "Route"))
    return addresses, tuple(each for each in routers if each is not None)


def _routes(told: tuple[Assignment, ...]) -> tuple[Route, ...] | None:
    """The routes; None where one is not clear. Of a [Route] section its assignments follow each other."""
    found: list[Route | None] = []
    for each in told:
        if each.section in ("Network", "Route") and each.key == "Gateway":
            if each.text and each.text.lower() not in _ASKED and address(each.text) is None:
                return None
            found.append(
                route("default", each.location, 6 if ":" in each.text or each.text.lower() == "_ipv6ra" else 4)
            )
        elif each.key == "Destination" or (each.section == "Network" and each.key == "DefaultRouteOnDevice"):
            to = each.text if each.key == "Destination" else "default"
            found.append(route(to, each.location))
        elif each.section in ("Route", "NextHop", "RoutingPolicyRule") and each.key in ("Type", "NextHop", "Table"):
            return None
    return tuple(each for each in found if each is not None)


_ASKED = ("_dhcp4", "_dhcp6", "_ipv6ra", "dhcp")


def _with_prefix(text: str) -> Interface | None:
    """An address; where an IPv4 one has no prefix length, that of its class (in4_addr_default_prefixlen of systemd)."""
    found = interface(text)
    if found is None or "/" in text:
        return found
    if isinstance(found, IPv6Interface):
        return None
    first = int(found.ip) >> 24
    return interface(f"{text}/{8 if first < 128 else 16 if first < 192 else 24}") if first < 224 else None


def _wired(setting: Assignment) -> bool:
    """False for what is no card at all, or one without a wire."""
    if setting.key == "Driver":
        return setting.text not in ("veth", "bridge", "bonding", "tun", "dummy")
    return "ether" in setting.text.split()


def _profile(path: PurePosixPath, matched: list[Assignment], *, clear: bool) -> Profile:
    names = [each for each in matched if each.key == "Name"]
    macs = [each for each in matched if each.key in ("MACAddress", "PermanentMACAddress")]
    clear = clear and all(each.key in ("Name", "MACAddress", "PermanentMACAddress") for each in matched)
    chooses = next(iter(names or macs or matched), None)
    location = Location(path)
    if chooses is not None:
        location = Location(path, chooses.location.line, f"{chooses.key}={chooses.text}"[:200])
    return Profile(
        "systemd-networkd",
        location,
        tuple(word for each in names for word in each.text.split()),
        tuple(word.lower().replace("-", ":") for each in macs for word in each.text.split()),
        unclear=not clear,
        rename=partial(_renamed, location=location, old=names[0].text) if len(names) == 1 else None,
        unbind=partial(_unbound, location=location) if len(macs) == 1 and not names else None,
    )


def of_dropins(tree: Tree, name: str) -> tuple[Assignment, ...]:
    """What the drop-ins of the file of that name say."""
    return tuple(each for path in files(tree, ".conf", f"{name}.d") for each in settings(tree, path))


def on(text: str) -> bool:
    """Whether a switch is on (parse_boolean of systemd)."""
    return text.lower() in ("1", "yes", "y", "true", "t", "on")


def off(text: str) -> bool:
    """Whether a switch is off (likewise)."""
    return text.lower() in ("0", "no", "n", "false", "f", "off")


def _renamed(tree: Tree, name: str, *, location: Location, old: str) -> Tree:
    return replaced_line(tree, location, old, name)


def _unbound(tree: Tree, *, location: Location) -> Tree:
    return replaced_line(tree, location, location.text, f"Name={ANY_WIRED}")

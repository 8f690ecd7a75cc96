"""systemd-networkd's files (systemd.network(5)): which cards each is for.

Files of all directories count together in the order of their names; of one name in two directories the first
directory's counts, and one that is empty or a link to /dev/null takes it away. Drop-ins only add to [Network] and the
like here: one that changes [Match] makes the file unclear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.network.profile import Address, Interface, Profile, address, interface, replaced_line
from rescue.services.unit_files import Assignment, parse_unit
from rescue.tree import Read, Tree

DIRECTORIES = ("/etc/systemd/network", "/usr/local/lib/systemd/network", "/usr/lib/systemd/network")
READS = tuple(Read(path, depth=2) for path in DIRECTORIES)

NOT_WIRED = frozenset({"Virtualization", "Kind", "WLANInterfaceType", "SSID", "BSSID"})
"""Conditions that keep a file from a server's own network card: containers, tunnels, radio."""

ANY_WIRED = "en* eth*"


def network_files(tree: Tree) -> tuple[PurePosixPath, ...]:
    """The .network files in the order in which they are tried."""
    tree.require(*READS)
    found: dict[str, PurePosixPath] = {}
    for directory in DIRECTORIES:
        if tree.entry(directory) is None:
            continue
        for name in tree.children(directory):
            if name.endswith(".network"):
                found.setdefault(name, PurePosixPath(directory) / name)
    return tuple(found[name] for name in sorted(found))


def settings(tree: Tree, path: PurePosixPath) -> tuple[Assignment, ...]:
    """The assignments of a file, as systemd reads every file of its own (systemd.syntax(7))."""
    return tuple(parse_unit(tree.text(path) or "", path))


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each file that may be for a wired card, in their order."""
    for path in network_files(tree):
        told = settings(tree, path)
        matched = [each for each in told if each.section == "Match" and each.text]
        # An empty file, or a link to /dev/null, takes the one of its name away.
        if not (tree.text(path) or "").strip() or any(each.key in NOT_WIRED for each in matched):
            continue
        if any(each.section == "Link" and each.key == "Unmanaged" and on(each.text) for each in told):
            continue
        if any(each.key in ("Type", "Driver") and not _wired(each) for each in matched):
            continue
        profile = _profile(tree, path, matched)
        addresses, gateways = _static((*told, *_added(tree, path)))
        yield replace(profile, addresses=addresses, gateways=gateways)


def _static(told: tuple[Assignment, ...]) -> tuple[tuple[Interface, ...], tuple[Address, ...]]:
    """The addresses, and the routers that are reached through them and in no other way."""
    found = [interface(each.text) for each in told if each.key == "Address" and each.section in ("Network", "Address")]
    addresses = tuple(each for each in found if each is not None)
    # DHCP may bring the router's network; a route may say that the router is on the wire.
    other = any(
        (each.key == "DHCP" and each.text.lower() not in ("no", "false", "0", "off"))
        or (each.key in ("GatewayOnLink", "GatewayOnlink") and on(each.text))
        or each.key in ("Destination", "Peer")
        for each in told
    )
    if other or len(found) != len(addresses):
        return addresses, ()
    routers = (address(each.text) for each in told if each.key == "Gateway" and each.section in ("Network", "Route"))
    return addresses, tuple(each for each in routers if each is not None)


def _wired(setting: Assignment) -> bool:
    """False for what is no card at all, or one without a wire."""
    if setting.key == "Driver":
        return setting.text not in ("veth", "bridge", "bonding", "tun", "dummy")
    return "ether" in setting.text.split()


def _profile(tree: Tree, path: PurePosixPath, matched: list[Assignment]) -> Profile:
    names = [each for each in matched if each.key == "Name"]
    macs = [each for each in matched if each.key in ("MACAddress", "PermanentMACAddress")]
    clear = all(each.key in ("Name", "MACAddress", "PermanentMACAddress") for each in matched)
    clear = clear and not _changed_elsewhere(tree, path)
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


def _changed_elsewhere(tree: Tree, path: PurePosixPath) -> bool:
    """Whether a drop-in says something of [Match]."""
    return any(each.section == "Match" for each in _added(tree, path))


def _added(tree: Tree, path: PurePosixPath) -> tuple[Assignment, ...]:
    """What the file's drop-ins say."""
    found: list[Assignment] = []
    for directory in DIRECTORIES:
        place = PurePosixPath(directory) / f"{path.name}.d"
        if tree.entry(place) is None:
            continue
        for name in tree.children(place):
            if name.endswith(".conf"):
                found += settings(tree, place / name)
    return tuple(found)


def on(text: str) -> bool:
    """Whether a switch is on (parse_boolean of systemd)."""
    return text.lower() in ("1", "yes", "y", "true", "t", "on")


def _renamed(tree: Tree, name: str, *, location: Location, old: str) -> Tree:
    return replaced_line(tree, location, old, name)


def _unbound(tree: Tree, *, location: Location) -> Tree:
    return replaced_line(tree, location, location.text, f"Name={ANY_WIRED}")

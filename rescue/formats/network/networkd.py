"""systemd-networkd's files (systemd.network(5)): which cards each is for.

Files of all directories count together in the order of their names; of one name in two directories the first
directory's counts, and one that is empty or a link to /dev/null takes it away. Drop-ins only add to [Network] and the
like here: one that changes [Match] makes the file unclear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from rescue.formats.network.profile import Address, Interface, Profile, address, interface, replaced_line
from rescue.model import Location
from rescue.tree import Read, Tree

DIRECTORIES = ("/etc/systemd/network", "/usr/local/lib/systemd/network", "/usr/lib/systemd/network")
READS = tuple(Read(path, depth=2) for path in DIRECTORIES)

NOT_WIRED = frozenset({"Virtualization", "Kind", "WLANInterfaceType", "SSID", "BSSID"})
"""Conditions that keep a file from a server's own network card: containers, tunnels, radio."""

ANY_WIRED = "en* eth*"


@dataclass(frozen=True, slots=True)
class Setting:
    """One assignment."""

    section: str
    key: str
    value: str
    line: int


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


def settings(text: str) -> Iterator[Setting]:
    """The assignments of a file, a line that ends with a backslash joined with the next one (systemd.syntax(7))."""
    section, kept, began = "", "", 0
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(" \t\r")
        if stripped.startswith(("#", ";")):
            continue
        began = began if kept else number
        whole = f"{kept} {stripped}" if kept else stripped
        if whole.endswith("\\"):
            kept = whole[:-1]
            continue
        kept = ""
        if whole.startswith("[") and whole.endswith("]"):
            section = whole[1:-1]
        elif "=" in whole:
            key, _, value = whole.partition("=")
            yield Setting(section, key.strip(), value.strip(), began)


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each file that may be for a wired card, in their order."""
    for path in network_files(tree):
        text = tree.text(path)
        if text is None:
            continue
        matched = [each for each in settings(text) if each.section == "Match" and each.value]
        if not text.strip() or any(each.key in NOT_WIRED for each in matched):
            continue
        if any(each.key in ("Type", "Driver") and not _wired(each) for each in matched):
            continue
        profile = _profile(tree, path, matched)
        addresses, gateways = _static(list(settings(text)))
        yield replace(profile, addresses=addresses, gateways=gateways)


def _static(told: list[Setting]) -> tuple[tuple[Interface, ...], tuple[Address, ...]]:
    """The addresses, and the routers that are reached through them and in no other way."""
    found = [interface(each.value) for each in told if each.key == "Address" and each.section in ("Network", "Address")]
    addresses = tuple(each for each in found if each is not None)
    # DHCP may bring the router's network; a route may say that the router is on the wire.
    other = any(
        (each.key == "DHCP" and each.value.lower() not in ("no", "false", "0", "off"))
        or each.key in ("GatewayOnLink", "Destination", "Peer")
        for each in told
    )
    if other or len(found) != len(addresses):
        return addresses, ()
    routers = (address(each.value) for each in told if each.key == "Gateway" and each.section in ("Network", "Route"))
    return addresses, tuple(each for each in routers if each is not None)


def _wired(setting: Setting) -> bool:
    """False for what is no card at all, or one without a wire."""
    if setting.key == "Driver":
        return setting.value not in ("veth", "bridge", "bonding", "tun", "dummy")
    return "ether" in setting.value.split()


def _profile(tree: Tree, path: PurePosixPath, matched: list[Setting]) -> Profile:
    names = [each for each in matched if each.key == "Name"]
    macs = [each for each in matched if each.key in ("MACAddress", "PermanentMACAddress")]
    clear = all(each.key in ("Name", "MACAddress", "PermanentMACAddress") for each in matched)
    clear = clear and not _changed_elsewhere(tree, path)
    chooses = (names or macs or matched or [Setting("", "", "", 0)])[0]
    location = Location(path, chooses.line, f"{chooses.key}={chooses.value}"[:200] if chooses.line else "")
    return Profile(
        "systemd-networkd",
        location,
        tuple(word for each in names for word in each.value.split()),
        tuple(word.lower().replace("-", ":") for each in macs for word in each.value.split()),
        unclear=not clear,
        rename=partial(_renamed, location=location, old=names[0].value) if len(names) == 1 else None,
        unbind=partial(_unbound, location=location) if len(macs) == 1 and not names else None,
    )


def _changed_elsewhere(tree: Tree, path: PurePosixPath) -> bool:
    """Whether a drop-in says something of [Match]."""
    for directory in DIRECTORIES:
        place = PurePosixPath(directory) / f"{path.name}.d"
        if tree.entry(place) is None:
            continue
        for name in tree.children(place):
            if any(each.section == "Match" for each in settings(tree.text(place / name) or "")):
                return True
    return False


def _renamed(tree: Tree, name: str, *, location: Location, old: str) -> Tree:
    return replaced_line(tree, location, old, name)


def _unbound(tree: Tree, *, location: Location) -> Tree:
    return replaced_line(tree, location, location.text, f"Name={ANY_WIRED}")

"""NetworkManager's connections in keyfile format (nm-settings-keyfile(5)): which cards they are for.

A file that is not root's own and private is ignored by NetworkManager, and so it is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.network.profile import Profile, interface, replaced_line, written
from rescue.tree import Read, Tree

DIRECTORIES = ("/etc/NetworkManager/system-connections", "/usr/lib/NetworkManager/system-connections")
READS = tuple(Read(path, depth=1) for path in DIRECTORIES)

WIRED = ("ethernet", "802-3-ethernet")
IGNORED = ("~", ".swp", ".swpx", ".pem", ".der")
"""Ends of names that NetworkManager ignores: of backups and certificates (nm_keyfile_utils_ignore_filename)."""
_READ_BY_OTHERS = 0o077
_VERSIONS = {"ipv4": 4, "ipv6": 6}


@dataclass(frozen=True, slots=True)
class KeyfileSetting:
    """One assignment. line: from 1."""

    section: str
    key: str
    value: str
    line: int


def settings(text: str) -> Iterator[KeyfileSetting]:
    """The assignments of a file in GLib's format: "#" begins a comment, and no line goes on in the next one."""
    section = ""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        bare = line.strip(" \t\r")
        if bare.startswith("#"):
            continue
        if bare.startswith("[") and bare.endswith("]"):
            section = bare[1:-1]
        elif "=" in bare and section:
            key, _, value = bare.partition("=")
            yield KeyfileSetting(section, key.strip(), value.strip(), number)


def files(tree: Tree) -> Iterator[PurePosixPath]:
    """The files of connections: what editors and package managers leave beside them is none."""
    tree.require(*READS)
    for directory in DIRECTORIES:
        if tree.entry(directory) is None:
            continue
        for path in sorted(tree.glob(f"{directory}/*")):
            entry = tree.entry(path)
            if entry is not None and entry.is_file and not path.name.endswith(IGNORED):
                yield path


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each wired connection that comes up by itself."""
    yield from (each for each in all_profiles(tree) if each.wired)


def all_profiles(tree: Tree) -> Iterator[Profile]:
    """One for each connection, those among them that NetworkManager ignores."""
    for path in files(tree):
        entry = tree.entry(path)
        said = list(settings(tree.text(path) or ""))
        told = {(each.section, each.key): each for each in said}
        used = entry is not None and entry.uid == 0 and not entry.mode & _READ_BY_OTHERS
        wired = _value(told, "connection", "type") in WIRED and _value(told, "connection", "autoconnect") != "false"
        own = tuple(_own(path, said))
        yield replace(
            _profile(path, told),
            addresses=tuple(each for text, _ in own if (each := interface(text)) is not None),
            written=written(own),
            asks=tuple(_asks(path, told)),
            wired=used and wired,
        )


def _own(path: PurePosixPath, said: list[KeyfileSetting]) -> Iterator[tuple[str, Location]]:
    """The addresses: "address1=ADDRESS/LENGTH,GATEWAY", and "addresses=ADDRESS;LENGTH;GATEWAY;" of old files.

    Gateways are none of a profile's: NetworkManager makes a route to one that is in no network.
    """
    for each in said:
        if each.section not in _VERSIONS or not each.key.startswith("address"):
            continue
        place = Location(path, each.line, f"{each.key}={each.value}"[:200])
        if each.key.startswith("addresses"):
            yield from ((word, place) for word in each.value.replace(";", ",").split(",") if "." in word or ":" in word)
        else:
            yield each.value.partition(",")[0].strip(), place


def _asks(path: PurePosixPath, told: dict[tuple[str, str], KeyfileSetting]) -> Iterator[tuple[int, Location]]:
    """For which IP versions the network is asked: without a method it is, but in a tunnel, a bridge's port or a bond's
    (nm_connection_normalize)."""
    of_others = any(("connection", key) in told for key in ("master", "controller", "slave-type", "port-type"))
    silent = of_others or _value(told, "connection", "type") == "wireguard"
    for section, version in _VERSIONS.items():
        method = told.get((section, "method"))
        if method is None and not silent:
            yield version, Location(path)
        elif method is not None and method.value in ("auto", "dhcp", "shared"):
            yield version, Location(path, method.line, f"method={method.value}")


def _value(told: dict[tuple[str, str], KeyfileSetting], section: str, key: str) -> str:
    return told[section, key].value if (section, key) in told else ""


def _profile(path: PurePosixPath, told: dict[tuple[str, str], KeyfileSetting]) -> Profile:
    name = told.get(("connection", "interface-name"))
    mac = next((told[each, "mac-address"] for each in WIRED if (each, "mac-address") in told), None)
    chooses = name or mac
    location = Location(path, chooses.line, f"{chooses.key}={chooses.value}") if chooses else Location(path)
    return Profile(
        "NetworkManager",
        location,
        (name.value,) if name else (),
        (mac.value.lower(),) if mac else (),
        unclear=any(section == "match" for section, _ in told),
        rename=partial(_renamed, location=location, old=name.value) if name else None,
    )


def _renamed(tree: Tree, name: str, *, location: Location, old: str) -> Tree:
    return replaced_line(tree, location, old, name)

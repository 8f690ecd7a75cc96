"""The zone that the network's own configuration gives an interface: NetworkManager's connections and ifcfg files.

NetworkManager tells firewalld a connection's zone when it brings the interface up, and the default zone if the
connection has none; this overrides zone files (firewalld.zones(5), nm-settings(5)).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from rescue.firewall.firewalld.objects import Named
from rescue.model import Location
from rescue.tree import Read, Tree

KEYFILES = tuple(
    PurePosixPath(path)
    for path in ("/usr/lib/NetworkManager/system-connections", "/etc/NetworkManager/system-connections")
)
IFCFG = PurePosixPath("/etc/sysconfig/network-scripts")
READS = (*(Read(str(path), depth=1) for path in KEYFILES), Read(str(IFCFG), depth=1))

ANY_CARD = ""
"""The key for an interface that is not named."""

WIRED = Named("ethernet", Location(KEYFILES[-1]))
WIRED_TYPES = ("ethernet", "802-3-ethernet")
"""nm-settings(5) on connection.type."""

NO_IFCFG = (".bak", ".orig", ".rpmnew", ".rpmorig", ".rpmsave", "-range", "~")


def told_zones(tree: Tree) -> dict[str, Named]:
    """By interface: the zone, its name empty if a connection leaves the choice to firewalld.

    Under ANY_CARD: the zone of a connection for any network interface, if there is one with a zone of its own.
    """
    tree.require(*READS)
    found: dict[str, Named] = {}
    for settings in (*_ifcfg(tree), *_keyfiles(tree)):
        interface, zone = settings
        if (interface or zone.name) and (interface not in found or zone.name):
            found[interface] = zone
    return found


def _keyfiles(tree: Tree) -> Iterator[tuple[str, Named]]:
    for folder in KEYFILES:
        for name in tree.children(folder):
            path = folder / name
            if name.startswith(".") or name.endswith("~") or not _is_file(tree, path):
                continue
            values = dict(_keys(tree, path, "connection"))
            if "interface-name" not in values and values.get("type", WIRED).name not in WIRED_TYPES:
                continue
            interface = values.get("interface-name", Named("", Location(path)))
            yield interface.name, values.get("zone", Named("", interface.location))


def _keys(tree: Tree, path: PurePosixPath, section: str) -> Iterator[tuple[str, Named]]:
    inside = False
    for number, line in enumerate((tree.text(path) or "").split("\n"), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped == f"[{section}]"
        elif inside and "=" in stripped and not stripped.startswith("#"):
            key, _, value = stripped.partition("=")
            yield key.strip(), Named(value.strip(), Location(path, number, line))


def _ifcfg(tree: Tree) -> Iterator[tuple[str, Named]]:
    for name in tree.children(IFCFG):
        path = IFCFG / name
        if not name.startswith("ifcfg-") or name.endswith(NO_IFCFG) or not _is_file(tree, path):
            continue
        values = _assigned(tree, path)
        device = values.get("DEVICE", Named(name[6:], Location(path)))
        yield device.name, values.get("ZONE", Named("", device.location))


def _assigned(tree: Tree, path: PurePosixPath) -> Mapping[str, Named]:
    found = {}
    for number, line in enumerate((tree.text(path) or "").split("\n"), start=1):
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            found[key] = Named(value.strip().strip("\"'"), Location(path, number, line))
    return found


def _is_file(tree: Tree, path: PurePosixPath) -> bool:
    entry = tree.entry(path)
    return entry is not None and entry.is_file

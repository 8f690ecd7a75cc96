"""The zone that the network's own configuration gives an interface: NetworkManager's connections and ifcfg files.

NetworkManager tells firewalld a connection's zone when it brings the interface up, and the default zone if the
connection has none; this overrides zone files (firewalld.zones(5), nm-settings(5)).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.firewall.firewalld.objects import Named
from rescue.model import Location
from rescue.network import ifcfg, keyfile
from rescue.tree import Read, Tree

READS = (*keyfile.READS, Read(ifcfg.RED_HAT, depth=1))

ANY_CARD = ""
"""The key for an interface that is not named."""


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
    # Those of /etc come after the shipped ones, and count before them.
    for path in sorted(keyfile.files(tree), key=lambda each: each.is_relative_to(keyfile.DIRECTORIES[0])):
        values = {
            each.key: Named(each.value, Location(path, each.line, f"{each.key}={each.value}"))
            for each in keyfile.settings(tree.text(path) or "")
            if each.section == "connection"
        }
        if "interface-name" not in values and "type" in values and values["type"].name not in keyfile.WIRED:
            continue
        interface = values.get("interface-name", Named("", Location(path)))
        yield interface.name, values.get("zone", Named("", interface.location))


def _ifcfg(tree: Tree) -> Iterator[tuple[str, Named]]:
    for path in ifcfg.files(tree, ifcfg.RED_HAT):
        values = ifcfg.settings(tree, path).values
        device, zone = values.get("DEVICE"), values.get("ZONE")
        place = device.location if device is not None else Location(path)
        name = device.value if device is not None else path.name.removeprefix("ifcfg-")
        yield name, Named(zone.value, zone.location) if zone is not None else Named("", place)

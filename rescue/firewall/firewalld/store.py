"""Collects firewalld's configuration: /etc/firewalld over /usr/lib/firewalld, whole files over whole files.

Reads all files under /etc/firewalld, as an invalid one stops firewalld; of the installed ones only those that are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeVar

from rescue.firewall.firewalld.conf import Conf
from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.firewall.firewalld.grammar import Dialect
from rescue.firewall.firewalld.objects import AddressList, Named, Policy, Service, Zone
from rescue.firewall.firewalld.services import read_list, read_service
from rescue.firewall.firewalld.xml import Element, parse
from rescue.firewall.firewalld.zone_files import check_name, read_policy, read_zone
from rescue.firewall.names import Names
from rescue.model import Location
from rescue.tree import Tree

STOCK = PurePosixPath("/usr/lib/firewalld")
OWN = PurePosixPath("/etc/firewalld")

FOLDERS = ("ipsets", "icmptypes", "helpers", "services", "zones", "policies")
"""In the order in which firewalld reads them."""

MOST_FILES = 2000

Made = TypeVar("Made", Zone, Policy, Service, AddressList)


@dataclass(slots=True)
class Configuration:
    """firewalld's running configuration. own: whether /etc/firewalld counts; files: those that were read."""

    dialect: Dialect
    conf: Conf
    own: bool
    store: FirewalldFiles
    zones: dict[str, Zone] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    default: str = ""
    outside: dict[str, Named] = field(default_factory=dict)
    """Interfaces that the network's own configuration gives to a zone."""
    anywhere: Named | None = None
    """The zone of a connection that may be used on any network interface."""

    def service(self, use: Named) -> Service:
        """A service by its name. Raises FirewalldError."""
        found = self.store.service(use.name, own=self.own)
        if found is None:
            raise FirewalldError(f"there is no service {use.name!r}", use.location)
        return found

    def list(self, name: str, at: Location) -> AddressList:
        """An ipset by its name. Raises FirewalldError."""
        found = self.store.list(name, own=self.own)
        if found is None:
            raise FirewalldError(f"there is no ipset {name!r}", at)
        return found


class FirewalldFiles:
    """The files, each read once."""

    def __init__(self, tree: Tree, dialect: Dialect, names: Names) -> None:
        self.tree = tree
        self.dialect = dialect
        self.names = names
        self.services: dict[tuple[str, bool], Service | None] = {}
        self.lists: dict[tuple[str, bool], AddressList | None] = {}
        self.files: list[PurePosixPath] = []

    def gather(self, conf: Conf, *, own: bool) -> Configuration:
        """The configuration with or without the contents of /etc/firewalld.

        Raises FirewalldError and FirewalldNotModelled.
        """
        made = Configuration(self.dialect, conf, own, self)
        if own:
            self._read_all()
        for path in self._paths("zones", own=own):
            zone = self._read(path, read_zone, path.stem)
            check_name(path.stem, self._root(path))
            made.zones[zone.name] = zone
        if own:
            for zone in self._combined():
                made.zones[zone.name] = zone
        for path in self._paths("policies", own=own):
            policy = self._read(path, read_policy, path.stem)
            check_name(path.stem, self._root(path))
            made.policies[policy.name] = policy
        wished = conf.default_zone
        made.default = next((name for name in (wished, "public", "external") if name in made.zones), "block")
        return made

    def paths(self, folder: str, *, own: bool = True) -> dict[str, PurePosixPath]:
        """The files of a folder by object name; /etc takes precedence over /usr/lib."""
        return {path.stem: path for path in self._paths(folder, own=own)}

    def service(self, name: str, *, own: bool) -> Service | None:
        if (name, own) not in self.services:
            path = self.paths("services", own=own).get(name)
            found = read_service(self._root(path), name, self.dialect, self.names) if path else None
            self.services[name, own] = found
        return self.services[name, own]

    def own_services(self) -> Iterator[Service]:
        """The services of /etc/firewalld."""
        for path in self._xml(OWN / "services"):
            if (service := self.service(path.stem, own=True)) is not None:
                yield service

    def list(self, name: str, *, own: bool) -> AddressList | None:
        if (name, own) not in self.lists:
            path = self.paths("ipsets", own=own).get(name)
            self.lists[name, own] = read_list(self._root(path), name, self.dialect) if path else None
        return self.lists[name, own]

    def _paths(self, folder: str, *, own: bool) -> Iterator[PurePosixPath]:
        """The files of a folder without replaced ones, sorted by name within each place."""
        mine = list(self._xml(OWN / folder)) if own else []
        replaced = {path.name for path in mine}
        yield from (path for path in self._xml(STOCK / folder) if path.name not in replaced)
        yield from mine

    def _xml(self, folder: PurePosixPath) -> Iterator[PurePosixPath]:
        names = [name for name in self.tree.children(folder) if name.endswith(".xml")]
        if len(names) > MOST_FILES:
            raise FirewalldNotModelled(f"more than {MOST_FILES} files", Location(folder))
        return (folder / name for name in names)

    def _read_all(self) -> None:
        """Read what firewalld reads before zones: each of its own files must be valid."""
        for folder in FOLDERS[:4]:
            for path in self._xml(OWN / folder):
                if folder == "services":
                    self.service(path.stem, own=True)
                elif folder == "ipsets":
                    self.list(path.stem, own=True)
                else:
                    self._root(path)

    def _combined(self) -> Iterator[Zone]:
        """Zones assembled from the files of a folder with their name."""
        base = OWN / "zones"
        for name in self.tree.children(base):
            entry = self.tree.entry(base / name)
            if name.endswith(".xml") or entry is None or not entry.is_dir:
                continue
            parts = [self._read(path, read_zone, f"{name}/{path.stem}") for path in self._xml(base / name)]
            if parts:
                yield combined(name, parts)

    def _read(self, path: PurePosixPath, read: Callable[[Element, str, Dialect, Names], Made], name: str) -> Made:
        return read(self._root(path), name, self.dialect, self.names)

    def _root(self, path: PurePosixPath) -> Element:
        entry = self.tree.entry(path)
        data = self.tree.data_if_read(path)
        if path not in self.files:
            self.files.append(path)
        if data is None:
            if entry is not None and entry.is_file:
                raise FirewalldNotModelled("a file that could not be read", Location(path))
            raise FirewalldError("not a file that can be read", Location(path))
        return parse(data, path)


def combined(name: str, parts: list[Zone]) -> Zone:
    """A zone from several files. Its target is always the default one (Zone.combine() in core/io/zone.py)."""
    zone = Zone(name, parts[0].location, combined=True)
    for part in parts:
        for attribute in ("interfaces", "sources", "services", "protocols", "icmp_blocks"):
            into: list[Named] = getattr(zone, attribute)
            known = {each.name for each in into}
            into += [each for each in getattr(part, attribute) if each.name not in known]
        zone.ports += part.ports
        zone.source_ports += part.source_ports
        zone.forward_ports += part.forward_ports
        zone.rules += part.rules
        zone.icmp_block_inversion = zone.icmp_block_inversion or part.icmp_block_inversion
    return zone

"""Which IP addresses the server will have after the next boot, as far as its files say.

Read are the files of ifupdown, systemd-networkd, netplan, NetworkManager (keyfiles and Red Hat's ifcfg), SUSE's wicked
and wg-quick: a table of what is written there, not a model of what these programs do. An address is taken for one that
the server may have wherever it is written; and as soon as anything asks a network for an address (DHCP, IPv6 router
advertisements, cloud-init on a new instance), or nothing is written at all, what is missing is no longer certain.

Sources: interfaces(5), systemd.network(5), netplan(5), nm-settings-keyfile(5), ifcfg(5), wg-quick(8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import chain, islice
from pathlib import PurePosixPath
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.model import Location
from rescue.services.unit_files import parse_unit
from rescue.tree import Read, Tree

Address = IPv4Address | IPv6Address

INTERFACES = "/etc/network/interfaces"
NETWORKD = ("/etc/systemd/network", "/usr/lib/systemd/network", "/usr/local/lib/systemd/network")
NETPLAN = ("/etc/netplan", "/usr/lib/netplan", "/lib/netplan")
KEYFILES = ("/etc/NetworkManager/system-connections", "/usr/lib/NetworkManager/system-connections")
IFCFG = ("/etc/sysconfig/network-scripts", "/etc/sysconfig/network")
WIREGUARD = "/etc/wireguard"
CLOUD = "/etc/cloud"
NO_CLOUD = f"{CLOUD}/cloud-init.disabled"

ADDRESS_READS = (
    Read(INTERFACES, depth=0),
    Read(f"{INTERFACES}.d", depth=1),
    *(Read(path, depth=2) for path in NETWORKD),
    *(Read(path, depth=1) for path in (*NETPLAN, *KEYFILES, *IFCFG, WIREGUARD)),
    Read(CLOUD, depth=2),
)

MAX_FILES, MAX_LINES = 500, 20_000

SHIPPED = "/usr/lib/"
"""systemd's own .network files are for containers and ad-hoc links; they say nothing of a server's cards."""

_ADDRESS = compile_pattern(r"(?<![\w.:])[0-9A-Fa-f:.]{2,45}(?=/\d{1,3}\b|[\s,\"'\]#;]|$)")
_YAML_DHCP = compile_pattern(r"\s*-?\s*['\"]?(dhcp4|dhcp6|accept-ra)['\"]?\s*:\s*['\"]?(true|yes|on|y)\b", IGNORECASE)
_IFCFG = compile_pattern(r"\s*(IPADDR\w*|IPV6ADDR\w*|BOOTPROTO\w*|DHCPV6C|IPV6_AUTOCONF)=(.*)", IGNORECASE)
_TURNED_OFF = compile_pattern(r"\s*config\s*:\s*['\"]?disabled\b")


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """What the files give. `written`: each address with where it stands. asked: by which an address of each IP version
    may come that is written nowhere; None where none may."""

    written: dict[Address, Location]
    asked4: Location | None
    asked6: Location | None
    readable: bool = True

    def asked(self, version: int) -> Location | None:
        return self.asked4 if version == 4 else self.asked6

    def may_have(self, address: Address) -> bool | None:
        """Whether the server has the address; None where that can't be told."""
        if address.is_loopback or address in self.written:
            return True
        if address.version == 6 and isinstance(address, IPv6Address) and address.is_link_local:
            return None
        return None if self.asked(address.version) is not None or not self.readable else False


@dataclass(slots=True)
class _Found:
    written: dict[Address, Location]
    asked: dict[int, Location]
    files: int = 0

    def address(self, text: str, place: Location) -> None:
        try:
            found = ip_address(text.strip().strip("\"'").partition("/")[0].partition("%")[0])
        except ValueError:
            return
        self.written.setdefault(found, place)

    def ask(self, place: Location, *versions: int) -> None:
        for version in versions or (4, 6):
            self.asked.setdefault(version, place)


def own_addresses(tree: Tree) -> OwnAddresses:
    """The addresses that the files of `tree` give the server."""
    tree.require(*ADDRESS_READS)
    found = _Found({}, {})
    for part in (_interfaces, _networkd, _netplan, _keyfiles, _ifcfg, _wireguard):
        part(tree, found)
    if tree.entry(CLOUD) is not None and tree.entry(NO_CLOUD) is None and not _cloud_keeps_out(tree):
        # On a new instance cloud-init writes the network's files anew, before the network is up.
        found.ask(Location(PurePosixPath(CLOUD)))
    unread = any(str(path).startswith(_PLACES) for path in tree.unread)
    return OwnAddresses(found.written, found.asked.get(4), found.asked.get(6), found.files > 0 and not unread)


_PLACES = (INTERFACES, *NETWORKD, *NETPLAN, *KEYFILES, *IFCFG)


def _cloud_keeps_out(tree: Tree) -> bool:
    files = _files(tree, (CLOUD, f"{CLOUD}/cloud.cfg.d"), ".cfg")
    return any(_TURNED_OFF.match(line) for _, line in _lines(tree, files))


def _files(tree: Tree, folders: Iterable[str], ending: str = "", beginning: str = "") -> Iterator[PurePosixPath]:
    for folder in folders:
        for name in tree.children(folder)[:MAX_FILES]:
            if name.endswith(ending) and name.startswith(beginning):
                yield PurePosixPath(folder) / name


def _lines(tree: Tree, paths: Iterable[PurePosixPath]) -> Iterator[tuple[Location, str]]:
    for path in islice(paths, MAX_FILES):
        for number, line in enumerate((tree.text_if_read(path) or "").split("\n", MAX_LINES)[:MAX_LINES], 1):
            if not line.lstrip().startswith("#"):
                yield Location(path, number, line.strip()), line


def _interfaces(tree: Tree, found: _Found) -> None:
    """ifupdown: what a stanza says, whatever brings it up."""
    if tree.entry(INTERFACES) is None:
        return
    paths = chain([PurePosixPath(INTERFACES)], _files(tree, [f"{INTERFACES}.d"]))
    for place, line in _lines(tree, paths):
        words = line.split()
        if words[:1] == ["iface"] and len(words) >= 4 and words[1] != "lo":
            found.files += 1
            version = 6 if words[2] == "inet6" else 4
            if words[3] in ("dhcp", "auto", "bootp", "ppp", "manual", "v4tunnel", "tunnel", "wvdial"):
                found.ask(place, version)
        elif words[:1] == ["address"] and len(words) > 1:
            found.address(words[1], place)
        elif "addr" in line:
            for match in _ADDRESS.findall(line):
                found.address(match, place)


def _networkd(tree: Tree, found: _Found) -> None:
    paths = [path for path in _files(tree, NETWORKD, ".network") if not str(path).startswith(SHIPPED)]
    dropins = [
        each for path in _files(tree, NETWORKD, ".network.d") for each in _files(tree, [str(path)], ".conf")
    ]  # fmt: skip
    for path in (*paths, *dropins)[:MAX_FILES]:
        found.files += path.name.endswith(".network")
        announced = True
        for each in parse_unit(tree.text_if_read(path) or "", path):
            value = each.text.lower()
            if each.section in ("Network", "Address") and each.key == "Address":
                found.address(each.text, each.location)
            elif each.section == "Network" and each.key == "DHCP":
                versions = {"yes": (4, 6), "true": (4, 6), "both": (4, 6), "ipv4": (4,), "v4": (4,), "ipv6": (6,)}
                if value in versions:
                    found.ask(each.location, *versions[value])
            elif each.section == "Network" and each.key == "IPv6AcceptRA":
                announced = value not in ("no", "false", "0", "off")
        if announced and path.name.endswith(".network"):
            found.ask(Location(path), 6)


def _netplan(tree: Tree, found: _Found) -> None:
    """netplan's YAML without a YAML parser: every address in it may be the server's; what asks is asked by name."""
    for place, line in _lines(tree, _files(tree, NETPLAN, ".yaml")):
        found.files += 1
        asks = _YAML_DHCP.match(line)
        if asks:
            found.ask(place, 4 if asks[1].lower() == "dhcp4" else 6)
        elif "{" in line and "dhcp" in line.lower():
            found.ask(place)
        for match in _ADDRESS.findall(line.partition(" #")[0]):
            found.address(match, place)
        # Router advertisements are accepted unless a line says otherwise (netplan(5), accept-ra).
        found.ask(place, 6)


def _keyfiles(tree: Tree, found: _Found) -> None:
    for path in _files(tree, KEYFILES):
        found.files += 1
        for each in parse_unit(tree.text_if_read(path) or "", path):
            version = {"ipv4": 4, "ipv6": 6}.get(each.section)
            if version is None:
                continue
            if each.key == "method" and each.text in ("auto", "dhcp", "shared"):
                found.ask(each.location, version)
            elif each.key.startswith("address") and not each.key.startswith("addresses"):
                found.address(each.text.partition(",")[0], each.location)
            elif each.key == "addresses":
                for word in each.text.replace(";", ",").split(","):
                    found.address(word, each.location)


def _ifcfg(tree: Tree, found: _Found) -> None:
    for place, line in _lines(tree, _files(tree, IFCFG, beginning="ifcfg-")):
        match = _IFCFG.match(line)
        if match is None or place.path.name == "ifcfg-lo":
            continue
        found.files += 1
        key, value = match[1].upper(), match[2].strip().strip("\"'").lower()
        if key.startswith(("IPADDR", "IPV6ADDR")):
            for word in value.split():
                found.address(word, place)
        elif key.startswith("BOOTPROTO") and value not in ("none", "static", ""):
            found.ask(place)
        elif key in ("DHCPV6C", "IPV6_AUTOCONF") and value == "yes":
            found.ask(place, 6)


def _wireguard(tree: Tree, found: _Found) -> None:
    for path in _files(tree, [WIREGUARD], ".conf"):
        for each in parse_unit(tree.text_if_read(path) or "", path):
            if each.section == "Interface" and each.key == "Address":
                for word in each.text.split(","):
                    found.address(word, Location(path, each.location.line, "Address"))

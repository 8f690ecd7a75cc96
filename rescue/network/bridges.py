"""The networks that Docker, libvirt and Podman make for containers and virtual machines: bridges with a route each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.network.profile import Interface, interface
from rescue.services.units import UNIT_READS, Units
from rescue.tree import Entry, Read, Tree

DAEMON = "/etc/docker/daemon.json"
LIBVIRT = "/etc/libvirt/qemu/networks"
AUTOSTART = f"{LIBVIRT}/autostart"
NETAVARK, CNI = "/etc/containers/networks", "/etc/cni/net.d"
READS = (
    *UNIT_READS,
    Read(DAEMON, depth=0),
    Read(LIBVIRT, depth=2),
    Read(NETAVARK, depth=1),
    Read(CNI, depth=1),
)
LIBVIRT_UNITS = ("libvirtd.service", "virtnetworkd.service")

DOCKER_DEFAULT = "172.17.0.1/16"
CHOSEN = "Docker takes another range if a route of the server already leads there"
FIRST_USE = "the network comes up only with the first container that uses it"
MOST_FILES, LONGEST, MOST_NETWORKS = 100, 1 << 18, 500

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_IP = re.compile(r"<ip\s([^<>]*)>")
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\")")


@dataclass(frozen=True, slots=True)
class BridgeNetwork:
    """One network. own: the bridge's address in it. location: what sets it. doubt: why it may be another, or not come
    up. link: the link by which libvirt starts it at boot. yields: it is not started beside a route to the same
    network."""

    program: str
    name: str
    own: Interface
    location: Location
    doubt: str = ""
    link: PurePosixPath | None = None
    yields: bool = False


def bridge_networks(tree: Tree, units: Units) -> tuple[BridgeNetwork, ...]:
    """Those that come up at boot, or may. Raises NotCaptured."""
    tree.require(*READS)
    found = [*_docker(tree, units), *_libvirt(tree, units), *_podman(tree)]
    return tuple(found[:MOST_NETWORKS])


def _docker(tree: Tree, units: Units) -> Iterator[BridgeNetwork]:
    if not units.unit("docker.service").started:
        return
    path = PurePosixPath(DAEMON)
    there = tree.entry(DAEMON) is not None
    if there and tree.text_if_read(DAEMON) is None:
        return
    text = tree.text_if_read(DAEMON) or ""
    told = _json(text) if text.strip() else {}
    # dockerd does not start with a file that is not JSON.
    if not isinstance(told, dict) or told.get("bridge"):
        return
    bip = told.get("bip")
    if isinstance(bip, str):
        yield from _made("Docker", "docker0", bip, _line(path, text, "bip"))
    else:
        pools = told.get("default-address-pools")
        first = pools[0] if isinstance(pools, list) and pools else None
        base, size = (first.get("base"), first.get("size")) if isinstance(first, dict) else (None, None)
        if pools is None:
            where = Location(path) if there else units.unit("docker.service").wanted_by[0]
            yield from _made("Docker", "docker0", DOCKER_DEFAULT, where, CHOSEN)
        elif isinstance(base, str) and isinstance(size, int) and (pool := interface(base)) is not None:
            one = f"{pool.network.network_address + 1}/{size}"
            if pool.network.prefixlen <= size < pool.max_prefixlen:
                yield from _made("Docker", "docker0", one, _line(path, text, "base"), CHOSEN)
    six = told.get("fixed-cidr-v6")
    if told.get("ipv6") is True and isinstance(six, str) and (whole := interface(six)) is not None:
        one = f"{whole.network.network_address + 1}/{whole.network.prefixlen}"
        yield from _made("Docker", "docker0", one, _line(path, text, "fixed-cidr-v6"))


def _libvirt(tree: Tree, units: Units) -> Iterator[BridgeNetwork]:
    if not any(units.unit(name).started for name in LIBVIRT_UNITS):
        return
    for name in tree.children(AUTOSTART)[:MOST_FILES]:
        if not name.endswith(".xml"):
            continue
        link = PurePosixPath(AUTOSTART) / name
        path = PurePosixPath(LIBVIRT) / name
        text = (tree.text_if_read(link) or "")[:LONGEST]
        bare = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        for match in _IP.finditer(bare):
            told = {key: one or other for key, one, other in _ATTRIBUTE.findall(match[1])}
            size = told.get("prefix") or told.get("netmask") or ("64" if told.get("family") == "ipv6" else "")
            number = bare.count("\n", 0, match.start()) + 1
            where = Location(path, number, " ".join(match[0].split())[:200])
            linked = _is_link(tree.lentry(link))
            for each in _made("libvirt", name.removesuffix(".xml"), f"{told.get('address', '')}/{size}", where):
                yield BridgeNetwork(
                    each.program, each.name, each.own, where, link=link if linked else None, yields=True
                )


def _is_link(entry: Entry | None) -> bool:
    return entry is not None and entry.is_link


def _podman(tree: Tree) -> Iterator[BridgeNetwork]:
    for folder, suffixes in ((NETAVARK, (".json",)), (CNI, (".conflist", ".conf"))):
        names = [name for name in tree.children(folder) if name.endswith(suffixes)]
        for name in names[:MOST_FILES]:
            path = PurePosixPath(folder) / name
            text = tree.text_if_read(path) or ""
            told = _json(text)
            if not isinstance(told, dict):
                continue
            called = told.get("name")
            for subnet, gateway in _subnets(told):
                whole = interface(subnet)
                if whole is None:
                    continue
                own = f"{gateway or whole.network.network_address + 1}/{whole.network.prefixlen}"
                shown = called[:40] if isinstance(called, str) else name
                yield from _made("Podman", shown, own, _line(path, text, "subnet", subnet), FIRST_USE)


def _subnets(told: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Each range of a bridge, with the bridge's own address in it if that is written."""
    if told.get("driver") == "bridge":
        yield from _ranges(told.get("subnets"))
    plugins = told.get("plugins", [told])
    for plugin in plugins[:MOST_FILES] if isinstance(plugins, list) else ():
        if isinstance(plugin, dict) and plugin.get("type") == "bridge" and isinstance(plugin.get("ipam"), dict):
            yield from _ranges([plugin["ipam"]])
            sets = plugin["ipam"].get("ranges")
            for one in sets[:MOST_FILES] if isinstance(sets, list) else ():
                yield from _ranges(one)


def _ranges(found: object) -> Iterator[tuple[str, str]]:
    for each in found[:MOST_FILES] if isinstance(found, list) else ():
        if isinstance(each, dict) and isinstance(each.get("subnet"), str):
            gateway = each.get("gateway")
            yield each["subnet"], gateway if isinstance(gateway, str) else ""


def _made(program: str, name: str, own: str, where: Location, doubt: str = "") -> Iterator[BridgeNetwork]:
    found = interface(own) if "/" in own else None
    if found is not None and found.network.prefixlen:
        yield BridgeNetwork(program, name, found, where, doubt)


def _json(text: str) -> object:
    if len(text) > LONGEST:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _line(path: PurePosixPath, text: str, key: str, value: str = "") -> Location:
    for number, line in enumerate(text.split("\n"), 1):
        if f'"{key}"' in line and value in line:
            return Location(path, number, line.strip()[:200])
    return Location(path)

"""netplan's files (netplan.yaml(5)): which cards they are for, and whether netplan takes them at all.

One file that it does not take, and its generator makes no settings of any file; from 1.1 on it leaves out what is
wrong, and the whole file only where that is no YAML.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from rescue.formats.yaml_nodes import Node, YamlError, YamlTooLarge, read_yaml
from rescue.model import Location
from rescue.network.netplan_schema import TYPES, NetplanProblem, problem_of
from rescue.network.profile import Profile, Route, address, interface, replaced_line, route, written
from rescue.tree import Read, Tree

DIRECTORIES = ("/etc/netplan", "/usr/lib/netplan", "/lib/netplan")
"""netplan itself asks for the last one, which is the one before it where /usr is merged."""
GENERATORS = tuple(
    f"{place}/systemd/system-generators/netplan" for place in ("/etc", "/usr/local/lib", "/usr/lib", "/lib")
)
"""What makes the settings while the server boots (systemd.generator(7)); the first that is there counts."""
READS = (*(Read(path, depth=1) for path in DIRECTORIES), *(Read(path, depth=0, content=False) for path in GENERATORS))

ON, OFF = ("true", "on", "yes", "y"), ("false", "off", "no", "n")
NETWORKD = "networkd"


@dataclass(frozen=True, slots=True)
class NetplanFiles:
    """One file. root: what it says, None where it is empty, or can't be read. problem: why netplan does not take it,
    and whether it is no YAML at all. unread: it was not read here, good or bad."""

    path: PurePosixPath
    root: Node | None
    problem: NetplanProblem | None = None
    no_yaml: bool = False
    unread: bool = False


def plans(tree: Tree) -> tuple[NetplanFiles, ...]:
    """Every file, in the order in which they count."""
    found, known = [], set[str]()
    for path in files(tree):
        data = tree.data(path)
        if data is None:
            found.append(NetplanFiles(path, None, unread=True))
            continue
        found.append(plan(path, data.decode("utf-8", "surrogateescape"), known))
    return tuple(found)


def plan(path: PurePosixPath, text: str, known: set[str] | None = None) -> NetplanFiles:
    """What one file comes to. known: the interfaces of the files before it."""
    try:
        root = read_yaml(text)
    except YamlTooLarge:
        return NetplanFiles(path, None, unread=True)
    except YamlError as bad:
        return NetplanFiles(path, None, NetplanProblem(bad.line, bad.problem), no_yaml=True)
    return NetplanFiles(path, root, problem_of(root, set() if known is None else known))


def generated(tree: Tree) -> bool:
    """Whether netplan's generator runs while the server boots."""
    tree.require(*READS)
    for path in GENERATORS:
        link = tree.lentry(path)
        if link is not None:
            entry = tree.entry(path)
            return entry is not None and entry.is_file and bool(entry.mode & 0o111)
    return False


def unclear(tree: Tree) -> bool:
    """Whether a file is void, or can't be judged."""
    return any(each.problem is not None or each.unread for each in plans(tree))


def renders_for_networkd(tree: Tree, path: PurePosixPath) -> bool:
    """Whether the file has a definition that systemd-networkd gets."""
    root = plan(path, tree.text(path) or "").root
    network = root.get("network") if root is not None else None
    if network is None:
        return False
    whole = network.get("renderer")
    usual = whole.text if whole is not None else NETWORKD
    definitions = [node for kind in TYPES for _, node in (network.get(kind) or Node("mapping", 0)).pairs]
    own = [each.get("renderer") for each in definitions]
    return any((each.text if each is not None else usual) == NETWORKD for each in own)


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each card below "ethernets", and for each file that is void or can't be judged."""
    yield from (each for each in all_profiles(tree) if each.wired)


def all_profiles(tree: Tree) -> Iterator[Profile]:
    """One for each definition, and for each file that is void or can't be judged: what that one asks for is unknown."""
    for each in plans(tree):
        if each.problem is not None or each.unread:
            place = Location(each.path)
            yield Profile("netplan", place, unclear=True, asks=((4, place), (6, place)))
            continue
        network = each.root.get("network") if each.root is not None else None
        lines = (tree.text(each.path) or "").split("\n") if network is not None else []
        for kind in TYPES:
            group = network.get(kind) if network is not None else None
            for name, node in group.pairs if group is not None else ():
                yield replace(_profile(each.path, lines, name, node), wired=kind == "ethernets")


def files(tree: Tree) -> tuple[PurePosixPath, ...]:
    """The .yaml files in the order of their names; /etc's hides another one of its name."""
    tree.require(*READS)
    found: dict[str, PurePosixPath] = {}
    for directory in DIRECTORIES:
        if tree.entry(directory) is None:
            continue
        for path in tree.glob(f"{directory}/*.yaml"):
            found.setdefault(path.name, path)
    return tuple(found[name] for name in sorted(found))


def _profile(path: PurePosixPath, lines: list[str], key: Node, card: Node) -> Profile:
    match = card.get("match")
    static = _static(path, lines, card)
    if match is None:
        location = _at(path, lines, key)
        # Of one line only its key is the card's name: "{ens3: {...}}" has more that may look like it.
        mine = location.text.partition(":")[0].strip("\"'") == key.text
        rename = partial(_renamed, location=location, old=key.text) if mine else None
        return replace(static, location=location, names=(key.text,), rename=rename)
    name, mac = match.get("name"), match.get("macaddress")
    clear = all(each.text in ("name", "macaddress") for each, _ in match.pairs) and bool(match.pairs)
    return replace(
        static,
        location=_at(path, lines, name or mac or key),
        names=(name.text,) if name else (),
        macs=(mac.text.lower(),) if mac else (),
        unclear=not clear,
    )


def _at(path: PurePosixPath, lines: list[str], node: Node) -> Location:
    text = lines[node.line - 1] if 0 < node.line <= len(lines) else ""
    return Location(path, node.line, text.strip()[:200])


def _static(path: PurePosixPath, lines: list[str], card: Node) -> Profile:
    """What the card is set to by hand, and what it asks for; the routers are left out where DHCP, or a route, may bring
    their network."""
    listed = card.get("addresses")
    own = [
        each.pairs[0][0] if each.kind == "mapping" and each.pairs else each for each in (listed.items if listed else ())
    ]
    found = tuple(one for node in own if (one := interface(node.text)) is not None)
    dhcp = [(4, card.get("dhcp4")), (6, card.get("dhcp6"))]
    asks = tuple((version, _at(path, lines, node)) for version, node in dhcp if node and node.text.lower() in ON)
    announced = card.get("accept-ra")
    # Router advertisements are accepted unless a line says otherwise.
    here = () if announced is not None and announced.text.lower() in OFF else ((6, Location(path)),)
    static = Profile(
        "netplan",
        Location(path),
        addresses=found,
        written=written((node.text, _at(path, lines, node)) for node in own),
        asks=(*asks, *here),
        routes=_routes(path, lines, card),
    )
    routes = [each for each in (card.get("routes") or Node("sequence", 0)).items if each.kind == "mapping"]
    if asks or any(each.get("via") is None or _on_link(each) for each in routes):
        return static
    named = [card.get("gateway4"), card.get("gateway6"), *(each.get("via") for each in routes if _default(each))]
    return replace(
        static, gateways=tuple(each for node in named if node is not None and (each := address(node.text)) is not None)
    )


def _routes(path: PurePosixPath, lines: list[str], card: Node) -> tuple[Route, ...] | None:
    found = []
    for version, node in ((4, card.get("gateway4")), (6, card.get("gateway6"))):
        if node is not None:
            found.append(route("default", _at(path, lines, node), version))
    for each in (card.get("routes") or Node("sequence", 0)).items:
        to, via, kind = (each.get(key) if each.kind == "mapping" else None for key in ("to", "via", "type"))
        if to is None or each.get("table") is not None:
            return None
        version = 6 if via is not None and ":" in via.text else 4
        found.append(route(to.text, _at(path, lines, to), version, kind.text if kind is not None else "unicast"))
    return tuple(each for each in found if each is not None)


def _on_link(one: Node) -> bool:
    node = one.get("on-link")
    return node is not None and node.text.lower() in ON


def _default(one: Node) -> bool:
    to = one.get("to")
    return to is not None and to.text in ("default", "0.0.0.0/0", "::/0")


def _renamed(tree: Tree, name: str, *, location: Location, old: str) -> Tree:
    return replaced_line(tree, location, old, name)

"""ifupdown's /etc/network/interfaces (interfaces(5)): which cards come up at boot.

Lines end with a backslash to go on; "source" names files by a glob, "source-directory" takes those whose names are made
of letters, digits, hyphens and underscores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.network.profile import Asks, Profile, Route, address, interface, route, written
from rescue.tree import LinkLoop, Read, TooManyDirectories, Tree

INTERFACES = "/etc/network/interfaces"
READS = (Read("/etc/network", depth=2),)

MOST_FILES = 1_000
"""Files that are read; what a line names beyond them is told by `unfollowed`."""
DEEPEST = 50
"""How deep files may name each other, most likely in a circle."""

MEMBERS = ("bridge_ports", "bridge-ports", "bond-slaves", "slaves", "vlan-raw-device", "vlan_raw_device")


@dataclass(frozen=True, slots=True)
class InterfacesLine:
    """One line that says something, cut into words."""

    path: PurePosixPath
    number: int
    words: tuple[str, ...]


def lines(tree: Tree) -> Iterator[InterfacesLine]:
    """The lines of /etc/network/interfaces and of the files that it names. Raises NotCaptured."""
    yield from _lines(tree, PurePosixPath(INTERFACES), _Reading())


def unfollowed(tree: Tree) -> tuple[Location, ...]:
    """The lines that name more files than are read, such as a pattern over the whole disk. Raises NotCaptured."""
    reading = _Reading()
    for _ in _lines(tree, PurePosixPath(INTERFACES), reading):
        pass
    return tuple(dict.fromkeys(reading.lost))


@dataclass(slots=True)
class _Reading:
    """How many files may be read yet, and the lines whose files were not all read."""

    left: int = MOST_FILES
    lost: list[Location] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stanza:
    """An "iface" and the lines that belong to it. auto, hotplug: what brings it up; neither: nothing does."""

    name: str
    family: str
    method: str
    line: InterfacesLine
    options: tuple[InterfacesLine, ...]
    auto: bool
    hotplug: bool

    @property
    def location(self) -> Location:
        return Location(self.line.path, self.line.number, " ".join(self.line.words)[:200])

    @property
    def started(self) -> bool:
        return self.auto or self.hotplug

    @property
    def loopback(self) -> bool:
        return self.name == "lo" or self.method == "loopback"

    def get(self, *names: str) -> InterfacesLine | None:
        """The first line that sets one of the options."""
        return next((each for each in self.options if each.words[0] in names and len(each.words) > 1), None)


def stanzas(tree: Tree) -> tuple[Stanza, ...]:
    """Every stanza, in order."""
    said = tuple(lines(tree))
    auto = {word for line in said if line.words[0] in ("auto", "allow-auto") for word in line.words[1:]}
    hotplug = {
        word
        for line in said
        if line.words[0].startswith("allow-") and line.words[0] != "allow-auto"
        for word in line.words[1:]
    }
    began: list[tuple[InterfacesLine, list[InterfacesLine]]] = []
    inside: list[InterfacesLine] | None = None
    for line in said:
        if line.words[0] in _STANZAS or line.words[0].startswith("allow-"):
            inside = None
            if line.words[0] == "iface" and len(line.words) > 1:
                inside = []
                began.append((line, inside))
        elif inside is not None:
            inside.append(line)
    every = [any("*" in each or each.startswith("/") for each in names) for names in (auto, hotplug)]
    found = []
    for line, options in began:
        family, method = ([*line.words[2:4], "", ""])[:2]
        name = line.words[1]
        brought = (every[0] or name in auto, every[1] or name in hotplug)
        found.append(Stanza(name, family, method, line, tuple(options), *brought))
    return tuple(found)


FAMILIES = ("inet", "inet6", "can", "link", "ipx", "meta", "x25", "bridge", "vlan", "wifi")
ASKING = ("dhcp", "auto", "bootp", "ppp", "manual", "v4tunnel", "tunnel", "wvdial")
"""Methods by which an address may come that is written nowhere."""
_ADDRESS = re.compile(r"(?<![\w.:])[0-9A-Fa-f:.]{2,45}(?=/\d{1,3}\b|[\s,\"'\]#;]|$)")
METHODS = (
    "loopback", "static", "manual", "dhcp", "bootp", "tunnel", "ppp", "wvdial", "ipv4ll", "auto", "v4tunnel", "6to4",
    "none", "gre", "wireguard",
)  # fmt: skip
"""Of all families: that one is written in the place of another is not told."""


def problem(tree: Tree) -> tuple[Location, str] | None:
    """For what ifupdown takes all of its settings for void, and where (config.c of ifupdown); None where it does not.

    In a file that is named by "source" it only leaves out what follows the wrong line.
    """
    inside = ""
    for line in lines(tree):
        if line.path != PurePosixPath(INTERFACES):
            inside = ""
            continue
        word, rest = line.words[0], line.words[1:]
        place = Location(line.path, line.number, " ".join(line.words)[:200])
        if word == "iface":
            inside = word
            if not rest or "inherits" in rest:
                continue
            if len(rest) < 2 or rest[1] not in FAMILIES:
                return place, f"there is no kind of address {rest[1]!r}" if len(
                    rest
                ) > 1 else "the kind of address is missing"
            if rest[1] in ("inet", "inet6") and (len(rest) < 3 or rest[2] not in METHODS):
                return place, f"there is no method {rest[2]!r}" if len(rest) > 2 else "the method is missing"
        elif word == "mapping":
            inside = word
        elif word in _STANZAS or word.startswith("allow-"):
            inside = "" if word not in ("source", "source-directory") else inside
        elif not inside:
            return place, "this line belongs below an iface line"
        elif inside == "iface" and not rest:
            return place, f"{word!r} says nothing"
        elif inside == "mapping" and word not in ("script", "map"):
            return place, f"there is no word {word!r} below a mapping line"
    return None


def made_at_boot(tree: Tree) -> Location | None:
    """The line that names files of /run, which are written while the server boots (Debian's cloud images)."""
    text = tree.text(INTERFACES) or ""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if words[:1] in (["source"], ["source-directory"]) and any(each.startswith("/run/") for each in words[1:]):
            return Location(PurePosixPath(INTERFACES), number, line.strip()[:200])
    return None


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each card that is brought up at boot and configured."""
    yield from (each for each in all_profiles(tree) if each.wired)


def all_profiles(tree: Tree) -> Iterator[Profile]:
    """One for each stanza, for each card that is part of a bridge or a bond, and for what is not read here."""
    for stanza in stanzas(tree):
        profile = _with_addresses(_profile(stanza.line, stanza.name), stanza)
        yield replace(
            profile, written=written(_own(stanza)), asks=_asks(stanza), routes=_routes(stanza), wired=stanza.started
        )
    for line in lines(tree):
        if line.words[0] in MEMBERS:
            for name in line.words[1:]:
                if name not in ("none", "all", "regex"):
                    yield _profile(line, name)
    unknown = [each for each in (made_at_boot(tree), *unfollowed(tree)) if each is not None]
    for place in unknown:
        yield Profile("ifupdown", place, unclear=True, asks=((4, place), (6, place)), wired=False)


def _own(stanza: Stanza) -> Iterator[tuple[str, Location]]:
    """The addresses of a stanza, those of its commands among them ("up ip addr add ...")."""
    for line in stanza.options:
        place = Location(line.path, line.number, " ".join(line.words)[:200])
        if line.words[0] == "address":
            yield from ((each, place) for each in line.words[1:2])
        elif any("addr" in word for word in line.words):
            yield from ((each, place) for each in _ADDRESS.findall(" ".join(line.words)))


def _routes(stanza: Stanza) -> tuple[Route, ...] | None:
    """The routes of a stanza; None where commands may add some."""
    if stanza.get("up", "pre-up", "post-up") is not None or "inherits" in stanza.line.words:
        return None
    line = stanza.get("gateway")
    if line is None:
        return ()
    found = route("default", Location(line.path, line.number, " ".join(line.words)), 6 if ":" in line.words[1] else 4)
    return (found,) if found is not None else ()


def _asks(stanza: Stanza) -> Asks:
    if stanza.loopback or stanza.method not in ASKING:
        return ()
    return ((6 if stanza.family == "inet6" else 4, stanza.location),)


_STANZAS = ("iface", "auto", "mapping", "source", "source-directory", "no-auto-down", "no-scripts", "rename")


def _with_addresses(profile: Profile, stanza: Stanza) -> Profile:
    """The profile with what a static stanza sets. The router of a single address (/32) is always on the wire: ifupdown
    gives it to the kernel as such (inet.defn, "onlink")."""
    # "up ip route add ..." may make any router reachable.
    if stanza.method != "static" or stanza.get("up", "pre-up", "post-up", "pointopoint"):
        return profile
    told = {name: line.words[1] for name in ("address", "netmask", "gateway") if (line := stanza.get(name))}
    own, mask = told.get("address", ""), told.get("netmask", "")
    found = interface(f"{own}/{mask}" if mask and "/" not in own else own)
    router = address(told.get("gateway", ""))
    if found is None or ("/" not in own and not mask):
        return profile
    single = found.network.prefixlen == found.max_prefixlen
    return replace(profile, addresses=(found,), gateways=(router,) if router and not single else (), on_link=True)


def _profile(line: InterfacesLine, name: str) -> Profile:
    location = Location(line.path, line.number, " ".join(line.words)[:200])
    glob = name.lstrip("/") if name.startswith("/") else name
    return Profile("ifupdown", location, (glob,), rename=partial(_renamed, old=name))


def _lines(tree: Tree, path: PurePosixPath, reading: _Reading, depth: int = 0) -> Iterator[InterfacesLine]:
    """The lines that say something, of the file and of those that it names."""
    reading.left -= 1
    try:
        text = tree.text(path) or ""
    except LinkLoop:
        return
    kept, began = "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        began = began if kept else number
        line = f"{kept}{raw.strip()}"
        if line.endswith("\\"):
            kept = f"{line[:-1]} "
            continue
        kept = ""
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in ("source", "source-directory") and len(words) > 1:
            here = Location(path, began, line)
            try:
                paths = _sourced(tree, path, words)
            except TooManyDirectories:
                reading.lost.append(here)
                continue
            for each in paths:
                if reading.left <= 0 or depth >= DEEPEST:
                    reading.lost.append(here)
                    break
                yield from _lines(tree, each, reading, depth + 1)
        else:
            yield InterfacesLine(path, began, tuple(words))


def _sourced(tree: Tree, path: PurePosixPath, words: list[str]) -> list[PurePosixPath]:
    found = []
    for word in words[1:]:
        pattern = word if word.startswith("/") else str(path.parent / word)
        if words[0] == "source-directory":
            pattern = f"{pattern.rstrip('/')}/*"
        parent = PurePosixPath(pattern).parent
        tree.require(Read(str(parent), depth=1))
        for each in tree.glob(pattern):
            if words[0] == "source" or re.fullmatch(r"[A-Za-z0-9_-]+", each.name):
                found.append(each)
    return sorted(found)


def _renamed(tree: Tree, name: str, *, old: str) -> Tree:
    """Every line that speaks of the card speaks of `name` instead."""
    pattern = re.compile(rf"(?<!\S){re.escape(old)}(?=[\s.:]|$)")
    first = re.compile(rf"\s*(auto|allow-\S+|iface|no-auto-down|no-scripts|{'|'.join(map(re.escape, MEMBERS))})\s")
    for path in {line.path for line in lines(tree)}:
        old_lines = (tree.text(path) or "").split("\n")
        made = [pattern.sub(name, line) if first.match(line) else line for line in old_lines]
        if made != old_lines:
            tree = tree.write(path, "\n".join(made))
    return tree

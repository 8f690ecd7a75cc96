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

from rescue.formats.network.profile import Profile, address, interface
from rescue.model import Location
from rescue.tree import LinkLoop, Read, TooMany, Tree

INTERFACES = "/etc/network/interfaces"
READS = (Read("/etc/network", depth=2),)

MOST_FILES = 1_000
"""Files that are read; what a line names beyond them is told by `unfollowed`."""
DEEPEST = 50
"""How deep files may name each other, most likely in a circle."""

_MEMBERS = ("bridge_ports", "bridge-ports", "bond-slaves", "slaves", "vlan-raw-device", "vlan_raw_device")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that says something, cut into words."""

    path: PurePosixPath
    number: int
    words: tuple[str, ...]


def lines(tree: Tree) -> Iterator[Line]:
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


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each card that is brought up at boot and configured."""
    said = tuple(lines(tree))
    started = {word for line in said if line.words[0] == "auto" or line.words[0].startswith("allow-") for word in
               line.words[1:]}  # fmt: skip
    for at, line in enumerate(said):
        if line.words[0] == "iface" and len(line.words) > 1 and _starts(line.words[1], started):
            yield _with_addresses(_profile(line, line.words[1]), line, said[at + 1 :])
        elif line.words[0] in _MEMBERS:
            # A card that is part of a bridge or a bond.
            for name in line.words[1:]:
                if name not in ("none", "all", "regex"):
                    yield _profile(line, name)


_STANZAS = ("iface", "auto", "mapping", "source", "source-directory", "no-auto-down", "no-scripts", "rename")


def _with_addresses(profile: Profile, line: Line, after: tuple[Line, ...]) -> Profile:
    """The profile with what a static stanza sets."""
    if line.words[3:4] != ("static",):
        return profile
    told: dict[str, str] = {}
    for each in after:
        if each.words[0] in _STANZAS or each.words[0].startswith("allow-"):
            break
        # "up ip route add ..." may make any router reachable.
        if each.words[0] in ("up", "pre-up", "post-up", "pointopoint"):
            return profile
        if len(each.words) > 1:
            told.setdefault(each.words[0], each.words[1])
    own = told.get("address", "")
    mask = told.get("netmask", "")
    found = interface(f"{own}/{mask}" if mask and "/" not in own else own)
    router = address(told.get("gateway", ""))
    if found is None or ("/" not in own and not mask):
        return profile
    return replace(profile, addresses=(found,), gateways=(router,) if router else ())


def _starts(name: str, started: set[str]) -> bool:
    return name in started or any("*" in each or each.startswith("/") for each in started)


def _profile(line: Line, name: str) -> Profile:
    location = Location(line.path, line.number, " ".join(line.words)[:200])
    glob = name.lstrip("/") if name.startswith("/") else name
    return Profile("ifupdown", location, (glob,), rename=partial(_renamed, old=name))


def _lines(tree: Tree, path: PurePosixPath, reading: _Reading, depth: int = 0) -> Iterator[Line]:
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
            except TooMany:
                reading.lost.append(here)
                continue
            for each in paths:
                if reading.left <= 0 or depth >= DEEPEST:
                    reading.lost.append(here)
                    break
                yield from _lines(tree, each, reading, depth + 1)
        else:
            yield Line(path, began, tuple(words))


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
    first = re.compile(rf"\s*(auto|allow-\S+|iface|no-auto-down|no-scripts|{'|'.join(map(re.escape, _MEMBERS))})\s")
    for path in {line.path for line in lines(tree)}:
        old_lines = (tree.text(path) or "").split("\n")
        made = [pattern.sub(name, line) if first.match(line) else line for line in old_lines]
        if made != old_lines:
            tree = tree.write(path, "\n".join(made))
    return tree

"""netplan's files (netplan.yaml(5)): which cards they are for.

Of YAML as much as such files use: mappings by indentation, with plain or quoted scalars. What is written in another
way (braces, anchors, tabs, several documents) is not read, and makes the file unclear: then nothing is said of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

from rescue.formats.network.profile import Profile, replaced_line
from rescue.model import Location
from rescue.tree import Read, Tree

DIRECTORIES = ("/etc/netplan", "/usr/lib/netplan")
READS = tuple(Read(path, depth=1) for path in DIRECTORIES)

_QUOTED = r"""\"[^\"]*\"|'[^']*'"""
_KEY = re.compile(
    rf"""^(?P<indent> *)(?P<key>{_QUOTED}|[^\s#:'"{{}}\[\]&*!|>@`-][^:#{{}}\[\]&*]*?) *:(?: +(?P<value>.*))?$"""
)


@dataclass
class Node:
    """A key, what is written after it, and the keys below it."""

    key: str
    line: int
    text: str = ""
    value: str = ""
    below: list[Node] = field(default_factory=list)

    def get(self, *keys: str) -> Node | None:
        """The node at the end of the keys."""
        node: Node | None = self
        for key in keys:
            node = next((each for each in node.below if each.key == key), None) if node else None
        return node


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each card below "ethernets"."""
    for path in files(tree):
        root = parse(tree.text(path) or "")
        if root is None:
            yield Profile("netplan", Location(path), unclear=True)
            continue
        cards = root.get("network", "ethernets")
        for card in cards.below if cards else ():
            yield _profile(path, card)


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


def parse(text: str) -> Node | None:
    """The file's keys; None where it is written in a way that is not read here."""
    root = Node("", 0)
    stack: list[tuple[int, Node]] = [(-1, root)]
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.rstrip(" \r")
        if not bare.strip() or bare.lstrip(" ").startswith("#") or (bare == "---" and not root.below):
            continue
        if "\t" in bare or bare.startswith(("---", "...", "%")):
            return None
        if bare.lstrip(" ").startswith("-"):
            # A list: nothing in it chooses a card.
            continue
        found = _KEY.match(bare)
        if found is None:
            return None
        value = re.sub(r"(?:^|\s+)#.*$", "", found["value"] or "").strip()
        if value.startswith(("{", "&", "*", "!", "|", ">")):
            return None
        indent = len(found["indent"])
        while indent <= stack[-1][0]:
            stack.pop()
        node = Node(_plain(found["key"]), number, bare.strip(), _plain(value))
        stack[-1][1].below.append(node)
        stack.append((indent, node))
    return root


def _plain(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _profile(path: PurePosixPath, card: Node) -> Profile:
    match = card.get("match")
    if match is None:
        location = Location(path, card.line, card.text[:200])
        return Profile("netplan", location, (card.key,), rename=partial(_renamed, location=location, old=card.key))
    name, mac = match.get("name"), match.get("macaddress")
    clear = all(each.key in ("name", "macaddress") for each in match.below) and bool(match.below)
    chooses = name or mac or match
    return Profile(
        "netplan",
        Location(path, chooses.line, chooses.text[:200]),
        (name.value,) if name else (),
        (mac.value.lower(),) if mac else (),
        unclear=not clear,
    )


def _renamed(tree: Tree, name: str, *, location: Location, old: str) -> Tree:
    return replaced_line(tree, location, old, name)

"""NetworkManager's connections in keyfile format (nm-settings-keyfile(5)): which cards they are for.

A file that is not root's own and private is ignored by NetworkManager, and so it is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.network.profile import Profile, replaced_line
from rescue.tree import Read, Tree

DIRECTORIES = ("/etc/NetworkManager/system-connections", "/usr/lib/NetworkManager/system-connections")
READS = tuple(Read(path, depth=1) for path in DIRECTORIES)

WIRED = ("ethernet", "802-3-ethernet")
_READ_BY_OTHERS = 0o077


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


def profiles(tree: Tree) -> Iterator[Profile]:
    """One for each wired connection that comes up by itself."""
    tree.require(*READS)
    for directory in DIRECTORIES:
        if tree.entry(directory) is None:
            continue
        for path in sorted(tree.glob(f"{directory}/*")):
            entry = tree.entry(path)
            if entry is None or not entry.is_file or entry.uid != 0 or entry.mode & _READ_BY_OTHERS:
                continue
            told = {(each.section, each.key): each for each in settings(tree.text(path) or "")}
            if _value(told, "connection", "type") in WIRED and _value(told, "connection", "autoconnect") != "false":
                yield _profile(path, told)


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

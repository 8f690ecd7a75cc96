"""Kernel settings that systemd-sysctl writes at boot (sysctl.d(5)).

Files of all directories count together in the order of their names; of one name the first directory's counts. Where a
setting is written twice, the last one does. systemd reads /etc/sysctl.conf only through a link in sysctl.d; procps,
which sets them under other init systems, reads it last.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.services.units import UNIT_READS, Units
from rescue.tree import LinkLoop, Read, Tree

FOLDERS = ("/etc/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
FILE = "/etc/sysctl.conf"
SERVICE = "systemd-sysctl.service"
READS = (*UNIT_READS, *(Read(path, depth=1) for path in FOLDERS), Read(FILE, depth=0))

MOST_FILES, MOST_LINES = 200, 5000


def sysctl_lines(tree: Tree, units: Units) -> dict[str, Location]:
    """The settings that a boot writes, by their names with dots, each with the line that decides; its text is
    "NAME=VALUE" without blanks. A name may be a pattern (net.ipv4.conf.*.arp_ignore). Raises NotCaptured."""
    tree.require(*READS)
    by_systemd = units.manager == "systemd"
    if by_systemd and units.unit(SERVICE).masked:
        return {}
    files: dict[str, PurePosixPath] = {}
    for folder in FOLDERS:
        for name in tree.children(folder):
            if name.endswith(".conf"):
                files.setdefault(name, PurePosixPath(folder) / name)
    found: dict[str, Location] = {}
    paths = [files[name] for name in sorted(files)[:MOST_FILES]]
    for path in paths if by_systemd else (*paths, PurePosixPath(FILE)):
        try:
            where = tree.resolve(path)
        except LinkLoop:
            continue
        for number, line in enumerate((tree.text_if_read(path) or "").split("\n")[:MOST_LINES], 1):
            bare = line.strip()
            key, equals, value = bare.removeprefix("-").partition("=")
            if equals and not bare.startswith(("#", ";")):
                key = _dotted(key.strip())
                found.pop(key, None)  # the last line also decides over patterns before it
                found[key] = Location(where, number, f"{key}={value.strip()}")
            elif bare.startswith("-") and not equals:
                found.pop(_dotted(bare[1:].strip()), None)  # leaves the setting out of patterns
    return found


def _dotted(name: str) -> str:
    """A name with dots: where its first separator is a slash, dots and slashes have changed places."""
    first = next((char for char in name if char in "./"), ".")
    return name if first == "." else name.translate(str.maketrans("./", "/."))


def value_of(lines: dict[str, Location], name: str) -> Location | None:
    """What decides about a setting: the line of exactly that name, else the last pattern that has it."""
    if name in lines:
        return lines[name]
    matching = [place for key, place in lines.items() if "*" in key and fnmatchcase(name, key)]
    return matching[-1] if matching else None


def number(place: Location | None) -> int | None:
    """The number that a line sets; None where there is none."""
    text = place.text.partition("=")[2] if place is not None else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

"""What starts at boot without systemd: System V runlevels (init(8), inittab(5)) and OpenRC's (openrc(8))."""

from __future__ import annotations

from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.model import Location
from rescue.tree import Read, Tree

INIT_SCRIPTS = "/etc/init.d"
OPENRC_LEVELS = ("sysinit", "boot", "default")
DEFAULT_LEVEL = "2"
"""Debian's; Red Hat's systems of that age name theirs in inittab."""

INIT_READS = (
    Read(INIT_SCRIPTS, depth=1, content=False),
    *(Read(f"/etc/rc{level}.d", depth=1, content=False) for level in "2345"),
    Read("/etc/runlevels", depth=2, content=False),
    Read("/etc/inittab", depth=0),
)

_START = compile_pattern(r"S\d\d(.+)")
_INITDEFAULT = compile_pattern(r"[^:#]*:([2-5]):initdefault:")


def sysv_script(tree: Tree, unit: str) -> PurePosixPath | None:
    """The init script used as "NAME.service"."""
    name, _, kind = unit.rpartition(".")
    path = PurePosixPath(INIT_SCRIPTS) / name
    entry = tree.entry(path) if kind == "service" and name else None
    return path if entry is not None and entry.is_file and entry.mode & 0o111 else None


def sysv_links(tree: Tree, script: PurePosixPath, levels: str | None) -> tuple[Location, ...]:
    """The start links of `script` in `levels`; None means the level that inittab boots into."""
    if levels is None:
        levels = _default_level(tree)
    found = []
    for level in levels:
        for name in tree.children(f"/etc/rc{level}.d"):
            match = _START.fullmatch(name)
            if match and match[1] == script.name:
                found.append(Location(PurePosixPath(f"/etc/rc{level}.d") / name))
    return tuple(found)


def _default_level(tree: Tree) -> str:
    for line in (tree.text("/etc/inittab") or "").split("\n"):
        match = _INITDEFAULT.match(line)
        if match:
            return match[1]
    return DEFAULT_LEVEL


def openrc_script(tree: Tree, unit: str) -> PurePosixPath | None:
    """OpenRC's service script for "NAME.service"."""
    return sysv_script(tree, unit)


def openrc_links(tree: Tree, unit: str) -> tuple[Location, ...]:
    """The service's entries in the runlevels that a boot goes through."""
    name = unit.rpartition(".")[0]
    paths = [PurePosixPath("/etc/runlevels") / level / name for level in OPENRC_LEVELS]
    return tuple(Location(path) for path in paths if name and tree.lentry(path) is not None)

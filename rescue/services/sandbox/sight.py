"""What a service sees at a path (namespace.c of systemd): hidden, replaced, read-only, not executable.

What is inaccessible stays so whatever is mounted below it; of all other mounts the one nearest to the path counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from rescue.model import Location
from rescue.services.sandbox.values import listed, truth
from rescue.services.units import Unit

HOMES = ("/home", "/root", "/run/user")
SPECIFIER = "%"


class Kind(Enum):
    INACCESSIBLE = "inaccessible"
    EMPTY = "empty"
    BIND = "bind"
    READ_ONLY = "read-only"
    WRITABLE = "writable"
    NO_EXEC = "not executable"
    EXEC = "executable"


HIDING = (Kind.EMPTY, Kind.BIND)


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount of the service's own. word: as it is written, to take it out of its list; optional: it may be missing;
    source: what lies there, for a bind mount."""

    kind: Kind
    path: PurePosixPath
    key: str
    location: Location
    word: str = ""
    optional: bool = False
    source: PurePosixPath | None = None


_LISTS = {
    "InaccessiblePaths": Kind.INACCESSIBLE,
    "InaccessibleDirectories": Kind.INACCESSIBLE,
    "TemporaryFileSystem": Kind.EMPTY,
    "BindPaths": Kind.BIND,
    "BindReadOnlyPaths": Kind.BIND,
    "ReadOnlyPaths": Kind.READ_ONLY,
    "ReadOnlyDirectories": Kind.READ_ONLY,
    "ReadWritePaths": Kind.WRITABLE,
    "ReadWriteDirectories": Kind.WRITABLE,
    "NoExecPaths": Kind.NO_EXEC,
    "ExecPaths": Kind.EXEC,
}
PATH_KEYS = (*_LISTS, "ProtectHome")


def mounts(unit: Unit) -> tuple[Mount, ...]:
    """The unit's own mounts; those whose paths hold a specifier are left out (`unresolved`)."""
    return tuple(each for each in _all(unit) if SPECIFIER not in f"{each.path}{each.source or ''}")


def unresolved(unit: Unit) -> frozenset[str]:
    """The settings with a path that only systemd can complete."""
    return frozenset(each.key for each in _all(unit) if SPECIFIER in f"{each.path}{each.source or ''}")


def _all(unit: Unit) -> Iterator[Mount]:
    for key, kind in _LISTS.items():
        for word, location in listed(unit, key):
            optional = word.startswith(("-", "+-"))
            bare = word.lstrip("-+")
            if kind is Kind.BIND:
                source, _, rest = bare.partition(":")
                target = rest.partition(":")[0].lstrip("-+") or source
                yield Mount(kind, _path(target), key, location, word, optional, _path(source))
            else:
                path = bare.partition(":")[0] if kind is Kind.EMPTY else bare
                yield Mount(kind, _path(path), key, location, word, optional)
    last = unit.values("Service", "ProtectHome")[-1:]
    if last:
        text = last[0].text.lower()
        kind_of = {"tmpfs": Kind.EMPTY, "read-only": Kind.READ_ONLY}.get(text)
        kind_of = kind_of or (Kind.INACCESSIBLE if truth(text) else None)
        for home in HOMES if kind_of is not None else ():
            assert kind_of is not None
            yield Mount(kind_of, PurePosixPath(home), "ProtectHome", last[0].location, last[0].text, True)


def _path(text: str) -> PurePosixPath:
    return PurePosixPath(text)


def deciding(found: tuple[Mount, ...], path: PurePosixPath) -> Mount | None:
    """The mount that hides `path` or puts something else there; None if the service sees what is on the disk."""
    over = [each for each in found if path.is_relative_to(each.path)]
    for each in over:
        if each.kind is Kind.INACCESSIBLE:
            return each
    replaced = [each for each in over if each.kind in HIDING]
    if not replaced:
        return None
    return max(replaced, key=lambda each: len(each.path.parts))


def without_exec(found: tuple[Mount, ...], path: PurePosixPath) -> Mount | None:
    """The mount by which programs at `path` can't be run; None if they can."""
    return _nearest(found, path, Kind.NO_EXEC, Kind.EXEC)


def read_only(found: tuple[Mount, ...], path: PurePosixPath) -> Mount | None:
    """The mount by which `path` can't be written to; None if none does it."""
    return _nearest(found, path, Kind.READ_ONLY, Kind.WRITABLE)


def _nearest(found: tuple[Mount, ...], path: PurePosixPath, bad: Kind, good: Kind) -> Mount | None:
    over = [each for each in found if each.kind in (bad, good) and path.is_relative_to(each.path)]
    if not over:
        return None
    nearest = max(over, key=lambda each: (len(each.path.parts), each.kind is bad))
    return nearest if nearest.kind is bad else None

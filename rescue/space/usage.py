"""Where the bytes and inodes of one file system are.

A scanner (or a captured tree) gives the raw numbers; the functions here condense them for a person. A directory is
never counted twice: what a reported directory holds is taken off the directories above it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.tree import FileSystem, Tree

MOST = 16
"""File systems that are looked at."""
_NO_DISK = frozenset({"tmpfs", "ramfs", "devtmpfs", "overlay"})
SHARE = 20
"""A directory is worth a line if it holds at least this fraction (one in SHARE) of what is used."""


@dataclass(frozen=True, slots=True)
class DirectoryUse:
    """A directory and all that is below it on its file system: bytes allocated, inodes, itself included.

    A file with several names counts once.
    """

    path: PurePosixPath
    bytes: int
    inodes: int


@dataclass(frozen=True, slots=True)
class FileUse:
    """A regular file and the bytes that it takes on the disk (st_blocks * 512): fewer than its size if it is sparse."""

    path: PurePosixPath
    bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What was seen on the file system mounted at `mount`.

    directories: every directory, or every one that is worth a line; in any order. files: the largest ones, the
    largest first. bytes, inodes: the sums over everything that was seen. complete: false if something could not be
    read, or if the scan stopped at its bounds.
    """

    mount: str
    directories: tuple[DirectoryUse, ...]
    files: tuple[FileUse, ...]
    bytes: int
    inodes: int
    complete: bool = True


def measured(filesystems: Iterable[FileSystem]) -> tuple[str, ...]:
    """Where the file systems are mounted that are worth a look at what fills them: the root first, at most MOST.

    Not memory, and not the layers of containers, whose files lie on another of them; of several mounts of one device
    the first, but of btrfs, where each is a subvolume with files of its own.
    """
    found: list[str] = []
    seen: set[str] = set()
    for each in sorted(filesystems, key=lambda each: (each.mount != "/", -each.size, each.mount)):
        if each.mount != "/" and (each.type in _NO_DISK or (each.type != "btrfs" and each.source in seen - {""})):
            continue
        seen.add(each.source)
        found.append(each.mount)
    return tuple(found[:MOST])


def top_directories(usage: Usage, count: int = 10, *, by_inodes: bool = False) -> tuple[DirectoryUse, ...]:
    """The `count` directories that hold most, the fullest first, each without what another one reported holds.

    These are the hierarchical heavy hitters (Cormode et al., VLDB 2003): from the leaves upwards, a directory that
    holds a twentieth of everything is reported, one that holds less is counted for its parent.
    """
    listed = {use.path: use for use in usage.directories}
    least = max(1, (usage.inodes if by_inodes else usage.bytes) // SHARE)
    counted: dict[PurePosixPath, tuple[int, int]] = {}  # bytes and inodes below a directory that are reported already
    found = []
    for use in sorted(listed.values(), key=lambda each: -len(each.path.parts)):
        known_bytes, known_inodes = counted.pop(use.path, (0, 0))
        rest = DirectoryUse(use.path, max(0, use.bytes - known_bytes), max(0, use.inodes - known_inodes))
        if (rest.inodes if by_inodes else rest.bytes) >= least:
            found.append(rest)
            known_bytes, known_inodes = use.bytes, use.inodes
        above = next((each for each in use.path.parents if each in listed), None)
        if above is not None:
            so_far = counted.get(above, (0, 0))
            counted[above] = (so_far[0] + known_bytes, so_far[1] + known_inodes)
    found.sort(key=lambda use: (-(use.inodes if by_inodes else use.bytes), str(use.path)))
    return tuple(found[:count])


def captured_usage(tree: Tree, mount: str, areas: Iterable[PurePosixPath], largest: int = 10) -> Usage:
    """The usage of what `tree` holds of `areas` on the file system at `mount`; the areas don't lie in each other."""
    sums: dict[PurePosixPath, tuple[int, int]] = {}
    files: list[FileUse] = []
    seen: set[tuple[int, int]] = set()
    total_bytes = total_inodes = 0
    for area in areas:
        for path in (area, *tree.walk(area)):
            entry = tree.lentry(path)
            holder = tree.filesystem(path)
            if entry is None or holder is None or holder.mount != mount:
                continue
            if entry.nlink > 1 and not entry.is_dir and entry.ident != (0, 0):
                if entry.ident in seen:
                    continue
                seen.add(entry.ident)
            total_bytes, total_inodes = total_bytes + entry.allocated, total_inodes + 1
            if entry.is_file:
                files.append(FileUse(path, entry.allocated))
            for above in (path, *path.parents) if entry.is_dir else path.parents:
                if above != area and area not in above.parents:
                    break
                known = sums.get(above, (0, 0))
                sums[above] = (known[0] + entry.allocated, known[1] + 1)
    files.sort(key=lambda use: (-use.bytes, str(use.path)))
    directories = tuple(DirectoryUse(path, *sums[path]) for path in sorted(sums))
    return Usage(mount, directories, tuple(files[:largest]), total_bytes, total_inodes, complete=False)

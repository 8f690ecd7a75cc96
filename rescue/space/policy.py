"""What can be deleted from a full disk: caches, logs and crash dumps, the least loss first, and no more than needed.

First what a package manager loads again, then journals and logs that are closed, then crash dumps, last the head of
large logs that are still written, of which the newest part stays. Databases, mail, backups, homes and the audit log
are never touched, nor is a directory, a link, a file with a second name (it would free nothing), or a file that
somebody made immutable or append-only. Links are not followed: a name in /var/log says nothing of what is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate
from pathlib import PurePosixPath
from re import Pattern
from re import compile as compile_pattern

from rescue.machine_id import FORM, MACHINE_ID_READ, machine_id
from rescue.space.names import archived_journal, backup_like, can_be_shortened, log_name, packed, rotated
from rescue.space.room import MIB, wanted_bytes, wanted_inodes
from rescue.tree import Entry, LinkLoop, Read, Tree

LOGS = "/var/log"
DAY = 24 * 3600 * 10**9
"""A day in nanoseconds."""
PROTECTED_FLAGS = 0x10 | 0x20
"""FS_IMMUTABLE_FL and FS_APPEND_FL (ioctl_iflags(2))."""
NOT_OURS = ("/home", "/root", "/srv", "/etc", "/boot", "/usr", "/opt", "/proc", "/sys", "/dev")
"""Where an area never is, even if a link leads there."""
RECORDS = 384 * 1024
"""Both a multiple of btmp's record (384 bytes, utmp(5)) and of every usual block: cut there, records stay whole."""


class Loss(StrEnum):
    """Kinds of deletable files, in the order of deletion."""

    PACKAGES = "package cache"
    JOURNAL = "archived journal"
    ROTATED = "rotated log"
    CRASH = "crash dump"
    LOG = "large log"
    TEMPORARY = "old temporary file"


@dataclass(frozen=True, slots=True)
class Removal:
    """One file to delete, or (keep is not None) to shorten to its last `keep` bytes.

    bytes, inodes: what that frees.
    """

    path: PurePosixPath
    loss: Loss
    bytes: int
    inodes: int
    keep: int | None = None


@dataclass(frozen=True, slots=True)
class Cache:
    """A directory whose files with matching names can be deleted. depth: levels below it that are read."""

    path: str
    names: tuple[str, ...]
    depth: int = 1


PACKAGE_CACHES = (
    Cache("/var/cache/apt/archives", ("*.deb",), 2),
    Cache("/var/cache/apt", ("*.bin",)),
    Cache("/var/cache/dnf", ("*.rpm", "*.solv", "*.solvx", "*.xml", "*.xml.*", "*.yaml.*", "*.zck", "*.drpm"), 6),
    Cache("/var/cache/libdnf5", ("*.rpm", "*.solv", "*.solvx", "*.xml", "*.xml.*", "*.yaml.*", "*.zck", "*.drpm"), 6),
    Cache("/var/cache/yum", ("*.rpm", "*.sqlite", "*.sqlite.*", "*.xml", "*.xml.*", "*.drpm"), 8),
    Cache("/var/cache/PackageKit", ("*.rpm", "*.deb", "*.solv", "*.solvx", "*.xml.*"), 8),
    Cache("/var/cache/zypp/packages", ("*.rpm",), 8),
    Cache("/var/cache/apk", ("*.apk", "APKINDEX.*.tar.gz")),
    Cache("/var/lib/apt/lists", ("*_Packages*", "*_Sources*", "*_Contents-*", "*_Translation-*", "*_InRelease")),
    Cache("/var/lib/snapd/cache", ("*",)),
    # Last: pacman can take a package back only from here.
    Cache("/var/cache/pacman/pkg", ("*.pkg.tar", "*.pkg.tar.*")),
)
CRASHES = (
    Cache("/var/crash", ("*.crash", "*.upload", "*.uploaded", "vmcore*", "dump.*", "core.*"), 3),
    Cache("/var/lib/systemd/coredump", ("core.*",)),
    Cache("/var/lib/apport/coredump", ("core.*", "core")),
)
CONTAINERS_ROTATED = (Cache("/var/lib/docker/containers", ("*-json.log.*",), 2),)
CONTAINER_LOGS = (
    Cache("/var/lib/docker/containers", ("*-json.log",), 2),
    Cache("/var/lib/containers/storage/overlay-containers", ("ctr.log",), 3),
)
TEMPORARY = {"/tmp": 10 * DAY, "/var/tmp": 30 * DAY}  # noqa: S108 - the target's, and nothing is made there
"""How long a file stays, as in systemd's own tmpfiles.d/tmp.conf."""


def reads(*, temporary: bool = False) -> tuple[Read, ...]:
    """What `prune` looks at: names and sizes only."""
    areas = [Read(LOGS, content=False), MACHINE_ID_READ]
    areas += [Read(each.path, each.depth, content=False) for each in (*PACKAGE_CACHES, *CRASHES, *CONTAINER_LOGS)]
    if temporary:
        areas += [Read(path, content=False) for path in TEMPORARY]
    return tuple(areas)


def prune(
    tree: Tree, mount: str, bytes_wanted: int, inodes_wanted: int = 0, *, temporary: bool = False
) -> tuple[Removal, ...]:
    """The least that gives `bytes_wanted` bytes and `inodes_wanted` inodes back to the file system at `mount`.

    If all of it is not enough, all that helps. temporary: files in /tmp and /var/tmp that are old may go too.
    Raises `NotCaptured` where the areas are not in the snapshot.
    """
    taken: list[Removal] = []
    bytes_left, inodes_left = bytes_wanted, inodes_wanted
    for each in candidates(tree, mount, temporary=temporary):
        if bytes_left <= 0 and inodes_left <= 0:
            break
        if (each.bytes and bytes_left > 0) or (each.inodes and inodes_left > 0):
            taken.append(each)
            bytes_left -= each.bytes
            inodes_left -= each.inodes
    if bytes_left > 0 or inodes_left > 0:
        return tuple(taken)
    return _needed(taken, -bytes_left if bytes_wanted > 0 else None, -inodes_left if inodes_wanted > 0 else None)


def _needed(taken: list[Removal], bytes_over: int | None, inodes_over: int | None) -> tuple[Removal, ...]:
    """`taken` without what a later, larger one made needless: the dearest are spared first. None: not asked for."""
    needed = []
    for each in reversed(taken):
        if (bytes_over is None or each.bytes <= bytes_over) and (inodes_over is None or each.inodes <= inodes_over):
            bytes_over = None if bytes_over is None else bytes_over - each.bytes
            inodes_over = None if inodes_over is None else inodes_over - each.inodes
        else:
            needed.append(each)
    return tuple(reversed(needed))


def make_room(tree: Tree, mount: str, temporary: bool = False) -> Tree:
    """`tree` after what `prune` gives for the room that the file system at `mount` should have. Raises ValueError."""
    filesystem = next((each for each in tree.filesystems if each.mount == mount), None)
    if filesystem is None:
        raise ValueError(f"no file system is mounted at {mount}")
    return without(tree, prune(tree, mount, wanted_bytes(filesystem), wanted_inodes(filesystem), temporary=temporary))


def without(tree: Tree, removals: Iterable[Removal]) -> Tree:
    """`tree` after the removals."""
    chosen = tuple(removals)
    tree = tree.remove(*(each.path for each in chosen if each.keep is None))
    for each in chosen:
        if each.keep is not None:
            tree = tree.shorten(each.path, each.keep)
    return tree


def candidates(tree: Tree, mount: str, *, temporary: bool = False) -> tuple[Removal, ...]:
    """Everything on the file system at `mount` that may go, in the order of least loss; no file twice."""
    tree.require(*reads(temporary=temporary))
    area = _Area(tree, mount)
    logs = _log_files(area)
    found: dict[PurePosixPath, Removal] = {}
    for each in (
        *_cached(area, PACKAGE_CACHES, Loss.PACKAGES),
        *_journals(area),
        *_rotated(area, logs),
        *_cached(area, CRASHES, Loss.CRASH),
        *_large(area, logs),
        *(_temporary(area) if temporary else ()),
    ):
        found.setdefault(each.path, each)
    return tuple(found.values())


# -- the files of an area ----------------------------------------------------------------------------------------------


Named = tuple[PurePosixPath, Entry]


@dataclass(frozen=True, slots=True)
class _Area:
    """A tree and the one file system of it that is short of room."""

    tree: Tree
    mount: str

    def real(self, path: str) -> PurePosixPath | None:
        """Where the area at `path` is. None if a link leads to what has another name, or to people's data."""
        try:
            real = self.tree.resolve(path)
        except LinkLoop:
            return None
        moved = str(real) != path
        if moved and (
            real.name != PurePosixPath(path).name or str(real).startswith(tuple(f"{top}/" for top in NOT_OURS))
        ):
            return None
        return real

    def files(self, path: str, depth: int = 64) -> Iterator[Named]:
        """The regular files below `path` that are this file system's, have one name and are not protected."""
        root = self.real(path)
        if root is None:
            return
        levels = len(root.parts) + depth
        for each in self.tree.walk(root):
            entry = self.tree.lentry(each)
            if entry is None or not entry.is_file or entry.nlink != 1 or entry.flags & PROTECTED_FLAGS:
                continue
            holder = self.tree.filesystem(each)
            if len(each.parts) <= levels and holder is not None and holder.mount == self.mount:
                yield each, entry

    @property
    def size(self) -> int:
        return next((each.size for each in self.tree.filesystems if each.mount == self.mount), 0)


def _gone(named: Named, loss: Loss) -> Removal:
    return Removal(named[0], loss, named[1].allocated, 1)


def _age(named: Named) -> tuple[int, PurePosixPath]:
    """Sorts the oldest first."""
    return (named[1].modified, named[0])


def _cached(area: _Area, caches: Iterable[Cache], loss: Loss) -> Iterator[Removal]:
    for cache in caches:
        yield from (_gone(named, loss) for named in sorted(_matching(area, cache), key=_age))


def _matching(area: _Area, cache: Cache) -> Iterator[Named]:
    matches = _any_of(cache.names)
    return (named for named in area.files(cache.path, cache.depth) if matches.match(named[0].name))


def _any_of(names: tuple[str, ...]) -> Pattern[str]:
    return compile_pattern("|".join(translate(name) for name in names))


# -- journals ----------------------------------------------------------------------------------------------------------


def _journals(area: _Area) -> Iterator[Removal]:
    """journald's closed files, and all files of a machine that this one no longer is (a clone's former id)."""
    own = machine_id(area.tree)
    for named in sorted(area.files(f"{LOGS}/journal", 2), key=_age):
        path = named[0]
        # A namespace's directory is called MACHINE-ID.NAMESPACE (systemd-journald.service(8)).
        machine = path.parent.name.partition(".")[0]
        if not FORM.fullmatch(machine):
            continue
        foreign = bool(own) and machine != own
        if archived_journal(path.name) or (foreign and path.name.endswith((".journal", ".journal~"))):
            yield _gone(named, Loss.JOURNAL)


# -- logs --------------------------------------------------------------------------------------------------------------


def _log_files(area: _Area) -> list[Named]:
    """The files below /var/log, without the audit log, the journal, and directories that hold backups."""
    root = area.real(LOGS)
    if root is None:
        return []
    start = len(root.parts)

    def ours(path: PurePosixPath) -> bool:
        below = path.parts[start:-1]
        return not (below and below[0] in ("audit", "journal")) and not any(backup_like(part) for part in below)

    return [named for named in area.files(LOGS) if ours(named[0])]


def _rotated(area: _Area, logs: list[Named]) -> Iterator[Removal]:
    """Rotated logs, the oldest first. Where no live log is beside them, the newest may be the live one: it stays."""
    families: dict[PurePosixPath, list[Named]] = {}
    containers = (named for each in CONTAINERS_ROTATED for named in _matching(area, each))
    for named in (*logs, *containers):
        parsed = rotated(named[0].name)
        if parsed is not None:
            families.setdefault(named[0].with_name(parsed.live), []).append(named)
    found: list[Named] = []
    for live, members in families.items():
        beside = area.tree.lentry(live)
        if beside is not None and beside.is_file:
            found += members
        elif log_name(live.name):
            newest = max((each for each in members if not packed(each[0].name)), key=_age, default=None)
            found += [each for each in members if each is not newest]
    yield from (_gone(named, Loss.ROTATED) for named in sorted(found, key=_age))


def _large(area: _Area, logs: list[Named]) -> Iterator[Removal]:
    """The heads of large live logs, the largest first. What stays is scaled to the disk: from 1 to 8 MiB."""
    keep = min(8 * MIB, max(MIB, area.size // 256 // MIB * MIB))
    large = [named for named in logs if named[1].allocated > 4 * keep and _is_live(named[0].name)]
    large += [named for each in CONTAINER_LOGS for named in _matching(area, each)]
    for path, entry in sorted(large, key=lambda named: (-named[1].allocated, named[0])):
        stays = keep if path.name != "btmp" else entry.size - max(0, entry.size - keep) // RECORDS * RECORDS
        # The last n bytes have at most n bytes of blocks, wherever a sparse file has its holes: this much is certain.
        frees = entry.allocated - min(entry.allocated, -(-stays // 4096) * 4096)
        if entry.size > stays and frees > 3 * keep:
            yield Removal(path, Loss.LOG, frees, 0, stays)


def _is_live(name: str) -> bool:
    if can_be_shortened(name):
        return True
    # The newest of a family without a live log beside it: catalina.2024-01-01.log.
    parsed = rotated(name)
    return parsed is not None and not parsed.packed and can_be_shortened(parsed.live)


# -- temporary files ---------------------------------------------------------------------------------------------------


_LASTING = compile_pattern(r".*\.(?:db|sqlite3?|mdb|sock|pid|lock|sql|dump|bak|tar|tgz|zip|gz|xz|key|pem)(?:[-.]\w+)?")


def _temporary(area: _Area) -> Iterator[Removal]:
    """Old files of /tmp and /var/tmp, by the clock of the newest log: what a pure function has instead of a clock."""
    logs = (area.tree.lentry(path) for path in area.tree.walk(LOGS))
    now = max((entry.modified for entry in logs if entry is not None and entry.is_file and entry.uid == 0), default=0)
    for top, age in TEMPORARY.items():
        for named in sorted(area.files(top), key=_age):
            path, entry = named
            if entry.modified < now - age and not _LASTING.fullmatch(path.name) and not backup_like(path.name):
                yield _gone(named, Loss.TEMPORARY)

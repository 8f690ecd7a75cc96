"""Where records are kept: on the target itself, or in a directory of the machine on which rescue runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from re import compile as compile_pattern
from stat import S_ISREG
from tempfile import mkstemp
from typing import Protocol

from rescue.tree import SELINUX, Entry, LinkLoop, NotCaptured, Read, ReadError, Tree, directory, file
from rescue.undo_log.encoding import FIX_ID, JOURNAL, KEPT_NAME, RECORD_LIMIT, damaged, decode
from rescue.undo_log.errors import JournalError
from rescue.undo_log.record import Record, State

RECORD = "record.json"
DIFF = "changes.diff"
BEFORE = "before"
_TEMPORARY = compile_pattern(r"\.rescue-.*|\.[a-z0-9_]{8}")
"""Our temporary files; older versions left the latter when the undo log was on this machine."""

RECORDS_LIMIT = 64 << 20
"""Bytes of all records read at once, newest first: a hostile disk may hold any number of them."""


class NoRecord(StrEnum):
    """Why a fix's folder has no usable record. An empty record is none of these: it is a damaged one."""

    UNBEGUN = "the fix had not begun"
    """There is none, and nothing else worth keeping: a fix writes its record first."""
    LOST = "it is missing, although old contents were saved"
    UNREADABLE = "it can't be read, is too large, or is not a regular file"


class JournalStore(Protocol):
    """Folders of small files, one folder for each fix. Names are RECORD, DIFF and "before/NNNN"."""

    place: str
    """For people: where the undo log is."""

    def records(self) -> dict[str, bytes | NoRecord]:
        """The record of every fix that has a folder, or why it has none. Raises JournalError, TargetError."""

    def read(self, fix_id: str, names: Iterable[str], limit: int) -> dict[str, bytes]:
        """The files of a fix that exist and are no larger than `limit` bytes. Follows no link."""

    def write(self, fix_id: str, name: str, data: bytes) -> None:
        """Create or atomically replace a file, readable only by its owner; makes its folders. Durable on return.

        Raises what the target raises (NoSpace), or OSError.
        """

    def discard(self, fix_id: str, name: str) -> None:
        """Remove a file. No error if it is not there."""

    def clear(self, fix_id: str) -> None:
        """Remove what rescue puts in a fix's folder, the record last, and the folder if nothing else is in it."""

    def sweep(self, prefix: str, fix_ids: Iterable[str]) -> None:
        """Remove temporary files that a kill left, whose names begin with `prefix`.

        Looks at the top of the undo log and in the folders of these fixes, but never in one whose record is damaged:
        its files may be all that is left.
        """


class _Place(Protocol):
    """The part of a target that the undo log needs (see rescue.targets.protocol)."""

    def capture(self, reads: Iterable[Read]) -> Tree: ...

    def put(self, path: PurePosixPath, entry: Entry) -> None: ...

    def remove(self, path: PurePosixPath) -> None: ...


class InTarget:
    """The undo log on the target, in /var/lib/rescue.

    /var or /var/lib may be links inside the target; below that nothing may be a link, and nobody but root (or the
    owner of the target's root directory) may have write access: otherwise somebody could plant an undo.
    """

    def __init__(self, target: _Place) -> None:
        self._target = target
        self._base: PurePosixPath | None = None
        self._made: set[PurePosixPath] = set()
        self.place = str(JOURNAL)

    def records(self) -> dict[str, bytes | NoRecord]:
        fixes = self._root() / "fixes"
        tree = self._target.capture([Read(str(fixes), depth=2, content=False)])
        found: dict[str, bytes | NoRecord] = {}
        wanted: dict[str, Read] = {}
        room = RECORDS_LIMIT
        for fix_id in sorted(filter(FIX_ID.fullmatch, tree.children(fixes)), reverse=True):
            path = str(fixes / fix_id / RECORD)
            found[fix_id] = NoRecord.UNREADABLE
            if not _is_directory(tree, fixes / fix_id):
                continue
            entry = tree.lentry(path)
            if entry is None:
                found[fix_id] = self._without_record(tree, fixes / fix_id)
            elif entry.is_file and entry.size <= min(room, RECORD_LIMIT):
                room -= entry.size
                wanted[fix_id] = Read(path, depth=0, limit=entry.size)
        if wanted:
            tree = self._target.capture(wanted.values())
            for fix_id, read in wanted.items():
                raw = tree.data_if_read(read.path)
                found[fix_id] = NoRecord.UNREADABLE if raw is None else raw
        return found

    def _without_record(self, tree: Tree, folder: PurePosixPath) -> NoRecord:
        try:
            names = tree.children(folder)
            if _is_directory(tree, folder / BEFORE):
                inside = self._target.capture([Read(str(folder / BEFORE), depth=1, content=False)])
                names = tuple(name for name in names if name != BEFORE) + inside.children(folder / BEFORE)
        except ReadError:
            return NoRecord.UNREADABLE
        return NoRecord.UNBEGUN if all(map(_TEMPORARY.fullmatch, names)) else NoRecord.LOST

    def read(self, fix_id: str, names: Iterable[str], limit: int) -> dict[str, bytes]:
        folder = self._folder(fix_id)
        wanted = {name: folder / _checked(name) for name in names}
        tree = self._target.capture([Read(str(path), depth=0, limit=limit) for path in wanted.values()])
        found = {}
        for name, path in wanted.items():
            entry = tree.lentry(path) if _is_directory(tree, path.parent) else None
            if entry is not None and entry.is_file and entry.data is not None and len(entry.data) <= limit:
                found[name] = entry.data
        return found

    def write(self, fix_id: str, name: str, data: bytes) -> None:
        path = self._folder(fix_id) / _checked(name)
        self._make(path.parent)
        self._target.put(path, file(data, 0o600))

    def discard(self, fix_id: str, name: str) -> None:
        self._target.remove(self._folder(fix_id) / _checked(name))

    def clear(self, fix_id: str) -> None:
        folder = self._folder(fix_id)
        tree = self._target.capture([Read(str(folder), depth=2, content=False)])
        if not _is_directory(tree, folder):
            return
        # Remove only what was seen and is ours: a directory that can't be read may hold anything. The record goes
        # last, so that after a kill it still says that nothing was changed.
        kept = _is_directory(tree, folder / BEFORE)
        for name in _ours(tree.children(folder / BEFORE), inside=True) if kept else ():
            self._target.remove(folder / BEFORE / name)
        if kept and not self._holds_something(folder / BEFORE):
            self._target.remove(folder / BEFORE)
        for name in _ours(tree.children(folder)):
            self._target.remove(folder / name)
        if not self._holds_something(folder):
            self._target.remove(folder)
        self._made -= {folder, folder / BEFORE}

    def sweep(self, prefix: str, fix_ids: Iterable[str]) -> None:
        base = self._root()
        # If /var/lib did not exist either, it was being made.
        places = [base.parent.parent, base.parent, base, base / "fixes"]
        for fix_id in fix_ids:
            places += [self._folder(fix_id), self._folder(fix_id) / BEFORE]
        tree = self._target.capture([Read(str(place), depth=1, content=False) for place in places])
        for place in filter(lambda each: _is_directory(tree, each), places):
            for name in tree.children(place):
                if name.startswith(prefix) and not self._holds_something(place / name):
                    self._target.remove(place / name)

    def _holds_something(self, path: PurePosixPath) -> bool:
        tree = self._target.capture([Read(str(path), depth=1, content=False)])
        entry = tree.lentry(path)
        return entry is not None and entry.is_dir and bool(tree.children(path))

    def _folder(self, fix_id: str) -> PurePosixPath:
        if not FIX_ID.fullmatch(fix_id):
            raise JournalError(f"{fix_id!r} is not the name of a fix", "rescue history lists them.")
        return self._root() / "fixes" / fix_id

    def _root(self) -> PurePosixPath:
        """The real path of the undo log. Raises JournalError if it can't be trusted."""
        if self._base is None:
            tree = self._target.capture([Read(str(JOURNAL / "fixes"), depth=0, content=False)])
            try:
                base = tree.resolve(JOURNAL.parent) / JOURNAL.name
                self._judge(tree, base)
            except (LinkLoop, NotCaptured) as problem:
                raise JournalError(
                    f"{JOURNAL.parent} can't be resolved: {problem}",
                    "Look at it on the server's disk (rescue mount TARGET), or keep the undo log elsewhere: "
                    "--undo-log DIR.",
                ) from problem
            self._base = base
        return self._base

    @staticmethod
    def _judge(tree: Tree, base: PurePosixPath) -> None:
        root = tree.lentry("/")
        for path in (base, base / "fixes"):
            entry = tree.lentry(path)
            if entry is None:
                return
            owners = {0, root.uid} if root else {0}
            if not entry.is_dir or entry.uid not in owners or entry.mode & 0o022:
                raise JournalError(
                    f"{path} is not a directory that only root can write to, so the undo log in it can't be trusted",
                    "Look at it on the server's disk (rescue mount TARGET) and move it away there, or keep the undo "
                    "log elsewhere: --undo-log DIR.",
                )

    def _make(self, folder: PurePosixPath) -> None:
        if folder in self._made:
            return
        chain = [folder, *folder.parents][:-1]
        tree = self._target.capture([Read(str(folder), depth=0, content=False)])
        for path in reversed(chain):
            if tree.lentry(path) is None:
                inside = path.is_relative_to(self._root())
                label = self._label(tree, path)
                self._target.put(path, replace(directory(0o700 if inside else 0o755), xattrs=label))
        self._made.add(folder)

    @staticmethod
    def _label(tree: Tree, path: PurePosixPath) -> tuple[tuple[str, bytes], ...]:
        """The SELinux label of the nearest existing directory: without a label, a confined reader is denied access."""
        above = next((found for each in path.parents if (found := tree.lentry(each)) is not None), None)
        label = above.xattr(SELINUX) if above else None
        return ((SELINUX, label),) if label is not None else ()


class InDirectory:
    """The undo log in a directory of this machine (``--undo-log DIR``), for a target with no room for it.

    One directory serves one server: the interrupted fix of one must not be rolled back on another. server: what
    identifies it; empty if that is not known.
    """

    def __init__(self, path: Path, server: str = "") -> None:
        self._fixes = path / "fixes"
        self._owner = path / "server"
        self._server = server
        self.place = str(path)

    def records(self) -> dict[str, bytes | NoRecord]:
        owner = self._read(self._owner, 4096)
        if self._server and owner is not None and owner.decode("utf-8", "replace").strip() != self._server:
            raise JournalError(
                f"{self.place} holds the fixes of another server",
                "Give another directory with --undo-log: each server needs its own.",
            )
        try:
            folders = [each for each in self._fixes.iterdir() if FIX_ID.fullmatch(each.name)]
            return {folder.name: self._record_in(folder) for folder in folders}
        except FileNotFoundError:
            return {}
        except OSError as problem:
            raise self._unreadable(problem) from problem

    def _record_in(self, folder: Path) -> bytes | NoRecord:
        if folder.is_symlink() or not folder.is_dir():
            return NoRecord.UNREADABLE
        names = [each.name for each in folder.iterdir()]
        if RECORD in names:
            raw = self._read(folder / RECORD, RECORD_LIMIT)
            return NoRecord.UNREADABLE if raw is None else raw
        before = folder / BEFORE
        if before.is_dir() and not before.is_symlink():
            names = [name for name in names if name != BEFORE] + [each.name for each in before.iterdir()]
        return NoRecord.UNBEGUN if all(map(_TEMPORARY.fullmatch, names)) else NoRecord.LOST

    def _unreadable(self, problem: OSError) -> JournalError:
        return JournalError(
            f"the records in {self.place} can't be read: {problem.strerror}",
            "Look at that directory, or give the right one with --undo-log.",
        )

    def read(self, fix_id: str, names: Iterable[str], limit: int) -> dict[str, bytes]:
        found = {name: self._read(self._folder(fix_id) / _checked(name), limit) for name in names}
        return {name: data for name, data in found.items() if data is not None}

    @staticmethod
    def _read(path: Path, limit: int) -> bytes | None:
        """The content of a readable regular file no larger than `limit`. Follows no link."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as stream:
                if not S_ISREG(os.fstat(descriptor).st_mode):
                    return None
                data = stream.read(limit + 1)
        except OSError:
            return None
        return data if len(data) <= limit else None

    def write(self, fix_id: str, name: str, data: bytes) -> None:
        path = self._folder(fix_id) / _checked(name)
        self._make(path.parent)
        if self._server and not self._owner.exists():
            self._put(self._owner, f"{self._server}\n".encode())
        self._put(path, data)

    @staticmethod
    def _put(path: Path, data: bytes) -> None:
        descriptor, temporary = mkstemp(prefix=".rescue-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(temporary).unlink()
            raise
        _sync_directory(path.parent)

    def discard(self, fix_id: str, name: str) -> None:
        (self._folder(fix_id) / _checked(name)).unlink(missing_ok=True)

    def clear(self, fix_id: str) -> None:
        folder = self._folder(fix_id)
        if folder.is_symlink():
            return
        for place in (folder / BEFORE, folder):
            if place.is_dir() and not place.is_symlink():
                for name in _ours([each.name for each in place.iterdir()], inside=place != folder):
                    (place / name).unlink()
                with suppress(OSError):  # it holds files that are not ours
                    place.rmdir()

    def sweep(self, prefix: str, fix_ids: Iterable[str]) -> None:
        """Folders are made under their final names here, so only files can have been left."""
        folders = [self._folder(fix_id) for fix_id in fix_ids]
        for place in (self._owner.parent, *(each for folder in folders for each in (folder, folder / BEFORE))):
            if place.is_symlink() and place != self._owner.parent:
                continue
            # Next to the records there may be files of others: remove only what is certainly ours.
            for each in list(place.iterdir()) if place.is_dir() else ():
                ours = _TEMPORARY.fullmatch(each.name) if place != self._owner.parent else each.name.startswith(prefix)
                if ours and each.is_file() and not each.is_symlink():
                    each.unlink()

    def _folder(self, fix_id: str) -> Path:
        if not FIX_ID.fullmatch(fix_id):
            raise JournalError(f"{fix_id!r} is not the name of a fix", "rescue history lists them.")
        return self._fixes / fix_id

    def _make(self, folder: Path) -> None:
        for path in reversed([folder, *folder.parents]):
            if not path.is_dir():
                path.mkdir(0o700)
                _sync_directory(path.parent)


def read_records(store: JournalStore) -> tuple[Record, ...]:
    """Every record of a fix that was started, oldest first; a damaged one is UNREADABLE and says why."""
    return decoded(store.records())


def decoded(records: Mapping[str, bytes | NoRecord]) -> tuple[Record, ...]:
    """The result of `JournalStore.records`, decoded, without fixes that had not begun (`unbegun`)."""
    found = []
    for fix_id, raw in records.items():
        if (record := _decoded(fix_id, raw)).state is not State.PREPARED:
            found.append(record)
    return tuple(sorted(found, key=lambda record: (record.number, by_time(record.id))))


def unbegun(records: Mapping[str, bytes | NoRecord]) -> tuple[str, ...]:
    """The fixes that had not changed anything yet, so that their folder can be deleted. Never an unreadable one."""
    return tuple(fix_id for fix_id, raw in records.items() if _decoded(fix_id, raw).state is State.PREPARED)


def _decoded(fix_id: str, raw: bytes | NoRecord) -> Record:
    try:
        if raw is NoRecord.UNBEGUN:
            return Record(fix_id, 0, State.PREPARED)
        if isinstance(raw, NoRecord):
            raise damaged(fix_id, str(raw))
        return decode(fix_id, raw)
    except JournalError as problem:
        return Record(fix_id, 0, State.UNREADABLE, problem=str(problem))


def _ours(names: Iterable[str], *, inside: bool = False) -> list[str]:
    """Our files in a fix's folder or, with `inside`, among its old contents; the record last."""
    ours = [
        name
        for name in names
        if _TEMPORARY.fullmatch(name) or (KEPT_NAME.fullmatch(f"{BEFORE}/{name}") if inside else name in (RECORD, DIFF))
    ]
    return sorted(ours, key=lambda name: name == RECORD)


def _is_directory(tree: Tree, path: PurePosixPath) -> bool:
    """True if `path` is a directory, not a link to one."""
    try:
        entry = tree.lentry(path) if tree.resolve(path, follow_last=False) == path else None
    except (LinkLoop, NotCaptured):
        return False
    return entry is not None and entry.is_dir


def by_time(fix_id: str) -> tuple[str, int]:
    """Sort key: orders the names of fixes by their start time, as the clock gave it."""
    stamp, _, again = fix_id.partition("-")
    return stamp, int(again or 1)


def _checked(name: str) -> str:
    if name not in (RECORD, DIFF) and not KEPT_NAME.fullmatch(name):
        raise JournalError(f"{name!r} is not the name of a file of the undo log")
    return name


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""A target in memory: the protocol over a tree, with room, hard links, flags, and a hook that may fail or kill.

A real second implementation, not a mock: it keeps to what `rescue.targets.protocol` says, refuses what a kernel would
refuse, and is compared with a real directory in tests/system/test_undo.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePosixPath

from rescue.targets.host.closing import Closing
from rescue.targets.protocol import NoSpace, TargetBusy, TargetError
from rescue.tree import Entry, LinkLoop, NotCaptured, Read, Tree

Hook = Callable[[int, str, PurePosixPath], None]
"""Called before and after each writing step with its number (from 1; two for each step), its name and its path."""

BLOCK = 4096


class Killed(BaseException):
    """The program ends here, without another word, as by SIGKILL."""


class MemoryTarget(Closing):
    """The server's root is `tree`, which follows what is written."""

    method = "memory"

    def __init__(self, tree: Tree, hook: Hook | None = None, *, locked: bool = False) -> None:
        self.name = "memory"
        self.notes: tuple[str, ...] = ()
        self.tree = Tree.of(
            {str(path): _with_blocks(entry) for path in tree.paths() if (entry := tree.lentry(path)) is not None},
            tree.filesystems,
        )
        self.hook = hook
        self.steps: list[tuple[str, PurePosixPath]] = []
        self.synced = True
        self._calls = 0
        self._locked = locked
        self._clock = 2_000_000_000_000_000_000
        self._idents = 1_000_000

    # -- looking ---------------------------------------------------------------------------------------------------

    def capture(self, reads: Iterable[Read]) -> Tree:
        """A snapshot that holds what was asked for and no more."""
        entries: dict[str, Entry] = {}
        covered = []
        for read in reads:
            covered.append(read)
            for path in self._way(read.path):
                self._take(entries, path, None)
            try:
                real = self.tree.resolve(read.path)
            except (LinkLoop, NotCaptured):
                continue
            if str(real) != read.path:
                covered.append(replace(read, path=str(real)))
            self._take(entries, str(real), read.limit if read.content else None)
            depth = len(real.parts)
            for below in self.tree.walk(real) if read.depth else ():
                if len(below.parts) - depth <= read.depth:
                    self._take(entries, str(below), read.limit if read.content else None)
        return Tree(entries, covered, self.tree.filesystems)

    def _way(self, path: str) -> Iterator[str]:
        """Every entry that a look-up of `path` meets."""
        at = ""
        yield "/"
        for part in path.split("/")[1:]:
            here = f"{at}/{part}"
            yield here
            entry = self.tree.lentry(here)
            if entry is None or not entry.is_link:
                at = here
                continue
            try:
                real = self.tree.resolve(here)
            except LinkLoop:
                return
            yield from (str(each) for each in reversed([real, *real.parents]))
            at = str(real)

    def _take(self, entries: dict[str, Entry], path: str, limit: int | None) -> None:
        if path in entries and (limit is None or entries[path].data is not None):
            return
        entry = self.tree.lentry(path)
        if entry is None:
            return
        if limit is None or entry.size > limit:
            entry = replace(entry, data=None)
        entries[path] = entry

    # -- writing ---------------------------------------------------------------------------------------------------

    def put(self, path: PurePosixPath, entry: Entry) -> None:
        if entry.is_file and entry.data is None:
            raise ValueError(f"{path}: no content to write")
        with self._step("put", path):
            self._need_parent(path)
            old = self.tree.lentry(path)
            if old is not None and old.is_dir != entry.is_dir:
                raise TargetError(f"can't write {path}: a directory is in the way, or should be one")
            self._need_room(path, entry, old)
            mtime = self._now() if entry.mtime is None else entry.mtime
            made = replace(entry, mtime=mtime, nlink=1, ident=(0, 0), size=len(entry.data or entry.link))
            if entry.is_file:
                made = replace(made, allocated=_blocks(made.size))
                self._split(old)
            elif old is not None and old.same_content(entry):
                made = replace(made, ident=old.ident, mtime=old.mtime, size=old.size, allocated=old.allocated)
            self._set(path, made)

    def set_metadata(self, path: PurePosixPath, entry: Entry) -> None:
        with self._step("set_metadata", path):
            old = self._need(path)
            if old.kind is not entry.kind:
                raise TargetError(f"{path} is now another kind of file")
            changed = {
                str(name): replace(
                    self._need(name), mode=entry.mode, uid=entry.uid, gid=entry.gid, xattrs=entry.xattrs,
                    flags=entry.flags,
                )
                for name in self.tree.names_of(path)
            }  # fmt: skip
            self.tree = self.tree.with_entries(changed)

    def shorten(self, path: PurePosixPath, keep: int) -> None:
        with self._step("shorten", path):
            old = self._need(path)
            if not old.is_file:
                raise TargetError(f"{path} is not a regular file")
            if keep < old.size:
                data = None if old.data is None and keep else (old.data or b"")[old.size - keep :]
                short = replace(old, size=keep, data=data, allocated=min(old.allocated, _blocks(keep)))
                self.tree = self.tree.with_entries({str(name): short for name in self.tree.names_of(path)})

    def remove(self, path: PurePosixPath) -> None:
        with self._step("remove", path):
            old = self.tree.lentry(path)
            if old is None:
                return
            self._need_parent(path)
            if old.is_dir and self.tree.children(path):
                raise TargetError(f"can't remove {path}: directory not empty")
            self._split(old)
            self._set(path, None)

    def sync(self) -> None:
        with self._step("sync", PurePosixPath("/")):
            self.synced = True

    @contextmanager
    def lock(self) -> Iterator[None]:
        if self._locked:
            raise TargetBusy("another rescue is changing memory right now")
        self._locked = True
        try:
            yield
        finally:
            self._locked = False

    def close(self) -> None:
        """Nothing is held."""

    # -- what a kernel sees to -------------------------------------------------------------------------------------

    @contextmanager
    def _step(self, name: str, path: PurePosixPath) -> Iterator[None]:
        self._call(name, path)
        yield
        self.steps.append((name, path))
        self.synced = name == "sync"
        self._call(name, path)

    def _call(self, name: str, path: PurePosixPath) -> None:
        self._calls += 1
        if self.hook is not None:
            self.hook(self._calls, name, path)

    def _need(self, path: PurePosixPath) -> Entry:
        entry = self.tree.lentry(path) if self.tree.resolve(path, follow_last=False) == path else None
        if entry is None:
            raise TargetError(f"can't write {path}: no such file or directory")
        return entry

    def _need_parent(self, path: PurePosixPath) -> None:
        if not self._need(path.parent).is_dir:
            raise TargetError(f"can't write {path}: not a directory")

    def _need_room(self, path: PurePosixPath, entry: Entry, old: Entry | None) -> None:
        """The new file lies beside the old one for a moment."""
        holder = self.tree.filesystem(path)
        if holder is None or (old is not None and not entry.is_file):
            return
        blocks = _blocks(len(entry.data or b"")) if entry.is_file else BLOCK if entry.is_dir else 0
        if blocks > holder.free or (holder.inodes and holder.inodes_free < 1):
            raise NoSpace(f"no room to write {path}: no space left on device")

    def _split(self, old: Entry | None) -> None:
        """One name of a file goes: the others have one less."""
        if old is None or old.nlink < 2:
            return
        for path in self.tree.paths():
            entry = self.tree.lentry(path)
            if entry is not None and entry.ident == old.ident:
                self._set(path, replace(entry, nlink=entry.nlink - 1))

    def _set(self, path: PurePosixPath, entry: Entry | None) -> None:
        if entry is not None and entry.ident == (0, 0):
            self._idents += 1
            entry = replace(entry, ident=(1, self._idents))
        if entry is not None and entry.is_dir:
            entry = replace(entry, allocated=BLOCK)
        self.tree = self.tree.with_entries({str(path): entry})

    def _now(self) -> int:
        self._clock += 1
        return self._clock


def _with_blocks(entry: Entry) -> Entry:
    return replace(entry, allocated=BLOCK) if entry.is_dir else entry


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK

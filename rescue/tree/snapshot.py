"""The snapshot itself: look-ups as the kernel makes them after chroot(2), and changed copies."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, TypeVar

from rescue.tree.change import Action, Change
from rescue.tree.devices import Devices
from rescue.tree.entry import SELINUX, Entry, FileSystem, Kind, directory, file
from rescue.tree.paths import AnyPath, bytes_of, key_of, matcher, parent_of, parents_of
from rescue.tree.reads import NotCaptured, Read, ReadError, as_wide

T = TypeVar("T")

MAX_LINKS = 40
"""How many symbolic links one look-up may follow: the kernel's MAXSYMLINKS (path_resolution(7))."""


MAX_FOLDERS = 1_000
"""How many directories one pattern may search."""


class TooManyDirectories(ValueError):
    """A pattern matches files in more directories than any configuration has."""


class LinkLoop(OSError):
    """More than `MAX_LINKS` symbolic links were met (the kernel's ELOOP)."""


class Tree:
    """The snapshot. Immutable: every method that changes something returns a new tree that shares the rest.

    Look-ups cost one dictionary access per path component; a changed tree costs one copy of the dictionary.
    """

    __slots__ = (
        "_above",
        "_children",
        "_covered",
        "_entries",
        "_everything",
        "_kept",
        "devices",
        "edited",
        "filesystems",
    )

    def __init__(
        self,
        entries: Mapping[str, Entry],
        reads: Iterable[Read] = (),
        filesystems: Iterable[FileSystem] = (),
        devices: Devices | None = None,
    ) -> None:
        self._entries: dict[str, Entry] = dict(entries)
        self._covered: dict[str, tuple[Read, ...]] = {}
        self._above: set[str] = set()
        for read in reads:
            known = self._covered.get(read.path, ())
            if not any(as_wide(each, read) for each in known):
                self._covered[read.path] = (*(each for each in known if not as_wide(read, each)), read)
            self._above.update(parents_of(read.path))
        self.edited = False
        """Whether something was changed in memory since it was captured: a repair that is being tried."""
        self._everything = False
        self._children: dict[str, tuple[str, ...]] | None = None
        self._kept: dict[Hashable, Any] = {}
        self.filesystems: tuple[FileSystem, ...] = tuple(sorted(filesystems, key=lambda each: each.mount))
        self.devices = devices
        """The devices that can be mounted, as far as the target shows them; None if it shows none."""

    @classmethod
    def of(
        cls,
        entries: Mapping[str, Entry | str | bytes],
        filesystems: Iterable[FileSystem] = (),
        devices: Devices | None = None,
    ) -> Tree:
        """A whole tree from a literal: text and bytes become root's files of mode 0644, parents become directories.

        Everything that is not named does not exist.
        """
        made: dict[str, Entry] = {"/": directory()}
        for path, value in entries.items():
            entry = value if isinstance(value, Entry) else file(value)
            for parent in parents_of(path):
                made.setdefault(parent, directory())
            made[path] = entry
        tree = cls(made, (Read("/"),), filesystems, devices)
        tree._everything = True
        return tree

    # -- what was captured -------------------------------------------------------------------------------------

    @property
    def reads(self) -> tuple[Read, ...]:
        """What was captured, by path."""
        return tuple(read for path in sorted(self._covered) for read in self._covered[path])

    @property
    def unread(self) -> tuple[PurePosixPath, ...]:
        """What was requested but not read: it is larger than the limit, or unreadable (`Entry.error`)."""
        return tuple(
            PurePosixPath(path)
            for path in sorted(self._entries)
            if (entry := self._entries[path]).error
            or (entry.is_file and entry.data is None and self._asked_for(path, 0, content=True))
        )

    @property
    def errors(self) -> tuple[tuple[PurePosixPath, str], ...]:
        """What could not be read, and why, by path."""
        return tuple((PurePosixPath(path), why) for path in sorted(self._entries) if (why := self._entries[path].error))

    @property
    def held(self) -> int:
        """Bytes of content that the snapshot holds."""
        return sum(len(entry.data) for entry in self._entries.values() if entry.data is not None)

    def covers(self, path: AnyPath, depth: int = 0, content: bool = False) -> bool:
        """Whether the entry at `path`, `depth` levels below it and (if asked) their content were captured."""
        if self._everything:
            return True
        key = key_of(path)
        known = self._entries.get(key)
        if depth == 0 and (known is not None or key in self._above) and not (content and (not known or known.is_file)):
            return True
        return self._asked_for(key, depth, content=content) or self._absent_above(key)

    def _asked_for(self, key: str, depth: int, *, content: bool) -> bool:
        """True if a read of `key`, or of a directory above it, reaches `depth` levels below `key`."""
        at, level = key, 0
        while True:
            for read in self._covered.get(at, ()):
                if read.depth >= level + depth and (read.content or not content):
                    return True
            if at == "/":
                return False
            at, level = parent_of(at), level + 1

    def require(self, *reads: Read) -> None:
        """Raise one `NotCaptured` for all of `reads` that the snapshot does not hold (links in them followed)."""
        missing = []
        for read in reads:
            try:
                path = self._walk(key_of(read.path), True)
            except (NotCaptured, LinkLoop) as problem:
                if isinstance(problem, NotCaptured):
                    missing.append(read)
                continue
            if not self.covers(path, read.depth, read.content):
                missing.append(read if path == read.path else replace(read, path=path))
        if missing:
            raise NotCaptured(*missing)

    def holds(self, read: Read) -> bool:
        """Whether `require` would say nothing."""
        try:
            self.require(read)
        except NotCaptured:
            return False
        return True

    def _absent_above(self, key: str) -> bool:
        """True if a captured parent of `key` does not exist or is not a directory, so that nothing can be below it."""
        at = key
        while at != "/":
            at = parent_of(at)
            entry = self._entries.get(at)
            if entry is not None:
                return not entry.is_dir and not entry.is_link
            if at in self._above or at in self._covered:
                return True
        return False

    # -- look-ups ----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, path: AnyPath) -> bool:
        return self.entry(path) is not None

    def paths(self) -> tuple[PurePosixPath, ...]:
        """Every captured path, sorted."""
        return tuple(PurePosixPath(path) for path in sorted(self._entries))

    @property
    def captured(self) -> tuple[tuple[str, Entry], ...]:
        """Every entry as captured, by path, including unreadable ones. For copying the whole tree."""
        return tuple(sorted(self._entries.items()))

    def resolve(self, path: AnyPath, *, follow_last: bool = True) -> PurePosixPath:
        """The real path, with every link followed inside the root; missing components are kept as named.

        Raises `LinkLoop`, and `NotCaptured` if a link or a directory on the way is not in the snapshot.
        """
        return PurePosixPath(self._walk(key_of(path), follow_last))

    def _walk(self, key: str, follow_last: bool) -> str:
        entries = self._entries
        known = entries.get(key)
        if known is not None and not (follow_last and known.is_link):
            return key  # only real paths have entries, so there are no links in it
        at, left, followed = "/", [part for part in reversed(key.split("/")) if part], 0
        while left:
            part = left.pop()
            if part == ".":
                continue
            if part == "..":
                # The kernel looks ".." up in a directory: below a file or nothing there is no way up.
                stands = at == "/" or ((known := entries.get(at)) is not None and known.is_dir)
                at = parent_of(at) if stands else at + "/.."
                continue
            here = (at if at != "/" else "") + "/" + part
            entry = entries.get(here)
            if entry is None and not self.covers(here):
                raise NotCaptured(Read(here, depth=0))
            if left and (entry is None or entry.kind is Kind.UNKNOWN):
                self._known(here, entry)
            if entry is not None and entry.is_link and (left or follow_last):
                followed += 1
                if followed > MAX_LINKS:
                    raise LinkLoop(f"too many levels of symbolic links: {key}")
                if entry.link.startswith("/"):
                    at = "/"
                left.extend(piece for piece in reversed(entry.link.split("/")) if piece)
                continue
            at = here
        return at

    def entry(self, path: AnyPath) -> Entry | None:
        """What is at `path`, links followed, as by stat(2); None if nothing is, or if the links form a loop."""
        return self._look(path, follow_last=True)

    def lentry(self, path: AnyPath) -> Entry | None:
        """What is at `path`, the last link not followed, as of lstat(2)."""
        return self._look(path, follow_last=False)

    def _look(self, path: AnyPath, *, follow_last: bool) -> Entry | None:
        return self._at(path, follow_last=follow_last)[1]

    def _at(self, path: AnyPath, *, follow_last: bool) -> tuple[str, Entry | None]:
        """The real path, and what is there."""
        try:
            real = self._walk(key_of(path), follow_last)
        except LinkLoop:
            return "", None
        found = self._entries.get(real)
        if found is None and not self.covers(real):
            raise NotCaptured(Read(real, depth=0))
        self._known(real, found)
        return real, found

    def _known(self, real: str, found: Entry | None) -> None:
        """Raise `ReadError` if what is, or is not, at `real` can't be trusted because it could not be read."""
        if found is None:
            above = self._entries.get(parent_of(real))
            if above is not None and above.error:
                raise ReadError(parent_of(real), above.error)
        elif found.kind is Kind.UNKNOWN:
            raise ReadError(real, found.error)

    def data(self, path: AnyPath) -> bytes | None:
        """A regular file's bytes; None if it does not exist or is not a regular file. Raises `ReadError` where it is
        there, and its content could not be read or is larger than what was asked for."""
        real, found = self._at(path, follow_last=True)
        if found is None or not found.is_file:
            return None
        if found.data is None:
            if not self.covers(real, content=True):
                raise NotCaptured(Read(real, depth=0))
            raise ReadError(real, found.error or f"it has {found.size:,} bytes")
        return found.data

    def data_if_read(self, path: AnyPath) -> bytes | None:
        """`data` for callers that handle unreadable files themselves: None for those, too."""
        try:
            return self.data(path)
        except ReadError:
            return None

    def text_if_read(self, path: AnyPath) -> str | None:
        """`text`, likewise."""
        raw = self.data_if_read(path)
        return None if raw is None else raw.decode("utf-8", "surrogateescape")

    def text(self, path: AnyPath) -> str | None:
        """`data` as UTF-8; invalid bytes are kept with surrogateescape, so writing the text back is lossless."""
        raw = self.data(path)
        return None if raw is None else raw.decode("utf-8", "surrogateescape")

    def children(self, path: AnyPath) -> tuple[str, ...]:
        """The names in a directory (links followed), sorted by bytes as by strcmp(3); () if it is not a directory."""
        try:
            real = self._walk(key_of(path), True)
        except LinkLoop:
            return ()
        found = self._entries.get(real)
        if found is not None and found.kind is not Kind.UNKNOWN and not found.is_dir:
            return ()
        if not self.covers(real, depth=1):
            raise NotCaptured(Read(real, depth=1))
        self._known(real, found)
        if found is not None and found.error:
            raise ReadError(real, found.error)
        return self._index().get(real, ())

    def _index(self) -> dict[str, tuple[str, ...]]:
        if self._children is None:
            names: dict[str, list[str]] = {}
            for path in self._entries:
                if path != "/":
                    head, _, name = path.rpartition("/")
                    names.setdefault(head or "/", []).append(name)
            self._children = {parent: tuple(sorted(found, key=bytes_of)) for parent, found in names.items()}
        return self._children

    def glob(self, pattern: str) -> tuple[PurePosixPath, ...]:
        """The paths that match, sorted by bytes: ``*``, ``?`` and ``[]`` as in glob(7), no hidden names unless asked.

        Links in the paths are not resolved. Raises `TooManyDirectories` for a pattern that searches half the disk, and
        one `NotCaptured` for everything that is missing.
        """
        found = [""]
        pieces = [piece for piece in pattern.split("/") if piece]
        for at, part in enumerate(pieces):
            step: list[str] = []
            missing: list[Read] = []
            fits = matcher(part) if any(mark in part for mark in "*?[") else None
            if len(found) > MAX_FOLDERS:
                raise TooManyDirectories(pattern)
            for base in found:
                try:
                    if fits is None:
                        step += [f"{base}/{part}"] if self.lentry(f"{base}/{part}") is not None else []
                        continue
                    names = self.children(base or "/")
                except NotCaptured as problem:
                    # Request file contents only if few files match.
                    content = len(found) == 1 and at == len(pieces) - 1
                    missing += [replace(read, content=content) for read in problem.reads]
                    continue
                hidden = part.startswith(".")
                step += [f"{base}/{name}" for name in names if (hidden or name[0] != ".") and fits.match(name)]
            if missing:
                raise NotCaptured(*dict.fromkeys(missing))
            found = step
        return tuple(PurePosixPath(path or "/") for path in sorted(found, key=bytes_of))

    def walk(self, path: AnyPath) -> tuple[PurePosixPath, ...]:
        """Every path captured strictly below `path` (links at `path` followed), parents before children."""
        try:
            real = self._walk(key_of(path), True)
        except LinkLoop:
            return ()
        index, found, left = self._index(), [], [real]
        while left:
            at = left.pop()
            base = "" if at == "/" else at
            for name in index.get(at, ()):
                found.append(f"{base}/{name}")
                left.append(f"{base}/{name}")
        return tuple(PurePosixPath(each) for each in sorted(found))

    def names_of(self, path: AnyPath) -> tuple[PurePosixPath, ...]:
        """Every captured name of the file at `path`: more than one where hard links were captured."""
        found = self.lentry(path)
        if found is None:
            return ()
        if found.nlink < 2 or found.ident == (0, 0):
            return (PurePosixPath(key_of(path)),)
        return tuple(PurePosixPath(name) for name in sorted(self._entries) if self._entries[name].ident == found.ident)

    def filesystem(self, path: AnyPath) -> FileSystem | None:
        """The file system that holds `path`: the one with the longest mount point above it."""
        key = key_of(path)
        best = None
        for each in self.filesystems:
            inside = each.mount == "/" or key == each.mount or key.startswith(each.mount + "/")
            if inside and (best is None or len(each.mount) > len(best.mount)):
                best = each
        return best

    # -- changed trees -----------------------------------------------------------------------------------------

    def with_entries(self, changed: Mapping[str, Entry | None], *, edited: bool = True) -> Tree:
        """This tree with some entries put or (None) removed; keys are real paths. Free space follows.

        edited: whether this is a change of the server (see `edited`), and not of what is shown of it.
        """
        entries = dict(self._entries)
        filesystems = {each.mount: each for each in self.filesystems}
        for path, entry in changed.items():
            old = entries.pop(path, None)
            if entry is not None:
                entries[path] = entry
            holder = self.filesystem(path)
            if holder is None:
                continue
            inodes = (old is not None and old.nlink < 2) - (entry is not None and (old is None or old.nlink < 2))
            if old is not None and old.nlink > 1 and entry is None:
                gained = 0
            else:
                gained = (old.allocated if old else 0) - (entry.allocated if entry else 0)
            filesystems[holder.mount] = filesystems[holder.mount].with_freed(gained, inodes)
        made = Tree.__new__(Tree)
        made._entries = entries
        made._covered = self._covered
        made._above = self._above
        made._everything = self._everything
        made.edited = self.edited or edited
        made._children = None
        made._kept = {}
        made.devices = self.devices
        made.filesystems = tuple(filesystems[mount] for mount in sorted(filesystems))
        return made

    def write(
        self,
        path: AnyPath,
        data: bytes | str,
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> Tree:
        """A tree in which the file at `path` (links followed) holds `data`.

        Owner, mode and xattrs of an existing file stay unless given. A new file is root's, 0644, with the SELinux
        label of a sibling; missing directories above it are root's, 0755.
        """
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        real = self._walk(key_of(path), True)
        old = self._entries.get(real)
        if old is None and not self.covers(real):
            raise NotCaptured(Read(real, depth=0))
        self._known(real, old)
        if old is not None and not old.is_file:
            raise IsADirectoryError(real) if old.is_dir else FileExistsError(real)
        if old is not None and old.data is None:
            # Unknown content can't be replaced: undo could not restore it.
            if not self.covers(real, content=True) and not old.error:
                raise NotCaptured(Read(real, depth=0))
            raise ReadError(real, old.error or f"it has {old.size:,} bytes")
        if "/../" in real:
            raise FileNotFoundError(real)
        blocks = -(-len(raw) // 4096) * 4096
        changed: dict[str, Entry | None] = {}
        if old is None:
            for parent in parents_of(real):
                if parent not in self._entries:
                    if not self.covers(parent):
                        raise NotCaptured(Read(parent, depth=0))
                    changed[parent] = replace(directory(), xattrs=self._label(parent, Kind.DIR))
            old = replace(file(b""), xattrs=self._label(real, Kind.FILE))
        changed[real] = replace(
            old,
            data=raw,
            size=len(raw),
            allocated=blocks,
            mode=old.mode if mode is None else mode,
            uid=old.uid if uid is None else uid,
            gid=old.gid if gid is None else gid,
        )
        return self.with_entries(changed)

    def make_dir(self, path: AnyPath, *, mode: int = 0o755, uid: int = 0, gid: int = 0) -> Tree:
        """A tree with a new directory at `path`; unchanged if there is one already."""
        real = self._walk(key_of(path), True)
        if (old := self._entries.get(real)) is not None:
            if not old.is_dir:
                raise FileExistsError(real)
            return self
        changed: dict[str, Entry | None] = {}
        for parent in parents_of(real):
            if parent not in self._entries:
                changed[parent] = replace(directory(), xattrs=self._label(parent, Kind.DIR))
        changed[real] = replace(directory(), mode=mode, uid=uid, gid=gid, xattrs=self._label(real, Kind.DIR))
        return self.with_entries(changed)

    def make_link(self, path: AnyPath, target: str) -> Tree:
        """A tree with a symbolic link at `path`, which replaces anything but a directory."""
        real = self._walk(key_of(path), False)
        old = self._entries.get(real)
        if old is not None and old.is_dir:
            raise IsADirectoryError(real)
        made = Entry(Kind.LINK, 0o777, size=len(target), link=target, xattrs=self._label(real, Kind.LINK))
        changed: dict[str, Entry | None] = {
            parent: replace(directory(), xattrs=self._label(parent, Kind.DIR))
            for parent in parents_of(real)
            if parent not in self._entries
        }
        changed[real] = made
        return self.with_entries(changed)

    def set_mode(
        self, path: AnyPath, *, mode: int | None = None, uid: int | None = None, gid: int | None = None
    ) -> Tree:
        """A tree in which the entry at `path` (links followed) has another mode or owner. FileNotFoundError if none."""
        real = self._walk(key_of(path), True)
        old = self._entries.get(real)
        if old is None:
            raise FileNotFoundError(real)
        changed = replace(
            old,
            mode=old.mode if mode is None else mode,
            uid=old.uid if uid is None else uid,
            gid=old.gid if gid is None else gid,
        )
        return self.with_entries(dict.fromkeys((str(name) for name in self.names_of(real)), changed))

    def shorten(self, path: AnyPath, keep: int) -> Tree:
        """A tree in which the file at `path` holds only its last `keep` bytes. Its content need not be captured."""
        real = self._walk(key_of(path), True)
        old = self._entries.get(real)
        if old is None or not old.is_file:
            raise FileNotFoundError(real)
        if keep >= old.size:
            return self
        blocks = -(-keep // 4096) * 4096
        data = None if old.data is None else (old.data[-keep:] if keep else b"")
        return self.with_entries({real: replace(old, size=keep, data=data, allocated=min(old.allocated, blocks))})

    def remove(self, *paths: AnyPath) -> Tree:
        """A tree without the entries at `paths` (the last link not followed) and what is below them."""
        changed: dict[str, Entry | None] = {}
        for path in paths:
            real = self._walk(key_of(path), False)
            if real in self._entries:
                changed[real] = None
                if self._entries[real].is_dir:
                    changed.update(dict.fromkeys(str(below) for below in self.walk(real)))
        return self.with_entries(changed)

    def _label(self, path: str, kind: Kind) -> tuple[tuple[str, bytes], ...]:
        """The SELinux label that a new entry gets: that of a sibling of its kind, else of its directory."""
        parent = parent_of(path)
        base = "" if parent == "/" else parent
        siblings = [self._entries[f"{base}/{name}"] for name in self._index().get(parent, ())]
        above = self._entries.get(parent)
        for entry in [*(each for each in siblings if each.kind is kind), *([above] if above else [])]:
            if (label := entry.xattr(SELINUX)) is not None:
                return ((SELINUX, label),)
        return ()

    def merged(self, other: Tree) -> Tree:
        """This tree with what `other`, captured later from the same target, adds to it."""
        entries = dict(self._entries)
        same = True
        for path, entry in other._entries.items():
            known = entries.get(path)
            if known is None or (known.data is None and (entry.data is not None or entry.error)):
                entries[path] = entry
                # Too large for the first request, but read now: answers that said "unreadable" are outdated.
                same = same and (known is None or not self._asked_for(path, 0, content=True))
        filesystems = {each.mount: each for each in (*self.filesystems, *other.filesystems)}
        made = Tree(entries, (*self.reads, *other.reads), filesystems.values(), self.devices or other.devices)
        made.edited = self.edited
        if same:
            made._kept = dict(self._kept)
        return made

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result of `make` on this snapshot, cached; an enlarged snapshot (`merged`) keeps it.

        `key` names everything that `make` depends on besides the snapshot. The result must not hold a snapshot. A
        `NotCaptured` is not cached.
        """
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def since(self, other: Tree) -> tuple[Change, ...]:
        """The changes that lead from `other` to this tree, in the order in which they can be applied.

        First the changes that free space (files before their directories), then writes, parents before children.
        """
        mine, theirs = self._entries, other._entries
        gone: list[Change] = []
        written: list[Change] = []
        for path in mine.keys() | theirs.keys():
            before, after = theirs.get(path), mine.get(path)
            if before is after or (before is not None and after is not None and before.same(after)):
                continue
            change = Change(PurePosixPath(path), before, after)
            (gone if change.action in (Action.REMOVE, Action.SHORTEN) else written).append(change)
        gone.sort(key=lambda change: str(change.path), reverse=True)
        written.sort(key=lambda change: str(change.path))
        return (*gone, *written)

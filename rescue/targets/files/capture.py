"""How a snapshot is taken: which entries, in which order, and which requests it answers.

The same for every kind of target; what a target adds is a `CaptureSource`, which looks at one path or one directory.
Links are resolved here, inside the root, as `rescue.tree.Tree` does, so that no operating system ever follows one.

What a link points to is captured too, in two further rounds: the target's entry (with content, if the link lay in a
read with content and the file is small), a directory one level deep. Whatever else turns out to be needed is asked
for later by `NotCaptured`: a capture that leaves something out says so in the tree's `reads`, and never lies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from rescue.targets.protocol import TargetError
from rescue.tree import MAX_LINKS, Devices, Entry, FileSystem, Read, Tree

MAX_ENTRIES = 200_000
MAX_CONTENT = 256 << 20
"""Bytes of content and extended attributes that one capture holds in memory."""

LARGE = 1 << 20
MAX_LARGE = 128 << 20
"""A file of more than LARGE bytes is read if all such files together have up to MAX_LARGE: text takes a multiple of
its length in memory once it is understood. The others are left unread; they are no reason not to judge the rest."""

NO_CONTENT = -1
"""The limit, in bytes, that asks for no content."""

_LINKED_FILE = 256 << 10
"""A larger file that a link points to is captured without its content: it is a program, not configuration."""
_LINKED_NAMES = 512
_LINKED_CONTENT = 4 << 20


class Budget:
    """The limits left to one capture. Raises TargetError if a disk holds more than any server's configuration."""

    def __init__(self) -> None:
        self.entries = 0
        self.content = 0
        self.large = 0

    def has_room(self, size: int) -> bool:
        """Whether a file of this size may be read in addition to the large ones already held."""
        return size <= LARGE or self.large + size <= MAX_LARGE

    def add_entry(self, path: str) -> None:
        """Count one more entry."""
        self.entries += 1
        self.expect(path, 0)

    def expect(self, path: str, more: int) -> None:
        """Check the limit for `more` entries seen in one directory, in addition to those held."""
        if self.entries + more > MAX_ENTRIES:
            raise TargetError(
                f"there are more than {MAX_ENTRIES:,} files among the configuration, near {path}",
                "Something has filled a configuration directory. Look there, move the surplus away, and try again.",
            )

    def add_bytes(self, path: str, count: int) -> None:
        """Count `count` more bytes."""
        self.content += count
        self.large += count if count > LARGE else 0
        if self.content > MAX_CONTENT:
            raise TargetError(
                f"there are more than {MAX_CONTENT >> 20} MiB of files among the configuration, near {path}",
                "Something has filled a configuration directory. Look there, move the surplus away, and try again.",
            )


class CaptureSource(Protocol):
    """One target's way of looking. Paths are real paths: no component is a link, but for the last one."""

    failed: dict[str, str]
    """Directories whose names could not be listed, or not all of them, and why (strerror(3))."""
    closed: frozenset[str]
    """Directories that are not descended into from above: other machines' and the kernel's file systems."""

    def lookup(self, path: str, limit: int, budget: Budget) -> Entry | None:
        """What is at `path`, as of lstat(2), with the content of a regular file of at most `limit` bytes."""

    def listing(self, path: str, limit: int, budget: Budget) -> list[tuple[str, Entry]]:
        """Every name in the directory `path`, each as by `lookup`."""


class Capture:
    """A snapshot in the making."""

    def __init__(self, source: CaptureSource) -> None:
        self._source = source
        self._budget = Budget()
        self._entries: dict[str, Entry] = {}
        self._absent: set[str] = set()
        self._listed: dict[str, tuple[tuple[str, ...], int]] = {}
        self._descended: dict[str, tuple[int, int]] = {}
        self._links: dict[str, int] = {}
        self._reads: list[Read] = []

    def tree(self, reads: Iterable[Read], filesystems: Iterable[FileSystem], devices: Devices | None = None) -> Tree:
        """The tree of all `reads` and of what their links point to."""
        for read in reads:
            self._add(read)
        self._follow_links(depth=1)
        self._follow_links(depth=0)
        return Tree(self._entries, self._reads, filesystems, devices)

    def _add(self, read: Read) -> None:
        self._reads.append(read)
        limit = read.limit if read.content else NO_CONTENT
        real = self._walk(read.path, limit, read)
        if real is None:
            return
        if real != read.path:
            self._reads.append(replace(read, path=real))
        if self._entries[real].is_dir and read.depth > 0:
            self._descend(real, read.depth, limit)

    # -- one path ------------------------------------------------------------------------------------------------

    def _walk(self, path: str, limit: int, read: Read) -> str | None:
        """The real path of what is at `path`, every entry on the way taken; None if there is nothing, or a loop.

        Where there is nothing, `read` has been answered for the real path of what is missing.
        """
        at, followed = "/", 0
        above, _, name = path.rpartition("/")
        if name not in ("", ".") and (known := self._entries.get(above)) is not None and known.is_dir:
            # Only real paths have entries: the way to this one has been walked.
            at, left = above, [name]
        else:
            left = _pieces(path)
        entry = self._entry(at, NO_CONTENT)
        while left and entry is not None:
            part = left.pop()
            if part == "..":
                at = _parent(at)
                continue
            here = f"{'' if at == '/' else at}/{part}"
            entry = self._entry(here, NO_CONTENT if left else limit)
            if entry is None:
                # So that the tree distinguishes "does not exist" from "not captured", here and below.
                self._reads.append(Read(here, depth=0) if left else replace(read, path=here))
                return None
            if entry.is_link:
                followed += 1
                if followed > MAX_LINKS:
                    return None
                at = "/" if entry.link.startswith("/") else at
                left.extend(_pieces(entry.link))
                continue
            if left and not entry.is_dir:
                return None
            at = here
        return at if entry is not None else None

    def _entry(self, path: str, limit: int) -> Entry | None:
        known = self._entries.get(path)
        if known is not None:
            if not _lacks_content(known, limit):
                return known
        elif path in self._absent or _parent(path) in self._listed:
            return None
        found = self._source.lookup(path, limit, self._budget)
        if found is None:
            self._absent.add(path)
            return known
        self._keep(path, found)
        return found

    def _keep(self, path: str, entry: Entry) -> None:
        known = self._entries.get(path)
        if known is None:
            self._budget.add_entry(path)
            self._entries[path] = entry
        elif known.data is None and (entry.data is not None or entry.error) and not known.error:
            self._entries[path] = entry

    # -- what is below ---------------------------------------------------------------------------------------------

    def _descend(self, path: str, depth: int, limit: int) -> None:
        # A list, not recursion: a hostile disk has directories thousands deep.
        left = [(path, depth)]
        closed = self._source.closed
        while left:
            at, level = left.pop()
            done = self._descended.get(at)
            if done is not None and done[0] >= level and done[1] >= limit:
                continue
            self._descended[at] = (level, limit)
            base = "" if at == "/" else at
            for name in self._names(at, limit):
                child = f"{base}/{name}"
                entry = self._entries[child]
                if entry.is_dir:
                    if level > 1 and child not in closed:
                        left.append((child, level - 1))
                elif entry.is_link:
                    self._links[child] = max(limit, self._links.get(child, NO_CONTENT))

    def _names(self, path: str, limit: int) -> tuple[str, ...]:
        known = self._listed.get(path)
        if known is not None and known[1] >= limit:
            return known[0]
        base = "" if path == "/" else path
        names = []
        for name, entry in self._source.listing(path, limit, self._budget):
            self._keep(f"{base}/{name}", entry)
            names.append(name)
        if (error := self._source.failed.get(path)) is not None:
            self._entries[path] = replace(self._entries[path], error=error)
        self._listed[path] = (tuple(names), limit)
        return self._listed[path][0]

    # -- what links point to -----------------------------------------------------------------------------------------

    def _follow_links(self, depth: int) -> None:
        links, self._links = self._links, {}
        so_far = Tree(self._entries, self._reads)
        for path in sorted(links):
            content = links[path] != NO_CONTENT
            real = self._walk(path, NO_CONTENT, Read(path, depth=0))
            if real is None:
                continue
            entry = self._entries[real]
            if entry.is_dir:
                if depth and not so_far.covers(real, depth=1, content=content):
                    self._list_linked(real, links[path])
                else:
                    self._reads.append(Read(real, depth=0, content=False))
            elif not so_far.covers(real, content=content):
                content = content and entry.size <= min(links[path], _LINKED_FILE)
                if content:
                    self._entry(real, links[path])
                self._reads.append(Read(real, depth=0, content=content, limit=max(links[path], 0)))

    def _list_linked(self, path: str, limit: int) -> None:
        if path in self._source.closed or path == "/":
            return
        names = self._names(path, NO_CONTENT)
        base = "" if path == "/" else path
        entries = [self._entries[f"{base}/{name}"] for name in names]
        total = sum(entry.size for entry in entries if entry.is_file)
        if len(names) > _LINKED_NAMES or total > _LINKED_CONTENT:
            limit = NO_CONTENT
        self._descend(path, 1, limit)
        self._reads.append(Read(path, depth=1, content=limit != NO_CONTENT, limit=max(limit, 0)))


def _pieces(path: str) -> list[str]:
    """The components of a path, the last one first."""
    return [piece for piece in reversed(path.split("/")) if piece not in ("", ".")]


def _lacks_content(entry: Entry, limit: int) -> bool:
    return entry.is_file and entry.data is None and entry.size <= limit


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"

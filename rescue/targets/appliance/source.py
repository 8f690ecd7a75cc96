"""Read files in an appliance: one call for a whole directory, one for a file's content.

Calls cost a fraction of a millisecond to a few; those that start a program in the appliance (read_file, is_file, cat)
cost ten to a hundred times as much, and are not used. Only what lstat has called a regular file is ever opened.
"""

from __future__ import annotations

import errno
import os
import stat
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import replace
from shlex import quote

from rescue.targets.appliance import raw_calls
from rescue.targets.appliance.launch import Handle, error_number
from rescue.targets.files.capture import NO_CONTENT, Budget
from rescue.targets.files.local import KINDS, counts
from rescue.targets.host.openat import raw
from rescue.targets.host.syscalls import APPEND_ONLY, IMMUTABLE
from rescue.targets.protocol import TargetError
from rescue.tree import Entry, Kind

_CHUNK = 2 << 20
"""Bytes read with one call: the protocol's messages are limited to 4 MiB."""

_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

_SINGLE_LOOKUPS = 2
"""So many names of one directory are looked up one by one; then the whole directory is listed, once."""

_BATCH = 64 << 10
"""Bytes of names in one command; the kernel takes 128 KiB in one argument (execve(2))."""


class GuestfsSource:
    """Looks into the file systems mounted in `handle`. Good for one capture: it remembers directories."""

    closed: frozenset[str] = frozenset()

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._directories: dict[str, dict[str, Entry]] = {}
        self._asked: dict[str, int] = {}
        self.failed: dict[str, str] = {}

    def lookup(self, path: str, limit: int, budget: Budget) -> Entry | None:
        above, _, name = path.rpartition("/")
        above = above or "/"
        known = self._directories.get(above)
        if known is None and name:
            self._asked[above] = self._asked.get(above, 0) + 1
            if self._asked[above] > _SINGLE_LOOKUPS:
                known = self._list(above, budget)
        if known is not None and name:
            entry = known.get(name)
        else:
            entry = self._entries(above, [name], budget).get(name) if name else self._root(budget)
        return None if entry is None else self._with_content(path, entry, limit, budget)

    def listing(self, path: str, limit: int, budget: Budget) -> list[tuple[str, Entry]]:
        known = self._directories.get(path)
        if known is None:
            known = self._list(path, budget)
        base = "" if path == "/" else path
        return [(name, self._with_content(f"{base}/{name}", entry, limit, budget)) for name, entry in known.items()]

    def flags(self, entries: Iterable[tuple[str, Entry]]) -> dict[str, int]:
        """The immutable and append-only flags of these entries, for those that have one: by lsattr(1), in bulk.

        libguestfs' own call asks for one file at a time. {} where the appliance has no shell to ask.
        """
        found: dict[str, int] = {}
        for names in _batches(path for path, entry in entries if entry.is_file or entry.is_dir):
            try:
                told = self._handle.debug("sh", [f"lsattr -d -- {names} 2>/dev/null | base64 -w 0"])
            except RuntimeError:
                continue
            for line in b64decode(told).decode("utf-8", "surrogateescape").split("\n"):
                letters, _, name = line.partition(" ")
                bits = IMMUTABLE * ("i" in letters) | APPEND_ONLY * ("a" in letters)
                if bits and name.startswith("/sysroot/"):
                    found[name.removeprefix("/sysroot").rstrip("/") or "/"] = bits
        return found

    # -- one directory -----------------------------------------------------------------------------------------------

    def _list(self, path: str, budget: Budget) -> dict[str, Entry]:
        try:
            names: list[str] = self._handle.ls(path)
        except (UnicodeDecodeError, UnicodeEncodeError):
            try:
                told = raw_calls.names(self._handle, raw(path))
            except OSError as problem:
                return self._unread(path, problem.errno or errno.EIO)
            names = [name.decode("utf-8", "surrogateescape") for name in told]
        except RuntimeError as problem:
            return self._unread(path, error_number(problem))
        budget.expect(path, len(names))
        self._directories[path] = self._entries(path, names, budget)
        return self._directories[path]

    def _unread(self, path: str, number: int) -> dict[str, Entry]:
        if number not in (errno.ENOENT, errno.ENOTDIR):
            self.failed[path] = os.strerror(number)
        self._directories[path] = {}
        return {}

    def _entries(self, path: str, names: list[str], budget: Budget) -> dict[str, Entry]:
        if not is_text(path):
            return self._odd_entries(path, names, budget)
        plain = [name for name in names if is_text(name)]
        try:
            stats = list(self._handle.lstatnslist(path, plain)) if plain else []
        except RuntimeError as problem:
            if error_number(problem) not in _NOT_THERE:
                self.failed[path] = os.strerror(error_number(problem))
            return {}
        links = [
            name for name, told in zip(plain, stats, strict=True) if told["st_ino"] != -1 and _kind(told) is Kind.LINK
        ]
        there = [name for name, told in zip(plain, stats, strict=True) if told["st_ino"] != -1]
        try:
            targets = dict(zip(links, self._handle.readlinklist(path, links), strict=True)) if links else {}
            xattrs = self._xattrs(path, there, budget)
        except UnicodeDecodeError:
            # A link's target or an attribute's name is not UTF-8.
            return self._odd_entries(path, names, budget)
        found = {
            name: _entry(told, targets.get(name, ""), xattrs.get(name, ()))
            for name, told in zip(plain, stats, strict=True)
            if told["st_ino"] != -1
        }
        for name, told in zip(plain, stats, strict=True):
            if told["st_ino"] == -1 and (unknown := self._not_seen(path, name)) is not None:
                found[name] = unknown
        odd = [name for name in names if not is_text(name)]
        return found | self._odd_entries(path, odd, budget) if odd else found

    def _not_seen(self, path: str, name: str) -> Entry | None:
        """The entry for a name that could not be read with the others; nothing if the kernel says that it is gone."""
        try:
            self._handle.lstatns(f"{'' if path == '/' else path}/{name}")
        except RuntimeError as problem:
            number = error_number(problem)
            return None if number in _NOT_THERE else Entry(Kind.UNKNOWN, 0, error=os.strerror(number))
        return None

    def _xattrs(self, path: str, names: list[str], budget: Budget) -> dict[str, tuple[tuple[str, bytes], ...]]:
        if not names:
            return {}
        try:
            told = self._handle.lxattrlist(path, names)
        except RuntimeError:
            return {}
        # A flat list: for each name an item without a name whose value is the count of those that follow.
        found, at = {}, 0
        for name in names:
            count = int(told[at]["attrval"].rstrip(b"\0") or b"0")
            items = told[at + 1 : at + 1 + count]
            at += 1 + count
            pairs = tuple(sorted((item["attrname"], item["attrval"]) for item in items if counts(item["attrname"])))
            if pairs:
                budget.add_bytes(f"{path}/{name}", sum(len(value) for _, value in pairs))
                found[name] = pairs
        return found

    def _odd_entries(self, path: str, names: list[str], budget: Budget) -> dict[str, Entry]:
        """The same, one by one, with names as bytes."""
        found = {}
        for name in names:
            where = raw("" if path == "/" else path) + b"/" + raw(name)
            try:
                told = raw_calls.lstat(self._handle, where)
                link = b""
                if _kind(told) is Kind.LINK:
                    link = raw_calls.readlink(self._handle, where)
                listed = raw_calls.xattrs(self._handle, where)
            except OSError as problem:
                if problem.errno not in _NOT_THERE:
                    found[name] = Entry(Kind.UNKNOWN, 0, error=problem.strerror or str(problem))
                continue
            pairs = sorted((each.decode("utf-8", "surrogateescape"), value) for each, value in listed)
            kept = tuple((each, value) for each, value in pairs if counts(each))
            budget.add_bytes(path, sum(len(value) for _, value in kept))
            found[name] = _entry(told, link.decode("utf-8", "surrogateescape"), kept)
        return found

    def _root(self, budget: Budget) -> Entry:
        try:
            told = self._handle.lstatns("/")
            xattrs = self._handle.lgetxattrs("/")
        except RuntimeError as problem:
            raise TargetError(
                f"the root directory can't be read: {problem}",
                "The file system may be damaged: fsck",
            ) from problem
        kept = tuple(sorted((each["attrname"], each["attrval"]) for each in xattrs if counts(each["attrname"])))
        budget.add_bytes("/", sum(len(value) for _, value in kept))
        return _entry(told, "", kept)

    # -- content ------------------------------------------------------------------------------------------------

    def _with_content(self, path: str, entry: Entry, limit: int, budget: Budget) -> Entry:
        if not entry.is_file or limit == NO_CONTENT or entry.size > limit or entry.data is not None:
            return entry
        if not budget.has_room(entry.size):
            return entry
        budget.add_bytes(path, entry.size)
        parts: list[bytes] = []
        at = 0
        try:
            while at < entry.size:
                chunk = self._pread(path, min(_CHUNK, entry.size - at), at)
                if not chunk:
                    break
                parts.append(chunk)
                at += len(chunk)
        except (RuntimeError, OSError) as problem:
            return replace(entry, error=str(problem).rpartition(": ")[2])
        if at < entry.size:
            return replace(entry, error="it ends too early")
        return _with_data(entry, b"".join(parts))

    def _pread(self, path: str, count: int, offset: int) -> bytes:
        if is_text(path):
            data: bytes = self._handle.pread(path, count, offset)
            return data
        return raw_calls.pread(self._handle, raw(path), count, offset)


def _batches(paths: Iterable[str]) -> Iterator[str]:
    """The paths in the appliance, quoted for its shell, as many at once as it takes."""
    batch: list[str] = []
    length = 0
    for path in paths:
        # lsattr prints a name as it is: one with a line's end in it could speak for another file.
        if "\n" in path or not is_text(path):
            continue
        batch.append(quote(f"/sysroot{path}"))
        length += len(raw(batch[-1])) + 1
        if length > _BATCH:
            yield " ".join(batch)
            batch, length = [], 0
    if batch:
        yield " ".join(batch)


def is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _kind(told: dict[str, int]) -> Kind:
    return KINDS[stat.S_IFMT(told["st_mode"])]


def _entry(told: dict[str, int], link: str, xattrs: tuple[tuple[str, bytes], ...]) -> Entry:
    kind = _kind(told)
    return Entry(
        kind,
        stat.S_IMODE(told["st_mode"]),
        told["st_uid"],
        told["st_gid"],
        told["st_size"],
        told["st_mtime_sec"] * 1_000_000_000 + told["st_mtime_nsec"],
        told["st_nlink"],
        None,
        link,
        xattrs,
        (told["st_dev"], told["st_ino"]),
        told["st_blocks"] * 512,
        0,
        told["st_rdev"] if kind in (Kind.BLOCK, Kind.CHAR) else 0,
    )


def _with_data(entry: Entry, data: bytes) -> Entry:
    return Entry(
        entry.kind, entry.mode, entry.uid, entry.gid, len(data), entry.mtime, entry.nlink, data, entry.link,
        entry.xattrs, entry.ident, entry.allocated, entry.flags, entry.rdev,
    )  # fmt: skip

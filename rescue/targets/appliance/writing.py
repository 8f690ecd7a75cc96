"""Change one entry through libguestfs, so that a kill or a power cut leaves the old state or the new one.

This API has no fsync(2) of a file: everything is synchronised before the rename that makes it valid.
"""

from __future__ import annotations

import errno
import os
import secrets
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath

from rescue.targets.appliance.launch import Handle, error_number
from rescue.targets.appliance.source import GuestfsSource, is_text
from rescue.targets.files.capture import NO_CONTENT, Budget
from rescue.targets.files.collapse_head import NEAR
from rescue.targets.files.local import FLAGS
from rescue.targets.files.writing import OWN_BUSINESS, explained
from rescue.targets.host.syscalls import APPEND_ONLY, IMMUTABLE
from rescue.targets.protocol import TEMPORARY, TargetError
from rescue.tree import Entry, Kind

_CHUNK = 1 << 20
_ACLS = {"system.posix_acl_access": "access", "system.posix_acl_default": "default"}


class GuestfsWriter:
    """Writes to the file systems mounted in `handle`. Errors come as NoSpace or TargetError."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def put(self, path: PurePosixPath, entry: Entry) -> None:
        """See `rescue.targets.protocol.Target.put`."""
        if entry.is_file and entry.data is None:
            raise ValueError(f"{path}: no content to write")
        with self._errors(path):
            old = self._look(str(path))
            if old is not None and _is_the_same(old, entry):
                self._change(path, old, entry)
                return
            if old is not None and (old.is_dir or entry.is_dir):
                raise TargetError(f"{path} is another kind of file by now", "Run rescue inspect again.")
            self._unprotected(path, lambda: self._exchange(path, old, entry))
            if entry.flags & FLAGS:
                self._set_flags(str(path), entry.flags)

    def set_metadata(self, path: PurePosixPath, entry: Entry) -> None:
        """See `rescue.targets.protocol.Target.set_metadata`."""
        with self._errors(path):
            old = self._look(str(path))
            if old is None or old.kind is not entry.kind:
                raise TargetError(f"{path} is another kind of file by now", "Run rescue inspect again.")
            self._change(path, old, entry)

    def shorten(self, path: PurePosixPath, keep: int) -> None:
        """See `rescue.targets.protocol.Target.shorten`: the tail is copied to the front, then the rest cut off."""
        with self._errors(path):
            old = self._look(str(path))
            if old is None or not old.is_file:
                raise TargetError(f"{path} is not a regular file")
            if keep < old.size:
                flags = self._unprotected(path, lambda: self._move_to_front(str(path), old.size, max(keep, 0)))
                if flags:
                    self._set_flags(str(path), flags)

    def remove(self, path: PurePosixPath) -> None:
        """See `rescue.targets.protocol.Target.remove`."""
        with self._errors(path):
            old = self._look(str(path))
            if old is not None:
                gone = self._handle.rmdir if old.is_dir else self._handle.rm
                self._unprotected(path, lambda: gone(str(path)))

    def sync(self) -> None:
        """See `rescue.targets.protocol.Target.sync`."""
        with self._errors(PurePosixPath("/")):
            self._handle.sync()

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _look(self, path: str) -> Entry | None:
        if not is_text(path):
            raise TargetError(
                f"{path!r} has a name that is not UTF-8, which libguestfs can't change",
                "Mount the disk and name its directory; or, as root, use --backend kernel.",
            )
        source, budget = GuestfsSource(self._handle), Budget()
        for above in reversed(PurePosixPath(path).parents):
            entry = source.lookup(str(above), NO_CONTENT, budget)
            if entry is None:
                return None
            if not entry.is_dir:
                raise explained(PurePosixPath(path), OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
        return source.lookup(path, NO_CONTENT, budget)

    def _exchange(self, path: PurePosixPath, old: Entry | None, entry: Entry) -> None:
        handle, temporary = self._handle, str(path.parent / f"{TEMPORARY}{secrets.token_hex(8)}")
        try:
            self._make(temporary, entry)
            if old is not None and old.is_file and entry.is_file:
                # Binary values can only be copied: the call that sets one takes text.
                handle.copy_attributes(str(path), temporary, xattributes=True)
            made = self._look(temporary)
            if made is None:
                raise TargetError(f"{temporary} is gone", "Run rescue inspect again.")
            self._metadata(temporary, made, entry)
            if entry.is_file and entry.mtime is not None:
                seconds, rest = divmod(entry.mtime, 1_000_000_000)
                handle.utimens(temporary, seconds, rest, seconds, rest)
            handle.sync()
            handle.rename(temporary, str(path))
        except BaseException:
            with suppress(RuntimeError):
                (handle.rmdir if entry.is_dir else handle.rm)(temporary)
            raise

    def _make(self, path: str, entry: Entry) -> None:
        handle = self._handle
        if entry.is_file:
            data = entry.data or b""
            handle.write(path, b"")
            at = 0
            while at < len(data):
                at += handle.pwrite(path, data[at : at + _CHUNK], at)
        elif entry.is_dir:
            handle.mkdir_mode(path, 0o700)
        elif entry.is_link:
            if not is_text(entry.link):
                raise TargetError(f"the link's target {entry.link!r} is not UTF-8, which libguestfs can't write")
            handle.ln_s(entry.link, path)
        elif entry.kind is Kind.FIFO:
            handle.mkfifo(0o600, path)
        elif entry.kind in (Kind.BLOCK, Kind.CHAR):
            make = handle.mknod_b if entry.kind is Kind.BLOCK else handle.mknod_c
            make(0o600, entry.rdev >> 8 & 0xFFF, (entry.rdev & 0xFF) | (entry.rdev >> 12 & 0xFFF00), path)
        else:
            raise TargetError("libguestfs can't make a socket", "The program that uses a socket creates it again.")

    def _change(self, path: PurePosixPath, old: Entry, entry: Entry) -> None:
        self._unprotected(path, lambda: self._metadata(str(path), old, entry))
        if entry.flags & FLAGS:
            self._set_flags(str(path), entry.flags)

    def _metadata(self, path: str, old: Entry, entry: Entry) -> None:
        """Owner, then xattrs, then mode: a change of owner takes set-user-ID bits and capabilities away."""
        if (old.uid, old.gid) != (entry.uid, entry.gid):
            self._handle.lchown(entry.uid, entry.gid, path)
            old = self._look(path) or old
        self._set_xattrs(path, old, entry)
        if not entry.is_link:
            self._handle.chmod(entry.mode, path)

    def _set_xattrs(self, path: str, old: Entry, entry: Entry) -> None:
        wanted = {name: value for name, value in entry.xattrs if name not in OWN_BUSINESS}
        present = {name: value for name, value in old.xattrs if name not in OWN_BUSINESS}
        for name in present.keys() - wanted.keys() - {"security.selinux"}:
            if name in _ACLS:
                self._drop_acl(path, name)
            else:
                self._handle.lremovexattr(name, path)
        for name, value in wanted.items():
            if present.get(name) == value:
                continue
            if name in _ACLS:
                self._handle.acl_set_file(path, _ACLS[name], acl_text(value))
            elif 0 not in value[:-1] and is_text(text := value.rstrip(b"\0").decode("utf-8", "surrogateescape")):
                self._handle.lsetxattr(name, text, len(value), path)
            else:
                raise TargetError(
                    f"libguestfs can't set the attribute {name} of {path}",
                    "Mount the disk and name its directory; or, as root, use --backend kernel.",
                )

    def _drop_acl(self, path: str, name: str) -> None:
        if _ACLS[name] == "default":
            self._handle.acl_delete_def_file(path)
        else:
            self._handle.lremovexattr(name, path)

    def _move_to_front(self, path: str, size: int, keep: int) -> None:
        handle = self._handle
        start = size - keep
        if keep:
            first = max(0, start - NEAR)
            before: bytes = handle.pread(path, start - first, first)
            at = before.rfind(b"\n")
            start = first + at + 1 if at >= 0 else start
            read, written = start, 0
            while read < size:
                chunk: bytes = handle.pread(path, min(_CHUNK, size - read), read)
                if not chunk:
                    break
                read += len(chunk)
                while chunk:
                    count: int = handle.pwrite(path, chunk, written)
                    chunk, written = chunk[count:], written + count
            # The copy is on the disk before its source is cut off.
            handle.sync()
            handle.truncate_size(path, written)
        else:
            handle.truncate_size(path, 0)

    # -- immutable and append-only -------------------------------------------------------------------------------------

    def _unprotected(self, path: PurePosixPath, action: Callable[[], object]) -> int:
        """Do `action`; if a flag of the file or its directory forbids it, take the flag off for as long.

        Returns the flags that were taken off the file; they are not put on again, but after a failure.
        """
        try:
            action()
            return 0
        except RuntimeError as problem:
            if error_number(problem) not in (errno.EPERM, errno.EACCES):
                raise
        parent = str(path.parent)
        own, above = self._flags(str(path)), self._flags(parent)
        try:
            for each, flags in ((str(path), own), (parent, above)):
                if flags:
                    self._set_flags(each, 0)
            action()
        except BaseException:
            if own:
                with suppress(RuntimeError):
                    self._set_flags(str(path), own)
            raise
        finally:
            if above:
                self._set_flags(parent, above)
        return own

    def _flags(self, path: str) -> int:
        try:
            letters: str = self._handle.get_e2attrs(path)
        except RuntimeError:
            return 0
        return IMMUTABLE * ("i" in letters) | APPEND_ONLY * ("a" in letters)

    def _set_flags(self, path: str, flags: int) -> None:
        for bit, letter in ((IMMUTABLE, "i"), (APPEND_ONLY, "a")):
            self._handle.set_e2attrs(path, letter, clear=not flags & bit)

    @contextmanager
    def _errors(self, path: PurePosixPath) -> Iterator[None]:
        try:
            yield
        except RuntimeError as problem:
            raise explained(path, OSError(error_number(problem), str(problem).rpartition(": ")[2])) from problem


def _is_the_same(old: Entry, entry: Entry) -> bool:
    """Whether only owner, mode and xattrs may have to change: a directory, or a link to the same."""
    return old.kind is entry.kind and (entry.is_dir or (entry.is_link and old.link == entry.link))


def acl_text(value: bytes) -> str:
    """A POSIX ACL as acl(5)'s long text form, from its extended attribute (linux/posix_acl_xattr.h, version 2)."""
    tags = {0x01: "user:", 0x02: "user:", 0x04: "group:", 0x08: "group:", 0x10: "mask:", 0x20: "other:"}
    if len(value) < 4 or struct.unpack_from("<I", value)[0] != 2 or (len(value) - 4) % 8:
        raise TargetError("an access control list can't be read", "See it with getfacl on the mounted disk.")
    lines = []
    for at in range(4, len(value), 8):
        tag, permissions, number = struct.unpack_from("<HHI", value, at)
        if tag not in tags:
            raise TargetError("an access control list can't be read", "See it with getfacl on the mounted disk.")
        who = str(number) if tag in (0x02, 0x08) else ""
        letters = "".join(letter if permissions & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        lines.append(f"{tags[tag]}{who}:{letters}")
    return "\n".join(lines)

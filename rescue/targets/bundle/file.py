"""The file of a support bundle: the relevant files of a server, without secrets, as a gzip-compressed tar.

    bundle.json      the schema, when and of what the bundle was taken, the file systems and how full they are
    reads.jsonl       what was captured, a request on each line: what is not below one was not looked at
    entries.jsonl     every entry, one on each line: kind, mode, owner, times, attributes
    files/etc/...     the content of the regular files that was captured

It comes from an untrusted machine: nothing is unpacked to a disk, every length is bounded, and
anything that rescue could not have written is refused.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

from rescue.space.usage import Usage
from rescue.targets.bundle.values import (
    LISTED,
    PATH_LIMIT,
    as_devices,
    as_entry,
    as_filesystem,
    as_list,
    as_number,
    as_read,
    as_text,
    as_usage,
)
from rescue.targets.files.capture import MAX_CONTENT, MAX_ENTRIES, Budget
from rescue.targets.protocol import TargetError
from rescue.tree import Device, Devices, Entry, FileSystem, Read, Tree
from rescue.version import __version__

SCHEMA = 1
HEAD, READS, ENTRIES, FILES = "bundle.json", "reads.jsonl", "entries.jsonl", "files"

_HEAD_LIMIT = 4 << 20
_LINE_LIMIT = 1 << 20
_LINES_LIMIT = 128 << 20
_UNPACKED_LIMIT = MAX_CONTENT + 2 * _LINES_LIMIT
"""Bytes that are unpacked at most, whatever the file's own length is."""
_BLOCK = 512
_END_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A tree, and what it is of. name, method, notes: the target's, when it was taken. created: UTC, ISO 8601.

    client: the options for whom it was taken, word by word. usages: what fills each file system that was measured.
    """

    tree: Tree
    name: str
    method: str
    created: str
    notes: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    usages: tuple[Usage, ...] = ()


def is_bundle(path: Path) -> bool:
    """Whether the file looks like a bundle. It may still be hostile."""
    try:
        with path.open("rb") as stream, gzip.GzipFile(fileobj=stream) as unpacked:
            head = unpacked.read(512)
    except (OSError, EOFError, zlib.error):
        return False
    return head.startswith(HEAD.encode() + b"\0") and head[257:262] == b"ustar"


# -- writing ----------------------------------------------------------------------------------------------------------


def write_bundle(stream: IO[bytes], bundle: Bundle) -> None:
    """Write `bundle`, whose secrets have been left out already."""
    tree = bundle.tree
    entries = tree.captured
    with (
        gzip.GzipFile("", "wb", 6, stream, 0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT, errors="surrogateescape") as made,
    ):
        _add(made, HEAD, json.dumps(_head(bundle), indent=2).encode() + b"\n")
        _add(made, READS, _as_lines({**_plain(read)} for read in tree.reads))
        _add(made, ENTRIES, _as_lines(_entry(path, entry) for path, entry in entries))
        for path, entry in entries:
            if entry.data is not None:
                _add(made, FILES + path, entry.data, entry.modified // 10**9)


def _add(made: tarfile.TarFile, name: str, data: bytes, mtime: int = 0) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), 0o600, min(max(mtime, 0), 2**33 - 1)
    made.addfile(member, io.BytesIO(data))


def _as_lines(values: Iterable[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(value, separators=(",", ":")).encode() + b"\n" for value in values)


def _head(bundle: Bundle) -> dict[str, object]:
    return {
        "rescue_bundle": SCHEMA,
        "rescue": __version__,
        "created": bundle.created,
        "name": bundle.name,
        "method": bundle.method,
        "notes": list(bundle.notes),
        "client": list(bundle.client),
        "filesystems": [_plain(each) for each in bundle.tree.filesystems],
        "devices": _devices(bundle.tree.devices),
        "usages": [_usage(each) for each in bundle.usages],
    }


def _usage(usage: Usage) -> dict[str, object]:
    largest = sorted(usage.directories, key=lambda each: -each.bytes)[:LISTED]
    return {
        "mount": usage.mount,
        "bytes": usage.bytes,
        "inodes": usage.inodes,
        "complete": usage.complete,
        "directories": [[str(each.path), each.bytes, each.inodes] for each in largest],
        "files": [[str(each.path), each.bytes] for each in usage.files[:LISTED]],
    }


def _devices(devices: Devices | None) -> dict[str, object] | None:
    if devices is None:
        return None
    return {"complete": devices.complete, "found": [_plain(each) for each in devices.found]}


def _entry(path: str, entry: Entry) -> dict[str, object]:
    made = {"path": path, **_plain(entry)}
    del made["data"]
    made["kind"] = str(entry.kind)
    made["content"] = entry.data is not None
    made["xattrs"] = {name: b64encode(value).decode("ascii") for name, value in entry.xattrs}
    return made


def _plain(value: Read | Entry | FileSystem | Device) -> dict[str, object]:
    return {each.name: getattr(value, each.name) for each in fields(value)}


# -- reading ----------------------------------------------------------------------------------------------------------


def read_bundle(path: Path) -> Bundle:
    """The bundle in the file at `path`. Raises TargetError for one that is damaged, or newer than this program."""
    try:
        with path.open("rb") as stream, gzip.GzipFile(fileobj=stream) as unpacked:
            return _read(_Bounded(unpacked))
    except (ValueError, TypeError, LookupError, RecursionError, EOFError, OSError, zlib.error) as problem:
        raise TargetError(
            f"the bundle {path} is damaged: {problem}",
            "Copy it again, or make a new one: rescue capture -o FILE",
        ) from problem


class _Bounded:
    """A stream that is read in exact amounts, and no further than a bundle's maximum size."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = _UNPACKED_LIMIT

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise ValueError("it unpacks to more than any bundle holds")
        found = self._stream.read(size)
        if len(found) != size:
            raise ValueError("it is cut off")
        return found

    def end(self) -> None:
        """Check that only zeros follow. Reading to the end also verifies gzip's checksum."""
        if self._stream.read(_END_LIMIT).strip(b"\0") or self._stream.read(1):
            raise ValueError("there is data after its end")


def _read(members: _Bounded) -> Bundle:
    head = json.loads(_member(members, HEAD, _HEAD_LIMIT))
    if not isinstance(head, dict):
        raise ValueError("its head is not an object")
    schema = as_number(head.get("rescue_bundle"), 1, 1 << 31)
    if schema != SCHEMA:
        raise TargetError(
            f"the bundle was made by a newer rescue ({as_text(head.get('rescue', ''))}), in a format that this one "
            f"({__version__}) can't read",
            "Update rescue here, or make the bundle with the same version.",
        )
    reads = [as_read(each) for each in _lines(_member(members, READS, _LINES_LIMIT))]
    budget = Budget()
    entries: dict[str, Entry] = {}
    wanted: list[str] = []
    for each in _lines(_member(members, ENTRIES, _LINES_LIMIT)):
        path, entry, content = as_entry(each)
        budget.add_entry(path)
        budget.add_bytes(path, sum(len(value) for _, value in entry.xattrs))
        above = entries.get(path.rpartition("/")[0] or "/")
        if path in entries or (path != "/" and (above is None or not above.is_dir)):
            raise ValueError("an entry is listed twice, or its directory is missing")
        entries[path] = entry
        if content:
            wanted.append(path)
    for path in wanted:
        data = _member(members, FILES + path, MAX_CONTENT)
        budget.add_bytes(path, len(data))
        entries[path] = replace(entries[path], data=data)
    members.end()
    filesystems = [as_filesystem(each) for each in as_list(head.get("filesystems"), 10_000)]
    return Bundle(
        Tree(entries, reads, filesystems, as_devices(head.get("devices"))),
        as_text(head.get("name")),
        as_text(head.get("method")),
        as_text(head.get("created")),
        tuple(as_text(each) for each in as_list(head.get("notes"), 1000)),
        tuple(as_text(each) for each in as_list(head.get("client"), 1000)),
        tuple(as_usage(each) for each in as_list(head.get("usages"), 1000)),
    )


def _member(members: _Bounded, name: str, limit: int) -> bytes:
    """The content of the next member, which must be the regular file `name` (tar(5), GNU's form)."""
    wanted, called = name.encode("utf-8", "surrogateescape"), b""
    header = members.read(_BLOCK)
    if header[156:157] == b"L":
        called = _padded(members, _size(header, PATH_LIMIT * 4)).rstrip(b"\0")
        header = members.read(_BLOCK)
    if (called or header[:100].rstrip(b"\0")) != wanted or header[156:157] != b"0":
        raise ValueError("it holds something that no bundle does")
    return _padded(members, _size(header, limit))


def _size(header: bytes, limit: int) -> int:
    size = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
    if not 0 <= size <= limit:
        raise ValueError("part of it is too large")
    return size


def _padded(members: _Bounded, size: int) -> bytes:
    data = members.read(size)
    members.read(-size % _BLOCK)
    return data


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for count, line in enumerate(data.split(b"\n")):
        if count > 4 * MAX_ENTRIES or len(line) > _LINE_LIMIT:
            raise ValueError("its lines are too many or too long")
        if line:
            value = json.loads(line)
            if not isinstance(value, dict):
                raise ValueError("a line is not an object")
            yield value

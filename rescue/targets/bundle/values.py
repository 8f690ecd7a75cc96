"""Checked values of a bundle's JSON: ValueError, LookupError or TypeError for what rescue did not write."""

from __future__ import annotations

from base64 import b64decode
from pathlib import PurePosixPath
from typing import Any

from rescue.space.usage import DirectoryUse, FileUse, Usage
from rescue.tree import Device, Devices, Entry, FileSystem, Kind, Read

PATH_LIMIT = 1 << 16
LISTED = 1000
"""Directories and files of one file system whose use of room is told."""

_ID = (1 << 32) - 1
_FURTHEST = (1 << 63) * 10**9
"""Nanoseconds from the epoch: the kernel counts a file's time in seconds of 64 bits."""


def as_entry(value: dict[str, Any]) -> tuple[str, Entry, bool]:
    """The path, what is there, and whether its content follows."""
    kind = Kind(value["kind"])
    attributes = value.get("xattrs", {})
    if not isinstance(attributes, dict):
        raise ValueError("the attributes are invalid")
    first, second = (as_number(each) for each in as_list(value.get("ident", [0, 0]), 2))
    link = as_text(value.get("link", ""))
    if "\0" in link:
        raise ValueError("a link holds a null byte")
    content = bool(value.get("content", False))
    if content and kind is not Kind.FILE:
        raise ValueError("an entry that is not a file has content")
    made = Entry(
        kind,
        as_number(value["mode"], 0, 0o7777),
        as_number(value["uid"], 0, _ID),
        as_number(value["gid"], 0, _ID),
        size=as_number(value["size"]),
        mtime=None if value["mtime"] is None else as_number(value["mtime"], -_FURTHEST, _FURTHEST),
        nlink=as_number(value["nlink"]),
        link=link if kind is Kind.LINK else "",
        xattrs=tuple(sorted(_attribute(name, text) for name, text in attributes.items())),
        ident=(first, second),
        allocated=as_number(value["allocated"]),
        flags=as_number(value["flags"]),
        rdev=as_number(value["rdev"]),
        error=as_text(value.get("error", "")),
    )
    return as_path(value["path"]), made, content


def _attribute(name: Any, text: Any) -> tuple[str, bytes]:
    return as_text(name), b64decode(as_text(text), validate=True)


def as_read(value: dict[str, Any]) -> Read:
    """A request of the capture."""
    return Read(
        as_path(value["path"]),
        as_number(value["depth"], 0, 1 << 16),
        bool(value["content"]),
        as_number(value["limit"]),
    )


def as_filesystem(value: Any) -> FileSystem:
    """A file system and how full it is."""
    if not isinstance(value, dict):
        raise ValueError("a file system is invalid")
    return FileSystem(
        as_path(value["mount"]),
        as_text(value["type"]),
        as_number(value["size"]),
        as_number(value["free"]),
        as_number(value["available"]),
        as_number(value["inodes"]),
        as_number(value["inodes_free"]),
        read_only=bool(value["read_only"]),
        source=as_text(value["source"]),
    )


def as_devices(value: Any) -> Devices | None:
    """The server's disks, as far as they were known; None if they were not."""
    if value is None:
        return None
    names = ("name", "type", "uuid", "label", "partuuid", "partlabel")
    found = [
        Device(**{name: as_text(each[name]) for name in names}, number=as_number(each["number"]))
        for each in as_list(value["found"], 10_000)
    ]
    return Devices(tuple(found), bool(value["complete"]))


def as_usage(value: Any) -> Usage:
    """What filled a file system."""
    if not isinstance(value, dict):
        raise ValueError("a disk usage entry is invalid")
    directories = [as_list(each, 3) for each in as_list(value["directories"], LISTED)]
    files = [as_list(each, 2) for each in as_list(value["files"], LISTED)]
    return Usage(
        as_path(value["mount"]),
        tuple(DirectoryUse(_pure(each[0]), as_number(each[1]), as_number(each[2])) for each in directories),
        tuple(FileUse(_pure(each[0]), as_number(each[1])) for each in files),
        as_number(value["bytes"]),
        as_number(value["inodes"]),
        bool(value["complete"]),
    )


def _pure(value: Any) -> PurePosixPath:
    return PurePosixPath(as_path(value))


def as_path(value: Any) -> str:
    """An absolute path without "." and ".."."""
    text = as_text(value)
    parts = text.split("/")[1:]
    plain = text.startswith("/") and "\0" not in text
    if text != "/" and (not plain or any(part in ("", ".", "..") or len(part) > 255 for part in parts)):
        raise ValueError("a path is invalid")
    return text


def as_text(value: Any) -> str:
    """Text; bytes that are not UTF-8 are kept with surrogateescape."""
    if not isinstance(value, str) or len(value) > PATH_LIMIT * 2:
        raise ValueError("a text is invalid or too long")
    value.encode("utf-8", "surrogateescape")  # rescue never writes a lone surrogate that encodes no byte
    return value


def as_number(value: Any, lowest: int = 0, highest: int = (1 << 64) - 1) -> int:
    """A whole number between two bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise ValueError("a number is invalid or out of bounds")
    return value


def as_list(value: Any, limit: int) -> list[Any]:
    """A list of at most `limit` values."""
    if not isinstance(value, list) or len(value) > limit:
        raise ValueError("a list is invalid or too long")
    return value

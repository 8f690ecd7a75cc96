"""Records as JSON, for people and for the undo. The input comes from a disk that may be hostile.

A path or a link that is not UTF-8 is stored twice: as "path" for people, with escapes, and as "path_base64", which is
the one used. Modes are octal text ("0644"), file times nanoseconds since the epoch, attribute values base64. "check" is
the SHA-256 of the rest: one bit flipped by a failing disk could give a file to another owner. Records of older versions
have none.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import PurePosixPath
from re import compile as compile_pattern
from typing import Any

from rescue.tree import Action, Kind
from rescue.undo_log.errors import JournalError
from rescue.undo_log.record import KEPT_FLAGS, Imprint, Record, RecordedChange, State

SCHEMA = 1

RECORD_LIMIT = 32 << 20
"""Bytes of a record. One change takes half a kilobyte to one."""

CONTENT_LIMIT = 64 << 20
"""Bytes of one file whose old content is kept: far more than any configuration has."""

MAX_VALUES = 3_000_000
"""Commas and brackets of a record: 30 for one change. A record full of empty lists would take a gigabyte of memory."""

MAX_CHANGES = 50_000
"""Where inodes run out, tens of thousands of small files may have to be deleted."""
MAX_ATTRIBUTE = 64 << 10
"""Bytes of one extended attribute: the kernel's XATTR_SIZE_MAX (xattr(7))."""

FIX_ID = compile_pattern(r"[0-9]{8}T[0-9]{6}Z(-[1-9][0-9]{0,5})?")
KEPT_NAME = compile_pattern(r"before/[0-9]{4,5}")
RESTORABLE = frozenset({Kind.FILE, Kind.DIR, Kind.LINK})
"""What a fix may create. A device or a fifo is never made, whatever a record says."""

JOURNAL = PurePosixPath("/var/lib/rescue")
"""Where the undo log is on a target."""

HIGHEST = (1 << 63) - 1
FURTHEST = (1 << 63) * 1_000_000_000
"""Nanoseconds before or after the epoch that no file's time reaches: the kernel counts seconds in 64 bits."""
_DIGEST = compile_pattern(r"([0-9a-f]{64})?")
_MODE = compile_pattern(r"[0-7]{1,4}")
_TIME = compile_pattern(r"[0-9T:.+Z-]{0,40}")
_XATTR = compile_pattern(r"[a-z]+\.[^\0]{1,250}")


def encode(record: Record) -> bytes:
    """The record as a readable JSON document, in ASCII, so that no name in it can control a terminal."""
    document = {
        "schema": SCHEMA,
        "id": record.id,
        "number": record.number,
        "state": str(record.state),
        "rescue": record.version,
        "hostname": _shown(record.hostname),
        "target": _shown(record.target),
        "started": record.started,
        "finished": record.finished,
        "undone": record.undone,
        "titles": [_shown(title) for title in record.titles],
        "changes": [_encode_change(change) for change in record.changes],
        "left": [_text("path", str(path)) for path in record.left],
        "protected": [{**_text("path", str(path)), "flags": flags} for path, flags in record.protected],
    }
    document["check"] = _check(document)
    return json.dumps(document, indent=2).encode("ascii") + b"\n"


def _check(document: dict[str, Any]) -> str:
    rest = {name: value for name, value in document.items() if name != "check"}
    return sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def decode(fix_id: str, raw: bytes) -> Record:
    """The record of `fix_id`. Raises JournalError for anything that `encode` could not have written."""
    try:
        if not raw.strip(b"\0 \t\r\n"):
            # What a power cut leaves of a file: zero bytes, or nothing, depending on the file system.
            raise ValueError("it is empty")
        if sum(raw.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
            raise ValueError("it lists more changes than any fix makes")
        fields = _Fields(json.loads(raw))
        return _record(fix_id, fields)
    except (ValueError, RecursionError) as problem:
        # Also raised for a number that is too long, and for brackets nested too deeply.
        raise damaged(fix_id, str(problem)) from problem


def damaged(fix_id: str, why: str) -> JournalError:
    """The error for a fix whose record is unusable."""
    return JournalError(f"the record of fix {fix_id} is damaged: {why}", damaged_hint(fix_id))


def damaged_hint(fix_id: str) -> str:
    """What a person can still do if the record is unusable."""
    return (
        f"rescue can't undo that fix. The old contents, if they were saved, are in fixes/{fix_id}/before/ of the "
        f"undo log ({JOURNAL}, or the directory given with --undo-log), and the changes in changes.diff next to it."
    )


def _encode_change(change: RecordedChange) -> dict[str, object]:
    return {
        **_text("path", str(change.path)),
        "action": str(change.action),
        "reversible": change.reversible,
        "kept": change.kept or None,
        "before": _encode_imprint(change.before),
        "after": _encode_imprint(change.after),
    }


def _encode_imprint(imprint: Imprint | None) -> dict[str, object] | None:
    if imprint is None:
        return None
    made: dict[str, object] = {
        "kind": str(imprint.kind),
        "mode": f"{imprint.mode:04o}",
        "uid": imprint.uid,
        "gid": imprint.gid,
        "mtime": imprint.mtime,
    }
    if imprint.kind is Kind.FILE:
        made |= {"size": imprint.size, "sha256": imprint.digest or None}
    if imprint.kind is Kind.LINK:
        made |= _text("link", imprint.link)
    if imprint.xattrs:
        made["xattrs"] = {_shown(name): b64encode(value).decode("ascii") for name, value in imprint.xattrs}
    if imprint.flags:
        made["flags"] = imprint.flags
    if imprint.rdev:
        made["rdev"] = imprint.rdev
    return made


def _shown(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _text(name: str, value: str) -> dict[str, object]:
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return {name: raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {name: raw.decode("utf-8", "backslashreplace"), f"{name}_base64": b64encode(raw).decode("ascii")}


class _Fields:
    """A JSON object whose fields are read by type; ValueError if one is invalid."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise ValueError("an object was expected")
        self._values: dict[str, Any] = value

    def optional(self, name: str) -> Any:
        return self._values.get(name)

    def check(self) -> str:
        """The expected value of "check"."""
        return _check(self._values)

    def text(self, name: str, limit: int = 4096) -> str:
        value = self._values.get(name, "")
        if not isinstance(value, str) or len(value) > limit:
            raise ValueError(f"{name} is not text, or too long")
        return value

    def name(self, name: str) -> str:
        """Text that may not be UTF-8."""
        if f"{name}_base64" not in self._values:
            value = self.text(name)
            value.encode("utf-8")  # we never write a lone surrogate here
            return value
        return b64decode(self.text(f"{name}_base64", 8192), validate=True).decode("utf-8", "surrogateescape")

    def time(self, name: str) -> int | None:
        """Nanoseconds since the epoch; None where none is known."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not -FURTHEST <= value < FURTHEST:
            raise ValueError(f"{name} is not a possible file time")
        return value

    def number(self, name: str, lowest: int = 0, highest: int = HIGHEST) -> int:
        value = self._values.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise ValueError(f"{name} is not a number between {lowest} and {highest}")
        return value

    def list(self, name: str, limit: int) -> list[Any]:
        value = self._values.get(name, [])
        if not isinstance(value, list) or len(value) > limit:
            raise ValueError(f"{name} is not a list, or too long")
        return value


def _record(fix_id: str, fields: _Fields) -> Record:
    if fields.number("schema") != SCHEMA:
        raise ValueError("it was written by another version of rescue (its schema is not 1)")
    if (check := fields.optional("check")) is not None and check != fields.check():
        raise ValueError("it is not as rescue wrote it (its checksum does not match)")
    if fields.text("id") != fix_id:
        raise ValueError("it is the record of another fix")
    times = [fields.text(name) for name in ("started", "finished", "undone")]
    if not all(_TIME.fullmatch(time) for time in times):
        raise ValueError("a time is invalid")
    state = State(fields.text("state"))
    if state is State.UNREADABLE:
        raise ValueError("its state is invalid")
    titles = fields.list("titles", MAX_CHANGES)
    if not all(isinstance(title, str) for title in titles):
        raise ValueError("a title is not text")
    changes = tuple(_change(_Fields(each)) for each in fields.list("changes", MAX_CHANGES))
    if len({change.path for change in changes}) != len(changes):
        raise ValueError("it names a path twice")
    return Record(
        fix_id,
        fields.number("number"),
        state,
        started=times[0],
        finished=times[1],
        undone=times[2],
        version=fields.text("rescue"),
        hostname=fields.text("hostname"),
        target=fields.text("target"),
        titles=tuple(titles),
        changes=changes,
        left=tuple(_path(_Fields(each)) for each in fields.list("left", MAX_CHANGES)),
        protected=tuple(_protected(_Fields(each)) for each in fields.list("protected", MAX_CHANGES)),
    )


def _protected(fields: _Fields) -> tuple[PurePosixPath, int]:
    flags = fields.number("flags", 0, KEPT_FLAGS)
    if flags & ~KEPT_FLAGS:
        raise ValueError("a flag is invalid")
    return _path(fields), flags


def _change(fields: _Fields) -> RecordedChange:
    before, after = _imprint(fields.optional("before")), _imprint(fields.optional("after"))
    reversible, kept = fields.optional("reversible"), fields.optional("kept") or ""
    if not isinstance(reversible, bool):
        raise ValueError("reversible is neither true nor false")
    if not isinstance(kept, str) or (kept and not KEPT_NAME.fullmatch(kept)):
        raise ValueError("the name of a saved content is invalid")
    change = RecordedChange(_path(fields), Action(fields.text("action")), before, after, reversible, kept)
    problem = why_impossible(change)
    if problem:
        raise ValueError(problem)
    return change


def why_impossible(change: RecordedChange) -> str:
    """Why rescue never makes such a change; empty if it may."""
    before, after = change.before, change.after
    if change.path.is_relative_to(JOURNAL):
        return "it changes the undo log itself"
    if change.action is Action.METADATA:
        return "" if before and after and before.kind is after.kind else "it changes the owner of a missing file"
    if str(change.path) == "/":
        return "it replaces the root directory"
    if any(side is not None and side.kind not in RESTORABLE for side in (before, after)):
        return "it makes or removes something that is not a file, directory or link"
    expected = {
        Action.CREATE: before is None and after is not None,
        Action.REMOVE: before is not None and after is None,
    }.get(change.action, before is not None and after is not None)
    if not expected:
        return f"it is not a {change.action}"
    holds = before is not None and before.kind is Kind.FILE
    if holds and change.reversible and not (change.kept and before is not None and before.digest):
        return "the old content was not saved"
    return ""


def _imprint(value: object) -> Imprint | None:
    if value is None:
        return None
    fields = _Fields(value)
    mode, digest, link = fields.text("mode"), fields.optional("sha256") or "", fields.name("link")
    if not _MODE.fullmatch(mode):
        raise ValueError("a mode is invalid")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError("a digest is invalid")
    if "\0" in link:
        raise ValueError("a link holds a null byte")
    attributes = fields.optional("xattrs") or {}
    if not isinstance(attributes, dict) or len(attributes) > 1000:
        raise ValueError("the attributes are invalid")
    return Imprint(
        Kind(fields.text("kind")),
        int(mode, 8),
        fields.number("uid", 0, (1 << 32) - 1),
        fields.number("gid", 0, (1 << 32) - 1),
        fields.number("size"),
        fields.time("mtime"),
        digest,
        link,
        tuple(sorted(_attribute(name, text) for name, text in attributes.items())),
        fields.number("flags", 0, (1 << 32) - 1),
        fields.number("rdev"),
    )


def _attribute(name: str, text: object) -> tuple[str, bytes]:
    if not _XATTR.fullmatch(name) or not isinstance(text, str) or len(text) > 2 * MAX_ATTRIBUTE:
        raise ValueError("an attribute is invalid")
    name.encode("utf-8")  # a lone surrogate can't be written
    value = b64decode(text, validate=True)
    if len(value) > MAX_ATTRIBUTE:
        raise ValueError("an attribute is too long")
    return name, value


def _path(fields: _Fields) -> PurePosixPath:
    text = fields.name("path")
    parts = text.split("/")
    plain = text.startswith("/") and "\0" not in text and len(text) < 4096
    if text != "/" and (not plain or any(part in ("", ".", "..") or len(part) > 255 for part in parts[1:])):
        raise ValueError("a path leads nowhere or out of the server's root")
    return PurePosixPath(text)

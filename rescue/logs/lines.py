"""Text logs: syslog's files in both of its forms, dmesg and plain ones, cut into lines that may tell something. Pure.

Only lines that hold one of the words that are looked for are taken apart: a log has hundreds of thousands of others.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

LIMIT = 16 << 20
"""Bytes of one text log that are read, packed or not."""
LONGEST = 4000
"""Bytes of one line that are looked at."""

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_HEAD = re.compile(
    rb"(?:(?P<old>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)"
    rb"|(?P<new>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]{0,7}(?:Z|[+-]\d\d:\d\d)))"
    rb" \S{1,255} (?P<program>[\w./@-]{1,64})(?:\[(?P<pid>\d{1,10})\])?: (?:\[ {0,8}\d[\d.]{1,20}\] )?"
)
"""What stands before a message in syslog's files, the traditional form (local time, no year) or RFC 3339's."""
_KERNEL = re.compile(rb"(?:<\d{1,3}>)?(?:\[ {0,8}\d[\d.]{1,20}\] )?")
"""What stands before one in dmesg, or on a console."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log. at: None where it bears no time. program: without its directory; "" where none is named."""

    at: datetime | None
    program: str
    message: str
    pid: str = ""


def text_of(data: bytes) -> bytes:
    """The log, unpacked if gzip has packed it; what can be unpacked of a damaged one."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    unpacker = zlib.decompressobj(31)
    made = b""
    try:
        made = unpacker.decompress(data, LIMIT)
    except zlib.error:
        return b""
    return made


def lines_with(data: bytes, marks: Iterable[bytes], most: int) -> list[bytes]:
    """The lines that hold one of the words, in their order; of each word the last `most`."""
    starts: set[int] = set()
    for mark in marks:
        # From the end, so that of a word that is everywhere only the last lines are looked at.
        at, count = data.rfind(mark), 0
        while at >= 0 and count < most:
            start = data.rfind(b"\n", 0, at) + 1
            starts.add(start)
            count += 1
            at = data.rfind(mark, 0, start) if start else -1
    made = []
    for start in sorted(starts):
        end = data.find(b"\n", start)
        made.append(data[start : end if end >= 0 else len(data)][:LONGEST].rstrip(b"\r\0"))
    return made


def parsed(line: bytes, zone: tzinfo, written: datetime) -> Line:
    """A line taken apart. zone: the server's. written: when the file was written last, for times without a year."""
    head = _HEAD.match(line)
    if head is None:
        kernel = _KERNEL.match(line)
        return Line(None, "", _text(line[kernel.end() if kernel else 0 :]))
    old = head["old"]
    at = _old(old.decode(), zone, written) if old else _new(head["new"].decode())
    program = head["program"].decode().rpartition("/")[2]
    return Line(at, program, _text(line[head.end() :]), (head["pid"] or b"").decode())


def local(text: str, zone: tzinfo) -> datetime | None:
    """A time as "2026-11-25 14:01:00", of the server's zone."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _new(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _old(text: str, zone: tzinfo, written: datetime) -> datetime | None:
    """A time without a year: the latest such one that is not after the file was written, but for a day."""
    month = _MONTHS.get(text[:3])
    try:
        day, hour, minute, second = int(text[4:6]), *(int(each) for each in text[7:].split(":"))
        if month is None:
            return None
        for year in (written.year, written.year - 1):
            if (month, day) == (2, 29) and not _leap(year):
                continue
            at = datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
            if at <= written + timedelta(days=1):
                return at
    except (ValueError, OverflowError):
        return None
    return None


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")

"""What happened on a server, from its journal and its text logs: events with their time, program and source. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import PurePosixPath

from rescue.logs.journal_file import JournalEntry, JournalFile
from rescue.logs.lines import lines_with, parsed, text_of
from rescue.logs.sayings import MARKS, NETWORKD, NO_SPACE_ANYBODY, SAYINGS, Kind

MOST = 2000
"""Lines, or messages, of one kind and one log that are looked at: the last ones."""
MOST_OF_JOURNAL = 500
"""The same of a journal's messages, and of the entries of one message."""
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
"""A clock that was not set says 1970, or when its kernel was built."""
LONGEST = 300
"""Characters of a message that are kept."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. at: None where the log bears no time. message: as the program wrote it, cut. source: the file.

    details: names and values, after the kind ("user", "address", "unit"). boot: the journal's id of the boot, else "".
    program: who wrote it; "" where none is named.
    """

    at: datetime | None
    kind: Kind
    message: str
    source: PurePosixPath
    details: tuple[tuple[str, str], ...] = ()
    boot: str = ""
    program: str = ""

    def detail(self, name: str) -> str:
        """A detail by its name; "" where there is none."""
        return next((value for known, value in self.details if known == name), "")


def moment(microseconds: int) -> datetime | None:
    """The time so many microseconds after the epoch; None for one that no log could have been written at."""
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
    return at if _EARLIEST <= at < _LATEST else None


def meaning(message: str, program: str | None) -> tuple[Kind, tuple[tuple[str, str], ...]] | None:
    """What a message of a program means; None for nothing. program: None where whoever wrote it is believed."""
    for saying in SAYINGS:
        if program is not None and program not in saying.programs:
            continue
        if saying.mark.decode() in message and (found := saying.pattern.match(message)) is not None:
            return saying.kind, tuple((name, value) for name, value in found.groupdict().items() if value)
    if NO_SPACE_ANYBODY.match(message):
        return Kind.NO_SPACE, (("what", message[:LONGEST]),)
    return None


@lru_cache(maxsize=16)
def of_journal(data: bytes, path: PurePosixPath) -> tuple[Event, ...]:
    """The events of a journal file, in no order; () where it is no journal."""
    try:
        journal = JournalFile(data)
    except ValueError:
        return ()
    return tuple(_told(journal.entries_with(MARKS, MOST_OF_JOURNAL), path))


def _told(entries: Iterable[JournalEntry], path: PurePosixPath) -> Iterator[Event]:
    for entry in entries:
        message = entry.value(b"MESSAGE").decode("utf-8", "surrogateescape")
        program = program_of(entry)
        found = meaning(message, program)
        if found is not None:
            at = moment(_written(entry))
            yield Event(at, found[0], message[:LONGEST], path, found[1], entry.boot.hex(), program)


def _written(entry: JournalEntry) -> int:
    """When the message was written: what journald takes over from before its start says so itself."""
    source = entry.value(b"_SOURCE_REALTIME_TIMESTAMP")
    return int(source) if source.isdigit() and len(source) < 18 else entry.realtime


def program_of(entry: JournalEntry) -> str:
    """Who wrote the entry, as far as nobody else could have: root's programs, the kernel, networkd; "" else.

    A field that begins with "_" is journald's own, from the kernel; the identifier is what the program gave itself.
    """
    name = entry.value(b"SYSLOG_IDENTIFIER").decode("utf-8", "replace")
    if name == "systemd" and (entry.value(b"_PID") or entry.value(b"SYSLOG_PID")) != b"1":
        return ""  # a user's own
    if entry.value(b"_TRANSPORT") == b"kernel":
        return name or "kernel"
    if entry.value(b"_UID") == b"0":
        return name or entry.value(b"_COMM").decode("utf-8", "replace")
    if entry.value(b"_COMM") == b"sudo" and entry.value(b"_EXE").endswith(b"/sudo"):
        return "sudo"
    unit = entry.value(b"_SYSTEMD_UNIT").removesuffix(b".service").decode("utf-8", "replace")
    return unit if unit in NETWORKD else ""


@lru_cache(maxsize=16)
def of_text(data: bytes, path: PurePosixPath, zone: tzinfo, written: datetime) -> tuple[Event, ...]:
    """The events of a text log, in its order. written: when the file was last written."""
    found = []
    own = _OWN.get(path.name.partition(".log")[0])
    for raw in lines_with(text_of(data), MARKS, MOST):
        line = parsed(raw, zone, written)
        if line.program == "systemd" and line.pid != "1":
            continue  # a user's own
        program = line.program or own or "kernel"
        told = meaning(line.message, program)
        if told is not None:
            found.append(Event(_sound(line.at), told[0], line.message[:LONGEST], path, told[1], "", program))
    return tuple(found)


_OWN = {"fail2ban": "fail2ban", "boot": "systemd", "cloud-init": "cloud-init", "cloud-init-output": "cloud-init"}
"""Logs that name no program: whose they are. boot.log is the console's; dmesg the kernel's."""


def _sound(at: datetime | None) -> datetime | None:
    return at if at is not None and _EARLIEST <= at < _LATEST else None


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """The events by their time, each once though the journal and a text log both tell it; what has no time is left out.

    Text logs have whole seconds, and come a moment later.
    """
    # Of one second a text log's boot comes first, as other logs are other files.
    timed = sorted(
        (each.at, each.kind is not Kind.BOOT, number, each) for number, each in enumerate(events) if each.at is not None
    )
    seen: dict[str, datetime] = {}
    made = []
    for at, _, _, each in timed:
        key = f"{each.kind}\0{each.message}"
        last = seen.get(key)
        if last is not None and abs(at - last) <= timedelta(seconds=2) and not each.boot:
            continue
        if last is not None and at == last:
            continue
        seen[key] = at
        made.append(each)
    return tuple(made)

"""What of a log may leave the machine: the lines that the reader of events understands, and no other. Pure.

Without leave, that is how boots went: nobody's name, no address of a client. With leave (`rescue capture --with-logs`)
it is all events, with the secrets in commands left out.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from rescue.logs.events import MOST, MOST_OF_JOURNAL, meaning, program_of
from rescue.logs.journal_file import JournalEntry, JournalFile
from rescue.logs.lines import lines_with, text_of
from rescue.logs.packages import DECIDING
from rescue.logs.packages import MOST as MOST_PACKAGES
from rescue.logs.sayings import MARKS, Kind
from rescue.text.secrets import hide_logged

OF_BOOTS = frozenset(
    {
        Kind.BOOT, Kind.SHUTDOWN, Kind.TARGET, Kind.UNIT_FAILED, Kind.EMERGENCY, Kind.PANIC, Kind.LISTENING,
        Kind.ADDRESS, Kind.INTERFACE, Kind.LINK, Kind.NO_SPACE, Kind.READ_ONLY, Kind.FILE_SYSTEM, Kind.FSCK, Kind.OOM,
    }
)  # fmt: skip
"""Events that name nobody who logged in, or tried to."""
_FIELDS = frozenset(
    {
        b"MESSAGE",
        b"SYSLOG_IDENTIFIER",
        b"SYSLOG_PID",
        b"_TRANSPORT",
        b"_UID",
        b"_PID",
        b"_COMM",
        b"_EXE",
        b"_SYSTEMD_UNIT",
    }
)
"""Those by which an event's program is known."""


def journal_kept(data: bytes, *, everything: bool) -> list[JournalEntry]:
    """The entries of a journal that may leave; [] where it is none."""
    try:
        journal = JournalFile(data)
    except ValueError:
        return []
    kept = []
    for entry in journal.entries_with(MARKS, MOST_OF_JOURNAL):
        message = entry.value(b"MESSAGE").decode("utf-8", "surrogateescape")
        found = meaning(message, program_of(entry))
        if found is not None and (everything or found[0] in OF_BOOTS):
            text = hide_logged([message])[0].encode("utf-8", "surrogateescape")
            fields = tuple(
                (name, text if name == b"MESSAGE" else value) for name, value in entry.fields if name in _FIELDS
            )
            kept.append(replace(entry, fields=fields))
    return sorted(kept, key=lambda entry: entry.seqnum)


def text_kept(path: str, data: bytes) -> bytes:
    """The lines of a text log that tell an event, without secrets. For `--with-logs` alone."""
    name = PurePosixPath(path).name
    plain = text_of(data)
    if name.startswith(("dpkg.log", "dnf.rpm.log", "history")):
        lines = [
            line for line in plain.split(b"\n")[-MOST_PACKAGES:] if DECIDING.search(line.decode("utf-8", "replace"))
        ]
    else:
        lines = lines_with(plain, MARKS, MOST)
    text = [line.decode("utf-8", "surrogateescape") for line in lines]
    return "".join(f"{line}\n" for line in hide_logged(text)).encode("utf-8", "surrogateescape")

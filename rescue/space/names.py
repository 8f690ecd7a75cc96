"""What a file under /var/log is, by its name: a rotated log, a live log, an archived journal, or none of these.

Rotated names are those of logrotate(8) (numbers, ``dateext``, ``dateformat``, compression), of Java's and Python's
rolling appenders, and of kubelet. What looks like a database's log (MySQL's binary log, redo logs) or like a backup
that was put there is none of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PACKED = re.compile(r"\.(?:gz|xz|zst|bz2|lz4|lzma|Z)$")
_DATE = r"(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:-\d{9,10}|[-_.T]?\d\d(?:[-_.:]?\d\d){0,2}(?:[.,]\d{3})?)?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"(?P<base>.+?)[-_.](?P<turn>{_DATE}{_TIME}(?:[-_.]\d{{1,3}})?)(?P<tail>\.(?:log|txt|out|err|json))?",
        r"(?P<base>.+)\.(?P<turn>0|[1-9]\d{0,3})(?P<tail>)",
        r"(?P<base>.+)\.(?P<turn>old)(?P<tail>)",
    )
)
_LOG = re.compile(r".+(?:\.(?:log|err|error|out|info|warn|notice|json)|[-_]log(?:\.txt)?|\.log\.\w{1,20})")
_KNOWN = frozenset(
    {"syslog", "messages", "secure", "maillog", "cron", "spooler", "debug", "kern", "daemon", "user", "auth", "mail"}
    | {"lpr", "news", "everything", "boot", "dmesg", "btmp", "wtmp", "access", "error", "haproxy"}
)
_DATABASE = re.compile(
    r"(?:^|[-_.])(?:bin|binlog|relay|redo|undo|wal|xlog|oplog|ib_logfile\d*|aria_log\w*)(?:[-_.]|$)"
    r"|\.index$|^\d{6,}\.log$"
)
_KEEPSAKE = re.compile(
    r"\.(?:tar|tgz|tbz|txz|zip|7z|rar|sql|dump|bak|img|iso|qcow2?|vmdk|vhdx?|raw|db|sqlite3?|mdb|rpm|deb|pcap\w*|csv"
    r"|ibd|frm|my[id]|gpg|asc|pem|key)(?:[-_.]|$)",
    re.IGNORECASE,
)
_BACKUP = re.compile(r"backup|dump|snapshot|export|archive", re.IGNORECASE)
_NEVER_SHORTENED = frozenset({"wtmp", "lastlog", "faillog", "tallylog"})
_ARCHIVED_JOURNAL = re.compile(
    r".+@[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{16}\.journal|.+@[0-9a-f]{16}-[0-9a-f]{16}\.journal~"
)


@dataclass(frozen=True, slots=True)
class Rotated:
    """A rotated log's name. live: the log's own name. turn: what tells the turns apart. packed: it is compressed."""

    live: str
    turn: str
    packed: bool


def rotated(name: str) -> Rotated | None:
    """`name` as that of a rotated log, or None."""
    if kept(name):
        return None
    plain = _PACKED.sub("", name)
    match = next((found for form in _FORMS if (found := form.fullmatch(plain))), None)
    if match is None and plain == name:
        return None
    live = match["base"] + (match["tail"] or "") if match else plain
    if not live.strip("."):
        return None  # "..1" is no turn of "."
    return Rotated(live, match["turn"] if match else "", plain != name)


def packed(name: str) -> bool:
    """True for a compressed file: nothing is appended to it."""
    return _PACKED.search(name) is not None


def kept(name: str) -> bool:
    """True for files that are never logs, whatever their name: databases' logs, archives, dumps, images, captures."""
    plain = _PACKED.sub("", name)
    return _DATABASE.search(plain) is not None or _KEEPSAKE.search(plain) is not None


def log_name(name: str) -> bool:
    """True if this is the name of a log that is being written (``syslog``, ``app.log``, ``access_log``)."""
    return (name in _KNOWN or _LOG.fullmatch(name) is not None) and not kept(name) and not packed(name)


def can_be_shortened(name: str) -> bool:
    """True if `name` is a live log whose head can be cut off: it consists of lines, or (btmp) of records."""
    return log_name(name) and name not in _NEVER_SHORTENED


def backup_like(name: str) -> bool:
    """True if a directory or file of this name may be somebody's backup."""
    return _BACKUP.search(name) is not None


def archived_journal(name: str) -> bool:
    """True for a journal file that journald has closed (``NAME@...journal``) or found damaged (``NAME@...journal~``).

    The names are made by journal_file_archive() and journal_file_dispose() of systemd's journal-file.c.
    """
    return _ARCHIVED_JOURNAL.fullmatch(name) is not None

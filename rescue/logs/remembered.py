"""All that a server's logs tell of, read in one go. Pure: it asks the snapshot, and raises `NotCaptured`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath

from rescue.logs.events import Event, in_order, moment, of_journal, of_text
from rescue.logs.journal_file import JournalFile
from rescue.logs.packages import of_packages
from rescue.logs.sayings import Kind
from rescue.logs.sources import BUDGET, LISTING_READS, LOGS, journals, package_logs, text_logs, zone_of
from rescue.tree import Tree

SYSLOG = frozenset({"auth.log", "secure", "messages", "syslog", "kern.log"})
"""The logs that say who logged in, and how a boot went."""
ENOUGH = frozenset({Kind.LOGIN, Kind.BOOT, Kind.TARGET})
"""Where a journal tells of these, no older one is asked for the last login and the last boot."""
OF_PACKAGES = frozenset({"dpkg.log", "dnf.rpm.log"})

__all__ = ["LISTING_READS", "Remembered", "remembered"]


@dataclass(frozen=True, slots=True)
class Remembered:
    """events: in order. newest_boot: the journal's id of the last boot; "" without one. unread: what was not read."""

    events: tuple[Event, ...] = ()
    newest_boot: str = ""
    unread: tuple[str, ...] = ()


def remembered(tree: Tree, now: datetime, *, whole: bool) -> Remembered:
    """What the logs tell. now: the year of what has no year, where a file has no time.

    whole: every log, for the time line; else those that tell of the last login and the last boot: where the journal
    tells of both, no older one is taken apart, and of the text logs only those of packages are read.
    """
    chosen = journals(tree)
    unread = list(chosen.unread)
    events: list[Event] = []
    newest = ""
    enough = False
    for path in chosen.paths:
        data = tree.data_if_read(path)
        if data is None:
            unread.append(f"{path} could not be read")
            continue
        if not is_journal(data):
            unread.append(f"{path} is not a journal that can be read")
            continue
        events += of_journal(data, path)
        newest = newest or _last_boot(data)
        enough = not whole and {each.kind for each in events} >= ENOUGH
        if enough:
            break
    # A server may have stopped to keep a journal, and gone on with syslog.
    enough = enough and not _newer_texts(tree, chosen.paths[0])
    bases = OF_PACKAGES if enough else SYSLOG | OF_PACKAGES
    events += _of_texts(tree, now, None if whole else bases, unread)
    if whole:
        events += _of_packages(tree, unread)
    return Remembered(in_order(events), newest, tuple(unread))


def is_journal(data: bytes) -> bool:
    """Whether the file's head is that of a journal."""
    try:
        JournalFile(data)
    except ValueError:
        return False
    return True


def _newer_texts(tree: Tree, journal: PurePosixPath) -> bool:
    """Whether a text log was written a day after the journal was written last."""
    last = tree.entry(journal)
    for name in SYSLOG:
        entry = tree.entry(PurePosixPath(LOGS, name))
        if entry is not None and last is not None and entry.modified > last.modified + 86_400 * 10**9:
            return True
    return False


def _last_boot(data: bytes) -> str:
    try:
        return JournalFile(data).last_boot.hex()
    except ValueError:
        return ""


def _of_texts(tree: Tree, now: datetime, bases: frozenset[str] | None, unread: list[str]) -> Iterable[Event]:
    chosen = text_logs(tree, bases, BUDGET) if bases is None else text_logs(tree, bases)
    unread += chosen.unread
    zone = zone_of(tree)
    for path in chosen.paths:
        data = tree.data_if_read(path)
        if data is None:
            unread.append(f"{path} could not be read")
        elif path.name.startswith(tuple(OF_PACKAGES)):
            yield from of_packages(data, path, zone)
        else:
            yield from of_text(data, path, zone, _written(tree, path, now))


def _of_packages(tree: Tree, unread: list[str]) -> Iterable[Event]:
    chosen = package_logs(tree)
    unread += chosen.unread
    zone = zone_of(tree)
    for path in chosen.paths:
        yield from of_packages(tree.data_if_read(path) or b"", path, zone)


def _written(tree: Tree, path: PurePosixPath, now: datetime) -> datetime:
    """When the file was written last, to the day: what is written may be kept for the day."""
    entry = tree.entry(path)
    at = moment(entry.mtime // 1000) if entry is not None and entry.mtime is not None else None
    found = at or now
    return found.astimezone(timezone(timedelta(0))).replace(hour=0, minute=0, second=0, microsecond=0)

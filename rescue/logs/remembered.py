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
from rescue.logs.sources import BUDGET, LISTING_READS, journals, package_logs, text_logs, zone_of
from rescue.tree import Tree

SYSLOG = frozenset({"auth.log", "secure", "messages", "syslog", "kern.log"})
"""The logs that say who logged in, and how a boot went."""
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
    tells of both, of the text logs only those of packages are read.
    """
    chosen = journals(tree)
    unread = list(chosen.unread)
    events: list[Event] = []
    newest = ""
    for path in chosen.paths:
        data = tree.data_if_read(path)
        if data is None:
            unread.append(f"{path} could not be read")
            continue
        events += of_journal(data, path)
        newest = newest or _last_boot(data)
    kinds = {each.kind for each in events}
    enough = not whole and {Kind.LOGIN, Kind.BOOT} <= kinds
    bases = OF_PACKAGES if enough else SYSLOG | OF_PACKAGES
    events += _of_texts(tree, now, None if whole else bases, unread)
    if whole:
        events += _of_packages(tree, unread)
    return Remembered(in_order(events), newest, tuple(unread))


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

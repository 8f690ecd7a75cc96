"""What happened on a server since the last login, as far as it bears on the next one, in the order of time. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from rescue.logs.events import Event, moment
from rescue.logs.last_login import LastLogin
from rescue.logs.sayings import DECIDING_COMMAND, Kind
from rescue.text.safe import cut
from rescue.text.secrets import hide_secrets, logged_command
from rescue.tree import Tree

MOST_ROWS = 500
"""Rows of a time line: the newest."""
MOST_EDITED = 40
SHOWN_PACKAGES = 4
ONE_UPGRADE = timedelta(minutes=15)
"""Packages that are changed within so long of each other are one row."""
LONGEST = 200

EDITED_PLACES = ("/etc/", "/boot/", "/usr/local/", "/root/.ssh", "/usr/lib/systemd/system/", "/var/spool/cron/")
_SSH_FOLDER = re.compile(r"/home/[^/]+(?:/\.ssh(?:/.*)?)?")
NOT_EDITED = frozenset(
    {
        "/etc/resolv.conf", "/etc/mtab", "/etc/adjtime", "/etc/machine-id", "/etc/ld.so.cache", "/etc/.updated",
        "/etc/.pwd.lock", "/boot/grub/grubenv", "/boot/grub2/grubenv",
    }
)  # fmt: skip
"""What a server changes by itself, at each boot."""

ALWAYS = frozenset(
    {
        Kind.BOOT, Kind.SHUTDOWN, Kind.EMERGENCY, Kind.PANIC, Kind.UNIT_FAILED, Kind.SSHD_ERROR, Kind.LISTENING,
        Kind.NO_SPACE, Kind.READ_ONLY, Kind.FILE_SYSTEM, Kind.FSCK, Kind.OOM, Kind.FIX,
    }
)  # fmt: skip
FIRST_OF_MANY = ALWAYS - {Kind.BOOT, Kind.SHUTDOWN, Kind.FIX} | {Kind.DROPPED, Kind.FAILED_LOGIN, Kind.BAN}
"""Of which equal ones become one row, with their number: the first one is what matters."""

WEIGHT = {
    Kind.EMERGENCY: 0, Kind.PANIC: 0, Kind.DROPPED: 1, Kind.BAN: 1, Kind.SSHD_ERROR: 1, Kind.READ_ONLY: 1,
    Kind.NO_SPACE: 1, Kind.SUDO: 2, Kind.EDITED: 3, Kind.UNIT_FAILED: 3, Kind.FIX: 3, Kind.PACKAGE: 4, Kind.OOM: 4,
    Kind.FILE_SYSTEM: 4, Kind.FSCK: 4, Kind.FAILED_LOGIN: 5, Kind.SHUTDOWN: 6, Kind.BOOT: 6,
}  # fmt: skip
"""What comes first where only a few rows are shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. at, until: of the first and the last event; count: how many there were. source: the log, or the file."""

    at: datetime
    kind: Kind
    what: str
    source: PurePosixPath
    count: int = 1
    until: datetime | None = None


def timeline(
    tree: Tree, events: Iterable[Event], last: LastLogin | None, port: int, fixes: Iterable[Row] = ()
) -> tuple[Row, ...]:
    """The rows since the last login, or since the beginning of the logs where there is none.

    events: in order. port: the one that the client connects to. fixes: rows of fixes that rescue made.
    """
    since = last.at if last is not None else None
    rows: list[Row] = []
    packages: list[Event] = []
    for each in events:
        at = each.at
        if at is None or (since is not None and at < since) or each.kind is Kind.LOGIN or not _bears(each, last, port):
            continue
        if each.kind is Kind.PACKAGE:
            packages.append(each)
        else:
            rows.append(Row(at, each.kind, _words(each), each.source))
    rows = [*_counted(rows), *_upgrades(packages), *_edited(tree, since), *fixes]
    rows.sort(key=lambda row: row.at)
    return tuple(row for row in rows if since is None or row.at >= since)[-MOST_ROWS:]


def weightiest(rows: Iterable[Row], most: int) -> tuple[Row, ...]:
    """The few rows that tell most, in the order of time."""
    chosen = sorted((row for row in rows if row.kind in WEIGHT), key=lambda row: (WEIGHT[row.kind], row.at))[:most]
    return tuple(sorted(chosen, key=lambda row: row.at))


def _bears(event: Event, last: LastLogin | None, port: int) -> bool:
    if event.kind in ALWAYS:
        return event.kind is not Kind.OOM or event.detail("process").startswith(("sshd", "systemd"))
    mine = last is not None and last.address is not None and event.detail("address") == str(last.address)
    match event.kind:
        case Kind.DROPPED:
            return event.detail("port") == str(port) and (mine or last is None or last.address is None)
        case Kind.BAN:
            return mine
        case Kind.FAILED_LOGIN:
            return mine
        case Kind.SUDO:
            return DECIDING_COMMAND.match(event.detail("command")) is not None
        case Kind.PACKAGE:
            return True
    return False


def _words(event: Event) -> str:
    match event.kind:
        case Kind.SUDO:
            command = hide_secrets("", [logged_command(event.detail("command"))])[0]
            return cut(f"{event.detail('user')} ran: {command}", LONGEST)
        case Kind.DROPPED:
            return f"the firewall dropped a packet from {event.detail('address')} to port {event.detail('port')}"
        case Kind.BAN:
            return f"{event.detail('jail')} banned {event.detail('address')}"
        case Kind.FAILED_LOGIN:
            return f"login of {event.detail('user')} failed ({event.detail('method')}), from {event.detail('address')}"
        case Kind.BOOT:
            return f"started, with kernel {event.detail('version')}"
        case Kind.OOM:
            return f"out of memory: the kernel killed {event.detail('process')}"
    return cut(event.message.strip(), LONGEST)


_NUMBERS = re.compile(r"\d+")


def _counted(rows: Iterable[Row]) -> list[Row]:
    made: dict[object, Row] = {}
    for number, row in enumerate(rows):
        key: object = (row.kind, _NUMBERS.sub("0", row.what)) if row.kind in FIRST_OF_MANY else number
        known = made.get(key)
        made[key] = row if known is None else replace(known, count=known.count + 1, until=row.at)
    return list(made.values())


def _upgrades(packages: list[Event]) -> Iterable[Row]:
    """The packages, those that were changed together as one row."""
    group: list[Event] = []
    for each in [*packages, None]:
        if group and (each is None or _apart(group[-1], each)):
            names = list(dict.fromkeys(event.message for event in group))
            more = f" and {len(names) - SHOWN_PACKAGES} more" if len(names) > SHOWN_PACKAGES else ""
            first, end = group[0], group[-1]
            if first.at is not None:
                yield Row(
                    first.at, Kind.PACKAGE, ", ".join(names[:SHOWN_PACKAGES]) + more, first.source, len(names), end.at
                )
            group = []
        if each is not None:
            group.append(each)


def _apart(one: Event, other: Event) -> bool:
    return one.at is None or other.at is None or other.at - one.at > ONE_UPGRADE


def _edited(tree: Tree, since: datetime | None) -> list[Row]:
    """The captured files and directories of the settings that were changed since, by their modification time."""
    if since is None:
        return []
    found = []
    for path, entry in tree.captured:
        if entry.mtime is None or path in NOT_EDITED or not entry.is_file:
            continue
        if not path.startswith(EDITED_PLACES) and _SSH_FOLDER.fullmatch(path) is None:
            continue
        at = moment(entry.mtime // 1000)
        if at is not None and at > since:
            found.append(Row(at, Kind.EDITED, f"{path} was written", PurePosixPath(path)))
    return sorted(found, key=lambda row: row.at)[-MOST_EDITED:]

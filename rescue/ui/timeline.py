"""What the disk remembers, on the terminal: in a few lines of an inspection, and the whole time line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rescue.facts import Facts
from rescue.logs.last_boot import LastBoot
from rescue.logs.last_login import LastLogin
from rescue.logs.sayings import Kind
from rescue.logs.timeline import Row, weightiest
from rescue.story.whole import Story
from rescue.text.safe import cut, safe
from rescue.ui.report import HANG, Report

FEW = 3
"""Rows that an inspection shows."""
BAD = frozenset(
    {
        Kind.EMERGENCY, Kind.PANIC, Kind.SSHD_ERROR, Kind.DROPPED, Kind.BAN, Kind.READ_ONLY, Kind.NO_SPACE,
        Kind.FILE_SYSTEM, Kind.UNIT_FAILED, Kind.OOM,
    }
)  # fmt: skip


def day(at: datetime, now: datetime) -> str:
    """A time as people say it: the year only where it is another one."""
    year = f" {at.year}" if at.year != now.year else ""
    return f"{at.day} {_MONTHS[at.month - 1]}{year} at {at:%H:%M} UTC"


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def last_login_words(login: LastLogin, facts: Facts) -> str:
    """One sentence: who last logged in, from where, when, with which key, and whether that is still known."""
    source = f" from {login.address}" if login.address is not None else ""
    how = f" with the key {safe(login.key_type)} {safe(login.fingerprint)}" if login.fingerprint else ""
    if not how and login.method:
        how = f" by {safe(login.method)}"
    port = f" to port {login.port}" if login.port not in (None, facts.dialled) else ""
    return f"Last login: {safe(login.user)}{source}{port} on {day(login.at, facts.now)}{how}."


def last_boot_words(boot: LastBoot, now: datetime) -> str:
    """One sentence about the last boot."""
    when = f" of {day(boot.at, now)}" if boot.at is not None else ""
    if boot.loop:
        return f"The last {boot.loop} boots, the last one{when}, each ended within minutes: a crash loop."
    if boot.panic is not None:
        return f"The last boot{when} stopped: {safe(cut(boot.panic.message.strip(), 160))}"
    if boot.emergency is not None and not boot.came_up:
        first = f" It began with: {safe(cut(boot.failed[0].message.strip(), 160))}" if boot.failed else ""
        return f"The last boot{when} ended in emergency mode.{first}"
    if boot.came_up:
        heard = ", ".join(f"{address} port {port}" for address, port in boot.listening[:3])
        return f"The last boot{when} came up" + (f"; sshd listened on {safe(heard)}." if heard else ".")
    return f"The last boot{when}: the logs do not show that it reached its login services."


def remembered(report: Report, facts: Facts, more: str, alone: str = "") -> None:
    """What an inspection says of it: the last login, what happened since in three lines, a boot that went wrong.

    more: the command that tells all of it. alone: the one that judges for that login alone, where all are judged.
    """
    login, boot = facts.last_login, facts.last_boot
    if facts.client.console and boot is None:
        report.line(NO_BOOT_ON_CONSOLE, "yellow")
        report.line()
    if login is not None:
        report.line(last_login_words(login, facts))
        if alone:
            report.line(f"Judged for that login alone: {alone}", indent=HANG)
        rows = weightiest(facts.since_last_login, FEW)
        if rows:
            report.line("Since then:")
            _table(report, rows)
            if len(facts.since_last_login) > len(rows):
                report.line(f"All of it: {more}", indent=HANG)
    if boot is not None and (not boot.came_up or boot.loop):
        report.line(last_boot_words(boot, facts.now), "yellow")
    if login is not None or (boot is not None and (not boot.came_up or boot.loop)):
        report.line()


NO_BOOT_ON_CONSOLE = (
    "Nothing in the text given with --console tells of a boot. Save all that the provider's serial console shows."
)


def told(report: Report, story: Story, facts: Facts) -> None:
    """The whole time line."""
    if story.login is not None:
        report.line(last_login_words(story.login, facts), "bold")
    else:
        report.line("The logs tell of no login over SSH.", "bold")
    if facts.client.console and story.boot is None:
        report.line(NO_BOOT_ON_CONSOLE, "yellow")
    if story.boot is not None:
        report.line(last_boot_words(story.boot, facts.now))
        for event in story.boot.failed[:6]:
            report.line(f"failed: {safe(cut(event.message.strip(), 160))}", indent=HANG, hang=2)
        for seen in story.boot.interfaces[:6]:
            rest = [seen.mac, f"address {seen.address}" if seen.address else "", "link up" if seen.up else ""]
            report.line(
                f"network interface {safe(seen.name)} {' '.join(word for word in rest if word)}".rstrip(), indent=HANG
            )
    report.line()
    if story.rows:
        report.line(f"{'Since then' if story.login is not None else 'What the logs tell'}, in UTC:")
        _table(report, story.rows)
    else:
        report.line("Nothing that bears on a login has happened since, as far as the logs tell.")
    for each in story.unread:
        report.line(f"Note: {safe(each)}", "yellow")
    report.line()


def _table(report: Report, rows: Iterable[Row]) -> None:
    for row in rows:
        again = f" ({row.count} times)" if row.count > 1 and row.kind is not Kind.PACKAGE else ""
        text = f"{row.at:%Y-%m-%d %H:%M}  {row.kind!s:<17} {safe(row.what)}{again}"
        report.line(text, "yellow" if row.kind in BAD else "", HANG, 36)

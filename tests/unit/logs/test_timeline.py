"""What happened since the last login: which events bear on the next one, in which words, and which are few enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import PurePosixPath

import pytest

from rescue.logs.last_login import last_login
from rescue.logs.remembered import Remembered, remembered
from rescue.logs.sayings import Kind
from rescue.logs.sources import BUDGET, LOGS, journals, text_logs
from rescue.logs.timeline import Row, timeline, weightiest
from rescue.tree import Entry, NotCaptured, Read, Tree, directory, file
from rescue.tree import Kind as FileKind
from tests.remembering import ACCEPTED, AT, JOURNAL, UP, journal_of

pytestmark = pytest.mark.unit

LOGIN = f"2026-11-29T10:00:00Z server sshd[9]: {ACCEPTED}\n"


def at(entry: Entry, minutes: int) -> Entry:
    return replace(entry, mtime=int((AT + timedelta(minutes=minutes)).timestamp()) * 10**9)


def rows(files: dict[str, Entry | str | bytes]) -> tuple[Row, ...]:
    tree = Tree.of(files)
    known = remembered(tree, AT, whole=True)
    return timeline(tree, known.events, last_login(tree, known.events, {}), 22)


def told(files: dict[str, Entry | str | bytes]) -> list[tuple[Kind, str]]:
    return [(row.kind, row.what) for row in rows(files)]


def test_the_story_of_a_lock_out() -> None:
    auth = LOGIN + (
        "2026-11-29T10:05:00Z server sudo:    alice : PWD=/ ; USER=root ; COMMAND=/usr/sbin/ufw enable\n"
        "2026-11-29T10:06:00Z server sudo:    alice : PWD=/ ; USER=root ; COMMAND=/usr/bin/less /var/log/x\n"
    )
    dropped = (
        "{}Z server kernel: [ 9.1] [UFW BLOCK] IN=eth0 OUT= SRC={} DST=192.0.2.2 LEN=60 TTL=50 "
        "ID=1 DF PROTO=TCP SPT=5 DPT={} WINDOW=64240\n"
    )
    kern = "".join(
        dropped.format(*each)
        for each in (
            ("2026-11-29T10:07:00", "198.51.100.9", 22),
            ("2026-11-29T10:08:00", "203.0.113.7", 443),
            ("2026-11-29T10:09:00", "203.0.113.7", 22),
            ("2026-11-29T10:09:09", "203.0.113.7", 22),
        )
    )
    found = rows(
        {
            "/var/log/auth.log": auth,
            "/var/log/kern.log": kern,
            "/var/log/dpkg.log": "2026-11-29 09:00:00 upgrade ufw:all 0.36.1 0.36.2\n"
            "2026-11-29 10:01:00 install ufw:all <none> 0.36.2\n2026-11-29 10:01:09 upgrade vim:amd64 1 2\n",
            "/etc/ufw/ufw.conf": at(file("ENABLED=yes\n"), 5),
            "/etc/hosts": at(file("x"), -5),
        }
    )
    assert [(row.kind, row.what, row.count) for row in found] == [
        (Kind.PACKAGE, "ufw 0.36.2 installed", 1),
        (Kind.SUDO, "alice ran: /usr/sbin/ufw enable", 1),
        (Kind.EDITED, "/etc/ufw/ufw.conf was written", 1),
        (Kind.DROPPED, "the firewall dropped a packet from 203.0.113.7 to port 22", 2),
    ]
    assert [row.kind for row in weightiest(found, 2)] == [Kind.SUDO, Kind.DROPPED]


def test_secrets_in_commands_are_not_told() -> None:
    line = "2026-11-29T10:05:00Z server sudo:  alice : PWD=/ ; USER=root ; COMMAND=/bin/sh -c 'password=hunter2 x'\n"
    assert told({"/var/log/auth.log": LOGIN + line}) == [
        (Kind.SUDO, "alice ran: /bin/sh ..."),
    ]


def test_apt_tells_its_command() -> None:
    history = (
        "\nStart-Date: 2026-11-29  11:00:00\nCommandline: /usr/bin/unattended-upgrade\nUpgrade: vim:amd64 (1, 2)\n"
        "End-Date: 2026-11-29  11:00:09\n"
    )
    assert told({"/var/log/auth.log": LOGIN, "/var/log/apt/history.log": history}) == [
        (Kind.PACKAGE, "ran: /usr/bin/unattended-upgrade"),
    ]


def test_packages_that_came_together_are_one_row() -> None:
    lines = "".join(f"2026-11-29 10:{10 + number}:00 upgrade systemd-{number}:amd64 1 2\n" for number in range(6))
    lines += "2026-11-29 12:00:00 remove ufw:all 1 <none>\n"
    assert told({"/var/log/auth.log": LOGIN, "/var/log/dpkg.log": lines}) == [
        (Kind.PACKAGE, ", ".join(f"systemd-{number} upgraded from 1 to 2" for number in range(4)) + " and 2 more"),
        (Kind.PACKAGE, "ufw removed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "path, line, what",
    [
        (
            "/var/log/dnf.rpm.log",
            "2026-11-29T11:00:00+0000 SUBDEBUG Upgraded: openssh-server-8.7p1-38.el9.x86_64",
            "openssh-server-8.7p1-38.el9.x86_64 upgraded",
        ),
        (
            "/var/log/zypp/history",
            "2026-11-29 11:00:00|install|openssh|9.6p1-1.1|x86_64|root@h|oss|abc|",
            "openssh 9.6p1-1.1 installed",
        ),
        (
            "/var/log/zypp/history",
            "2026-11-29 11:00:00|remove |openssh-server|9.6p1-1.1|x86_64|root@h|",
            "openssh-server removed",
        ),
    ],
)
def test_packages_of_other_distributions(path: str, line: str, what: str) -> None:
    assert told({"/var/log/auth.log": LOGIN, path: line + "\n"}) == [(Kind.PACKAGE, what)]


@pytest.mark.parametrize(
    "line",
    [
        "sshd[1]: Failed password for root from 198.51.100.9 port 5 ssh2",
        "sudo:  alice : PWD=/ ; USER=root ; COMMAND=/usr/bin/less x",
        "kernel: Out of memory: Killed process 812 (mysqld) total-vm:1",
        "fail2ban: [sshd] Ban 198.51.100.9",
    ],
)
def test_what_does_not_bear_on_this_login(line: str) -> None:
    assert told({"/var/log/auth.log": f"{LOGIN}2026-11-29T10:05:00Z server {line}\n"}) == []


def test_without_a_login_everything_is_told_and_no_file() -> None:
    files: dict[str, Entry | str | bytes] = {
        "/var/log/kern.log": "2026-11-29T10:05:00Z server kernel: Linux version 6.1.0\n",
        "/etc/hosts": at(file("x"), 9),
    }
    assert told(files) == [(Kind.BOOT, "started, with kernel 6.1.0")]


def test_where_the_journal_tells_enough_no_syslog_is_read() -> None:
    tree = Tree.of({JOURNAL: journal_of(UP), "/var/log/auth.log": LOGIN})
    assert {each.source for each in remembered(tree, AT, whole=False).events} == {PurePosixPath(JOURNAL)}
    assert {each.source.name for each in remembered(tree, AT, whole=True).events} == {"system.journal", "auth.log"}


def test_a_journal_that_ended_long_before_syslog_is_not_enough() -> None:
    files = {JOURNAL: at(file(journal_of(UP)), 0), "/var/log/auth.log": at(file(LOGIN), 3 * 24 * 60)}
    sources = {each.source.name for each in remembered(Tree.of(dict(files)), AT, whole=False).events}
    assert sources == {"system.journal", "auth.log"}


HUGE = Entry(FileKind.FILE, 0o640, size=50 << 30)


def test_a_log_of_50_gb_is_not_read_and_that_is_said() -> None:
    tree = Tree.of({"/var/log/auth.log": HUGE, "/var/log/auth.log.1": LOGIN, JOURNAL: HUGE})
    known = remembered(tree, AT, whole=True)
    assert [each.kind for each in known.events] == [Kind.LOGIN]
    assert [each.partition(" was not read")[0] for each in known.unread] == [JOURNAL, "/var/log/auth.log"]


def test_no_more_than_the_budget_is_read_the_newest_first() -> None:
    large = Entry(FileKind.FILE, 0o640, size=15 << 20, data=b"")
    tree = Tree.of({f"/var/log/syslog.{number}": at(large, -number) for number in range(1, 9)})
    chosen = text_logs(tree)
    assert [path.name for path in chosen.paths] == ["syslog.1", "syslog.2", "syslog.3", "syslog.4"]
    assert sum(large.size for _ in chosen.paths) <= BUDGET
    assert len(chosen.unread) == 4


def test_all_that_is_to_be_read_is_asked_for_at_once() -> None:
    names = ("auth.log", "kern.log")
    folders = {path: directory() for path in ("/", "/etc", "/var", LOGS)}
    listed = {f"{LOGS}/{name}": Entry(FileKind.FILE, 0o640, size=9) for name in names}
    listing = [Read("/var/log/journal", 2, content=False), Read("/etc/machine-id", 0), Read(LOGS, 1, content=False)]
    tree = Tree({**folders, **listed}, [*listing, Read("/etc/localtime", 0)])
    with pytest.raises(NotCaptured) as missing:
        remembered(tree, AT, whole=False)
    assert {read.path for read in missing.value.reads} == set(listed)


def test_the_journal_of_this_machine_comes_before_anothers() -> None:
    other = JOURNAL.replace("0123456789abcdef0", "f123456789abcdef0")
    data = journal_of(UP)
    tree = Tree.of({JOURNAL: data, other: data, "/etc/machine-id": "0123456789abcdef0123456789abcdef\n"})
    assert journals(tree).paths == (PurePosixPath(JOURNAL),)
    assert journals(tree.remove(JOURNAL)).paths == (PurePosixPath(other),)


@pytest.mark.parametrize("data", [b"TZif", b"TZif2" + bytes(60), b"TZif2" + b"\xff" * 60, b"junk"])
def test_a_damaged_time_zone_is_utc(data: bytes) -> None:
    tree = Tree.of({"/etc/localtime": data, "/var/log/auth.log": f"Nov 29 10:00:00 server sshd[9]: {ACCEPTED}\n"})
    assert [each.at for each in remembered(tree, AT, whole=False).events] == [AT]


def test_nothing_is_remembered_of_nothing() -> None:
    assert remembered(Tree.of({}), AT, whole=True) == Remembered()

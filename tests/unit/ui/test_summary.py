"""The last screen: whatever was found, it fits a console, and everything needed is in it or counted."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import PurePosixPath

import pytest

from rescue.examine import Examination, examine
from rescue.login_path import login_path
from rescue.model import Client, Finding, Gap, Location, Severity, Step, Symptom
from rescue.ui.report import Report, console
from rescue.ui.summary import ROOM, rows, summary
from tests.trees import KEY, server

pytestmark = pytest.mark.unit

THREE = """\
lab (Debian GNU/Linux 12 (bookworm)) on disk.img: 2 problems keep you out. ssh
would say:
  ssh: connect to host SERVER port 22: Connection refused

  1 service   sshd does not start: unknown keyword PermitRootLogn. See
              /etc/ssh/sshd_config:1.
              /etc/ssh/sshd_config:1
  2 account   /etc/nologin exists, so only root can log in; it blocks alice.
              /etc/nologin:1

  root   blocked by 1
  alice  blocked by 1, 2
  not judged: whether the machine boots comple... (watch the provider's console)
  not judged: whether the network come... (compare it with the provider's panel)
  not judged: whether root's one key is yours (--key FILE)
  not judged: whether alice's one key is yours (--key FILE)
  not judged until that is repaired: listen, accept, session

boot ?, disk ok, network ?, SERVICE BROKEN, listen ?, firewall ok, accept ?,
  ACCOUNT BROKEN, key ?, session ? (?: not judged)
"""


def broken() -> Examination:
    made = {"/etc/ssh/sshd_config": "PermitRootLogn yes\n", "/etc/nologin": "closed\n"}
    made |= {"/root/.ssh/authorized_keys": f"{KEY} r\n"}
    return examine(server(made), Client())


def found(number: int, users: int = 1, gaps: int = 0, severity: Severity = Severity.BROKEN) -> Examination:
    """An examination with so many findings, accounts and gaps."""
    names = [f"user{at}" for at in range(users)]
    findings = [
        Finding(
            f"cause-{at}",
            Step.ACCOUNT,
            severity,
            f"Account rule {at} blocks the login. {'It is a long story, told in many words. ' * 6}",
            Symptom.DENIED,
            (Location(PurePosixPath(f"/etc/file{at}"), at + 1, "a line"),),
            subject=names[at % users],
        )
        for at in range(number)
    ]
    missing = [
        Gap(f"gap-{at}", Step.BOOT, f"whether the part {at} of the machine comes up", "look") for at in range(gaps)
    ]
    return replace(examine(server({}), Client()), path=login_path(findings, Step, missing, names))


def last(examination: Examination, width: int = 80, room: int = ROOM) -> list[str]:
    return summary(examination, "/dev/vda", "ssh: Connection refused", ["rescue fix /dev/vda"], width, room)


def test_the_screen_of_a_broken_server() -> None:
    made = summary(broken(), "disk.img", "ssh: connect to host SERVER port 22: Connection refused", [], 80)
    assert "\n".join(made).startswith(THREE)


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("room", [13, 16, ROOM])
@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize(("number", "users", "gaps"), [(1, 1, 0), (3, 2, 5), (9, 9, 9), (40, 300, 200), (0, 5, 30)])
def test_it_fits_whatever_was_found(
    width: int, room: int, severity: Severity, number: int, users: int, gaps: int
) -> None:
    made = last(found(number, users, gaps, severity), width, room)
    assert rows(made, width) <= room
    assert all(len(line) <= width and line == line.rstrip() for line in made)
    assert "ssh: Connection refused" in "\n".join(made)
    assert made[-1] == "rescue fix /dev/vda"


def test_what_is_left_out_is_counted() -> None:
    said = "\n".join(last(found(40, 300, 200)))
    shown = said.count("cause-")
    assert shown >= 3
    assert f"and {40 - shown} more problems" in said
    assert "and 298 more accounts" in said
    assert "not judged: 199 more" in said
    assert "40 problems keep you out" in said


def test_who_is_blocked_is_named_before_who_is_not() -> None:
    made = found(1, 9)
    blocked = made.path.users[0].user
    assert any(line.startswith(f"  {blocked}") and "blocked by 1" in line for line in last(made, room=13))


def test_a_doubt_is_no_certainty() -> None:
    said = "\n".join(last(found(1, severity=Severity.DOUBTFUL)))
    assert "1 thing may keep you out" in said
    assert "perhaps: Account rule 0" in said
    assert "perhaps blocked by 1" in said


def test_another_port_is_said_where_nothing_is_wrong() -> None:
    made = examine(server({"/etc/ssh/sshd_config": "Port 2222\nUsePAM yes\n"}), Client(port=2222))
    assert "  sshd listens on port 2222: ssh -p 2222 ..." in summary(made, "d", "", [], 80)


def test_a_hostile_message_does_not_drive_the_terminal() -> None:
    bad = Finding("cause", Step.KEY, Severity.BROKEN, "\x1b[2Jgone\nfaked", Symptom.DENIED)
    made = replace(examine(server({}), Client()), path=login_path([bad], Step))
    assert all(line.isprintable() for line in last(made))


def test_the_report_counts_the_rows_of_a_terminal() -> None:
    report = Report(console(StringIO()))
    report.exact("x" * 161)
    report.line("short")
    report.line()
    assert report.rows == 5


def test_the_last_screen_ends_with_what_to_type() -> None:
    out = StringIO()
    Report(console(out)).last_screen(broken(), "disk.img", "disk.img")
    lines = out.getvalue().rstrip("\n").split("\n")
    assert len(lines) <= ROOM
    assert lines[-2:] == [
        "rescue fix disk.img   shows every change, asks before writing",
        "rescue explain sshd-config-error   what happened, in full",
    ]

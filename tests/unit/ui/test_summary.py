"""The last screen: whatever was found, it fits on a console and holds what a person needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.examine import Examination, examine
from rescue.login_path import login_path
from rescue.model import Client, Finding, Severity, Step, Symptom
from rescue.ui.summary import ROWS, summary
from tests.trees import server

pytestmark = pytest.mark.unit


def _lines(
    examination: Examination, *, width: int = 80, rows: int = ROWS, following: tuple[str, ...] = ()
) -> list[str]:
    words = "" if examination.path.first is None else "ssh: connect to host SERVER port 22: Connection refused"
    return [each.text for each in summary(examination, "/dev/vda", words, following, width, rows)]


def _found(findings: int, users: int = 2, severity: Severity = Severity.BROKEN) -> Examination:
    """A healthy server, and as many findings and accounts as asked for."""
    made = [
        Finding(f"cause-{at}", Step.SERVICE, severity, f"Problem {at}, " + "explained at length. " * 8, Symptom.REFUSED)
        for at in range(1, findings + 1)
    ]
    whole = examine(server({}), Client())
    return replace(whole, path=login_path(made, Step, whole.path.gaps, [f"user{at}" for at in range(users)]))


@pytest.mark.parametrize("findings", [0, 1, 3, 12, 300])
@pytest.mark.parametrize("users", [0, 1, 9, 500])
@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("rows", [14, ROWS])
def test_it_fits_whatever_was_found(findings: int, users: int, width: int, rows: int) -> None:
    following = ("rescue fix /dev/vda", "rescue explain cause-1") if rows == ROWS else ()
    lines = _lines(_found(findings, users), width=width, rows=rows, following=following)
    assert len(lines) < rows
    assert [line for line in lines if len(line) > width] == []
    text = "\n".join(lines)
    assert (f"{findings} problem" in text.replace("\n", " ")) == bool(findings)
    assert ("  1 service " in text) == bool(findings)
    assert [line for line in following if f"  {line}" not in lines] == []


def test_a_broken_server() -> None:
    judged = examine(server({"/etc/ssh/sshd_config": "PermitRootLogn yes\n", "/etc/nologin": "closed\n"}), Client())
    assert _lines(judged, following=("rescue fix /dev/vda", "rescue explain sshd-config-error")) == [
        "lab (Debian GNU/Linux 12 (bookworm)) on /dev/vda: 2 problems keep you out. ssh",
        "would say:",
        "  ssh: connect to host SERVER port 22: Connection refused",
        "",
        "  1 service   sshd does not start: unknown keyword PermitRootLogn. See /etc/s...",
        "  2 account   /etc/nologin exists, so only root can log in; it blocks alice.",
        "",
        "  root     can't log in: 1",
        "  alice    can't log in: 1, 2",
        "",
        "  not judged: whether the machine boots completely   watch the provider's con...",
        "  not judged: whether the network comes up with the provider's address   comp...",
        "  not judged: whether root's one key is yours   --key FILE",
        "  not judged: whether alice's one key is yours   --key FILE",
        "",
        "  boot ?  disk ok  network ?  SERVICE  listen -  firewall ok  accept -  ACCOUNT",
        "  key ?  session -",
        "",
        "  rescue fix /dev/vda",
        "  rescue explain sshd-config-error",
    ]


def test_who_can_not_log_in_comes_first() -> None:
    """Of many accounts those are shown that somebody has to worry about."""
    whole = _found(0, 20)
    one = Finding("bad-shell", Step.SESSION, Severity.BROKEN, "No shell.", Symptom.CLOSED, users=("user19",))
    names = [f"user{at}" for at in range(20)]
    lines = _lines(replace(whole, path=login_path([one], Step, whole.path.gaps, names)))
    accounts = [line for line in lines if line.startswith("  user")]
    assert accounts[0] == "  user19   can't log in: 1"
    assert any(line.endswith("more, see above") for line in lines)


def test_a_doubt_is_not_said_for_sure() -> None:
    text = "\n".join(_lines(_found(2, severity=Severity.DOUBTFUL)))
    assert "2 problems may keep you out" in text.replace("\n", " ")
    assert "  1 service   perhaps: Problem 1" in text
    assert "SERVICE" not in text


def test_nothing_found_is_not_called_clear_where_something_was_not_judged() -> None:
    text = " ".join(_lines(examine(server({}), Client())))
    assert "nothing wrong found, but not everything that decides could be judged" in text
    assert "no problem found" not in text

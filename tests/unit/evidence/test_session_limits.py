"""Limits with which no shell may start."""

from __future__ import annotations

import pytest

from rescue.model import Client
from rescue.tree import file
from tests.judging import ME, gaps_of
from tests.pam_files import MODULES, SSHD, with_pam

pytestmark = pytest.mark.unit

LIMITS = "/etc/security/limits.d/90-local.conf"


def _with(line: str, client: Client = ME) -> list[tuple[str, str]]:
    files = with_pam(sshd=SSHD + "session required pam_limits.so\n")
    return gaps_of({**files, f"{MODULES}/pam_limits.so": file("ELF", 0o644), LIMITS: line + "\n"}, client)


@pytest.mark.parametrize(
    "line",
    [
        "* hard nproc 2",
        "@sudo - as 1",
        "alice - stack 16",
        "* - nofile unlimited",
        "* hard nofile 3",
        "* - data 1",
        "* hard cpu 1",
        "alice - chroot /nowhere",
        "* hard maxlogins 1",
        "1000: hard fsize 0",
    ],
)
def test_a_limit_that_may_be_too_low(line: str) -> None:
    assert _with(line) == [("session", "session-limits")]


@pytest.mark.parametrize(
    "line",
    [
        "* soft nofile 65536",
        "* hard core 0",
        "* hard nproc 4096",
        "* hard maxlogins 10",
        "bob hard nproc 1",
        "@wheel - as 1",
        "* - memlock unlimited",
        "* - priority 10",
        "# * hard nproc 1",
    ],
)
def test_one_that_suffices_or_is_for_others(line: str) -> None:
    assert _with(line) == []


def test_root_is_held_by_lines_of_its_own_alone() -> None:
    root = Client(user="root", key=ME.key)
    assert _with("* hard nofile 3", root) == []
    assert _with("root hard nofile 3", root) == [("session", "session-limits")]

"""Profiles of AppArmor for what a login is made of."""

from __future__ import annotations

import pytest

from rescue.tree import symlink
from tests.judging import Changes, gaps_of

pytestmark = pytest.mark.unit

UNIT = "/usr/lib/systemd/system/apparmor.service"
STARTED: Changes = {
    UNIT: "[Service]\nExecStart=/lib/apparmor/apparmor.systemd reload\n",
    "/etc/systemd/system/multi-user.target.wants/apparmor.service": symlink(UNIT),
}
PROFILE = "#include <tunables/global>\n/usr/sbin/sshd {\n  /etc/ssh/** r,\n}\n"


def _with(path: str, text: str) -> list[tuple[str, str]]:
    files: Changes = {**STARTED, f"/etc/apparmor.d/{path}": text}
    return gaps_of(files)


@pytest.mark.parametrize(
    "text", [PROFILE, "profile sshd /usr/sbin/sshd {\n}\n", "/{usr/,}sbin/sshd flags=(attach_disconnected) {\n}\n"]
)
def test_a_profile_of_sshd(text: str) -> None:
    assert _with("usr.sbin.sshd", text) == [("accept", "apparmor-profile"), ("session", "apparmor-profile")]


def test_a_profile_of_the_shell() -> None:
    assert _with("bash", "/bin/bash {\n}\n") == [("session", "apparmor-profile")]


def test_what_forbids_nothing() -> None:
    assert _with("usr.sbin.sshd", "/usr/sbin/sshd flags=(complain) {\n}\n") == []
    assert _with("usr.sbin.ntpd", "/usr/sbin/ntpd {\n  /usr/sbin/sshd r,\n}\n") == []
    off: Changes = {**STARTED, "/etc/apparmor.d/usr.sbin.sshd": PROFILE}
    assert gaps_of({**off, "/etc/apparmor.d/disable/usr.sbin.sshd": symlink("../usr.sbin.sshd")}) == []
    assert gaps_of({"/etc/apparmor.d/usr.sbin.sshd": PROFILE}) == []

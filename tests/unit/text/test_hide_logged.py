"""Lines of logs that leave the server: what happened stays, what may be a password goes."""

from __future__ import annotations

import pytest

from rescue.text.secrets import hide_logged, logged_command

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "command",
    [
        "/usr/sbin/ufw enable",
        "/usr/bin/systemctl disable --now ssh",
        "iptables -P INPUT DROP",
        "/bin/chmod -R 777 /",
        "ls",
    ],
)
def test_what_changes_a_login_stays_whole(command: str) -> None:
    assert logged_command(command) == command


@pytest.mark.parametrize(
    "command",
    ["/usr/bin/mysql -uroot -pSECRET x", "bash -c echo root:SECRET | chpasswd", "sshpass -p SECRET ssh x",
     "usermod -p SECRET alice", "/usr/bin/tailscale up --authkey SECRET"],
)  # fmt: skip
def test_arguments_that_may_be_a_password_go(command: str) -> None:
    assert logged_command(command) == f"{command.split()[0]} ..."


def test_a_name_that_no_account_has_may_be_a_password() -> None:
    lines = [
        "sshd[1]: Failed password for invalid user SECRET from 192.0.2.7 port 5 ssh2",
        "sshd[1]: Invalid user SECRET from 192.0.2.7",
        "sudo: alice : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/mysql -pSECRET",
        "sshd[1]: Failed password for alice from 192.0.2.7 port 5 ssh2",
    ]
    shown = hide_logged(lines)
    assert "SECRET" not in "".join(shown)
    assert shown[3] == lines[3]
    assert "for invalid user (hidden) from 192.0.2.7" in shown[0]

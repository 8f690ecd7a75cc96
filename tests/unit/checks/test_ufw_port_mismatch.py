"""ufw allows SSH on a port that is not the SSH server's."""

from __future__ import annotations

import pytest

from rescue.model import Client, Symptom
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import SSHD_CONFIG
from tests.unit.firewall.files import USER, USER6, allow, came_from, with_ufw

pytestmark = pytest.mark.unit

CHECK = "ufw-port-mismatch"
MOVED = {"ssh__sshd_config": "Port 2222\n" + SSHD_CONFIG}
OPENSSH = (
    "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in\n"
    "-A % -p tcp --dport 22 -j ACCEPT -m comment --comment 'dapp_OpenSSH'"
)


@pytest.mark.parametrize("rule", [allow(22), OPENSSH])
def test_the_server_moved_and_the_firewall_was_not_told(rule: str) -> None:
    found = only_finding(with_ufw(allow(80), rule, **MOVED), CHECK)
    assert found.symptom is Symptom.TIMED_OUT
    assert found.locations[0].text.startswith("-A ufw-user-input -p tcp --dport 22 ")
    assert "2222" in found.message


def test_the_repair_allows_the_servers_port_and_leaves_the_other_rule() -> None:
    plan = mended(with_ufw(allow(22), allow(22, "::/0"), **MOVED))
    assert changed_paths(plan) == [USER, USER6]
    assert [line for line in diff(plan, USER)[1] if line] == [
        "### tuple ### allow tcp 2222 0.0.0.0/0 any 0.0.0.0/0 in",
        "-A ufw-user-input -p tcp --dport 2222 -j ACCEPT",
    ]
    assert diff(plan, USER)[0] == []


def test_a_known_client_alone_is_let_in() -> None:
    plan = mended(with_ufw(allow(22), **MOVED), came_from("203.0.113.5"))
    assert changed_paths(plan) == [USER]
    assert "-A ufw-user-input -p tcp --dport 2222 -s 203.0.113.5 -j ACCEPT" in diff(plan, USER)[1]


def test_a_rule_that_says_in_its_comment_that_it_is_for_ssh_counts() -> None:
    note = " comment=" + b"my SSH door".hex()
    assert causes(with_ufw(allow(8443, note=note))) == [CHECK]
    assert causes(with_ufw(allow(8443))) == ["ufw-no-ssh-rule"]


@pytest.mark.parametrize("port", [2200, 2222, 22022])
def test_the_firewall_was_told_of_a_move_and_the_server_was_not(port: int) -> None:
    assert causes(with_ufw(allow(port))) == [CHECK]
    plan = mended(with_ufw(allow(port)))
    assert "-A ufw-user-input -p tcp --dport 22 -j ACCEPT" in diff(plan, USER)[1]


def test_the_right_port_is_no_finding() -> None:
    assert causes(with_ufw(allow(2222), **MOVED), Client(port=2222)) == []
    assert causes(with_ufw(allow(22))) == []

"""ufw is on and nothing lets SSH in."""

from __future__ import annotations

import pytest

from rescue.facts import Facts
from rescue.model import Client, Safety, Severity, Symptom
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.trees import SSHD_CONFIG
from tests.unit.firewall.files import DEFAULTS, LIMIT, USER, USER6, allow, came_from, with_ufw

pytestmark = pytest.mark.unit

CHECK = "ufw-no-ssh-rule"
RULE = "-A ufw-user-input -p tcp --dport 22 -j ACCEPT"
TUPLE = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"


def test_ufw_was_switched_on_before_ssh_was_allowed() -> None:
    found = only_finding(with_ufw(allow(80), allow(443)), CHECK)
    assert found.severity is Severity.BROKEN
    assert found.symptom is Symptom.TIMED_OUT
    assert [str(place) for place in found.locations] == ["/etc/default/ufw:2", "/etc/ufw/ufw.conf:1"]
    assert "no rule for SSH" in found.message
    (repair,) = found.repairs
    assert repair.safety is Safety.SAFE
    assert "open to the internet" in repair.weakens


def test_the_repair_adds_the_rule_to_both_files() -> None:
    plan = mended(with_ufw(allow(80)))
    assert changed_paths(plan) == [USER, USER6]
    gone, came = diff(plan, USER)
    assert gone == []
    assert [line for line in came if line] == [TUPLE, RULE]
    assert [line for line in diff(plan, USER6)[1] if line] == [
        "### tuple ### allow tcp 22 ::/0 any ::/0 in",
        "-A ufw6-user-input -p tcp --dport 22 -j ACCEPT",
    ]


def test_a_known_client_alone_is_let_in() -> None:
    plan = mended(with_ufw(allow(80)), came_from("203.0.113.5"))
    assert changed_paths(plan) == [USER]
    assert [line for line in diff(plan, USER)[1] if line] == [
        "### tuple ### allow tcp 22 0.0.0.0/0 any 203.0.113.5 in",
        "-A ufw-user-input -p tcp --dport 22 -s 203.0.113.5 -j ACCEPT",
    ]
    assert plan.mends[0].repair.weakens == "203.0.113.5 can connect to port 22"


def test_a_client_with_ipv6_is_let_in_by_the_other_file() -> None:
    tree = with_ufw(allow(80))
    assert causes(tree, came_from("2001:db8:5::5")) == [CHECK]
    assert changed_paths(mended(tree, came_from("2001:db8:5::5"))) == [USER6]


def test_clients_of_both_kinds_get_a_rule_each() -> None:
    who = came_from("203.0.113.5", "2001:db8:5::5")
    assert causes(with_ufw(), who) == [CHECK, CHECK]
    assert changed_paths(mended(with_ufw(), who)) == [USER, USER6]


def test_reject_is_seen_as_refused() -> None:
    tree = with_ufw(default__ufw=DEFAULTS.replace('INPUT_POLICY="DROP"', 'INPUT_POLICY="REJECT"'))
    assert only_finding(tree, CHECK).symptom is Symptom.REFUSED
    mended(tree)


def test_without_ipv6_its_file_is_left_alone() -> None:
    tree = with_ufw(default__ufw=DEFAULTS.replace("IPV6=yes", "IPV6=no"))
    assert changed_paths(mended(tree)) == [USER]


def test_a_rule_that_denies_ssh_is_no_rule_that_lets_it_in() -> None:
    tree = with_ufw(allow(22, verb="deny"))
    only_finding(tree, CHECK)
    plan = mended(tree)
    new = (plan.after.facts.tree.text(USER) or "").split("\n")
    assert new.index(RULE) < new.index("-A ufw-user-input -p tcp --dport 22 -j DROP")


def test_a_comment_line_without_its_rule_lets_nobody_in() -> None:
    """`ufw status` shows the rule all the same."""
    plan = mended(with_ufw("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in", allow(22, "::/0")))
    assert diff(plan, USER) == ([], [RULE])
    assert changed_paths(plan) == [USER]


@pytest.mark.parametrize("rule", [allow(22), LIMIT, allow("20:30"), allow(22, verb="allow", note=" comment=737368")])
def test_a_rule_that_lets_everybody_in_is_no_finding(rule: str) -> None:
    assert causes(with_ufw(rule)) == []
    assert causes(with_ufw(rule), came_from("203.0.113.5")) == []


def test_a_ufw_that_is_off_is_no_finding() -> None:
    assert causes(with_ufw(**{"ufw__ufw.conf": "ENABLED=no\n"})) == []
    assert causes(with_ufw(**{"ufw__ufw.conf": "ENABLED=Yes\n"})) == []


def test_a_ufw_that_is_not_started_is_no_finding() -> None:
    link = {"systemd__system__multi-user.target.wants__ufw.service": None}
    assert causes(with_ufw(**link)) == []


def test_a_policy_that_accepts_is_no_finding() -> None:
    assert causes(with_ufw(default__ufw=DEFAULTS.replace('INPUT_POLICY="DROP"', 'INPUT_POLICY="ACCEPT"'))) == []


def test_the_port_that_is_served_is_the_one_that_is_allowed() -> None:
    tree = with_ufw(allow(80), ssh__sshd_config="Port 2222\n" + SSHD_CONFIG)
    assert Facts(tree).dialled == 2222 or causes(tree) == ["sshd-port-moved", CHECK]
    plan = mended(tree, Client(port=2222))
    assert "-A ufw-user-input -p tcp --dport 2222 -j ACCEPT" in diff(plan, USER)[1]


def test_a_client_that_is_banned_only_over_the_other_ip_version_is_no_finding() -> None:
    assert causes(with_ufw(allow(22)), came_from("203.0.113.5")) == []


def test_junk_in_ufws_files_gives_no_error() -> None:
    for junk in (b"\x00\xff" * 100, b"'", b"*filter\nCOMMIT\n"):
        for name in ("default__ufw", "ufw__ufw.conf", "ufw__user.rules", "ufw__before.rules", "ufw__user6.rules"):
            causes(with_ufw(allow(22), **{name: junk}), came_from("203.0.113.5", "2001:db8::5"))


def test_a_rule_for_a_vpn_is_no_forgotten_rule() -> None:
    inner = allow(22).replace("0.0.0.0/0 in\n", "0.0.0.0/0 in_wg0\n").replace("-p tcp", "-i wg0 -p tcp")
    assert causes(with_ufw(inner)) == ["fw-policy-drop"]

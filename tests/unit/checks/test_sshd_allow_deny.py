from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.checks import sshd_allow_deny
from rescue.facts import Facts
from rescue.model import Client, Safety, Severity
from rescue.planner import any_repairs
from rescue.tree import Tree
from tests.checking import causes, diff, mended, only_finding
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"
DROP_IN = "/etc/ssh/sshd_config.d/50-mine.conf"
CHECK = "sshd-allow-deny"
ALICE = Client(user="alice")
AT_HOME = Client(user="alice", sources=(ip_address("203.0.113.7"),))


def policy(text: str) -> Tree:
    return server({DROP_IN: text})


def test_a_healthy_server_has_no_finding() -> None:
    assert list(sshd_allow_deny.find(Facts(server(), ALICE))) == []


def test_the_name_is_added_to_the_list_that_is_there() -> None:
    tree = policy("AllowUsers bob carol # admins\n")
    finding = only_finding(tree, CHECK, ALICE)
    assert finding.repairs[0].weakens == "alice can log in from any address"
    plan = mended(tree, ALICE)
    assert diff(plan, DROP_IN) == (["AllowUsers bob carol # admins"], ["AllowUsers bob carol alice # admins"])


def test_commas_are_explained() -> None:
    tree = policy("AllowUsers alice,bob\n")
    assert "alice,bob is one name" in only_finding(tree, CHECK, ALICE).message
    assert diff(mended(tree, ALICE), DROP_IN)[1] == ["AllowUsers alice,bob alice"]


def test_the_lists_of_two_files_add_up_and_the_last_line_grows() -> None:
    tree = server({DROP_IN: "AllowUsers bob\n", MAIN: SSHD_CONFIG + "AllowUsers carol\n"})
    assert diff(mended(tree, ALICE), MAIN) == (["AllowUsers carol"], ["AllowUsers carol alice"])


def test_the_list_of_a_block_that_applies_is_the_one_that_grows() -> None:
    tree = server({MAIN: SSHD_CONFIG + "AllowUsers alice\nMatch LocalPort 22\n  AllowUsers bob\n"})
    assert diff(mended(tree, ALICE), MAIN) == (["  AllowUsers bob"], ["  AllowUsers bob alice"])


def test_a_user_known_by_address_gets_the_new_address_only() -> None:
    tree = policy("AllowUsers alice@10.0.0.0/8\n")
    plan = mended(tree, AT_HOME)
    assert diff(plan, DROP_IN)[1] == ["AllowUsers alice@10.0.0.0/8 alice@203.0.113.7"]


def test_a_user_known_by_address_is_doubtful_until_the_address_is_told() -> None:
    tree = policy("AllowUsers alice@203.0.113.0/24\n")
    finding = only_finding(tree, CHECK, ALICE)
    assert (finding.severity, finding.repairs[0].safety) == (Severity.DOUBTFUL, Safety.MANUAL)
    assert "alice@203.0.113.0/24" in finding.reason
    assert causes(tree, AT_HOME) == []


def test_a_denied_name_is_taken_out() -> None:
    tree = policy("DenyUsers mallory alice eve\n")
    assert diff(mended(tree, ALICE), DROP_IN)[1] == ["DenyUsers mallory eve"]


def test_a_pattern_that_denies_others_too_is_not_taken_out_unasked() -> None:
    tree = policy("DenyUsers a*\n")
    (repair,) = only_finding(tree, CHECK, ALICE).repairs
    assert repair.safety is Safety.UNSAFE
    assert repair.weakens == "everybody whom a* blocks can log in"
    assert diff(mended(tree, ALICE, any_repairs), DROP_IN)[1] == ["#DenyUsers a*"]


def test_a_denied_group_is_not_taken_out_unasked() -> None:
    (repair,) = only_finding(policy("DenyGroups sudo\n"), CHECK, ALICE).repairs
    assert repair.safety is Safety.UNSAFE


def test_a_groups_list_lets_the_user_in_by_the_users_own_group() -> None:
    tree = policy("AllowGroups wheel\n")
    assert diff(mended(tree, ALICE), DROP_IN)[1] == ["AllowGroups wheel alice"]


def test_a_shared_group_would_let_others_in_and_says_whom() -> None:
    group = "root:x:0:\nsudo:x:27:alice\nalice:x:1000:bob\n"
    tree = server({DROP_IN: "AllowGroups wheel\n", "/etc/group": group})
    (repair,) = only_finding(tree, CHECK, ALICE).repairs
    assert repair.safety is Safety.UNSAFE
    assert "bob" in repair.weakens


def test_two_lists_that_both_refuse_are_one_finding_with_one_repair() -> None:
    tree = policy("AllowUsers bob\nAllowGroups wheel\nDenyUsers alice\n")
    plan = mended(tree, ALICE)
    assert diff(plan, DROP_IN)[1] == ["AllowUsers bob alice", "AllowGroups wheel alice", "#DenyUsers alice"]


def test_lists_that_leave_nobody_are_broken_for_everybody() -> None:
    tree = policy("AllowUsers bob\n")
    assert causes(tree) == [CHECK, CHECK]
    assert diff(mended(tree), DROP_IN)[1][0].startswith("AllowUsers bob alice")


def test_lists_that_leave_somebody_are_doubtful_for_a_user_with_keys() -> None:
    finding = only_finding(policy("AllowUsers root\n"), CHECK)
    assert (finding.subject, finding.severity) == ("alice", Severity.DOUBTFUL)
    assert finding.repairs[0].safety is Safety.UNSAFE


def test_lists_that_leave_root_out_are_meant() -> None:
    assert causes(policy("AllowUsers alice\n")) == []
    assert causes(policy("AllowUsers alice\n"), Client(user="root")) == [CHECK]


def test_root_who_is_kept_out_twice_is_not_let_in_unasked() -> None:
    tree = policy("AllowUsers bob\nPermitRootLogin no\n")
    assert only_finding(tree, CHECK).subject == "alice"

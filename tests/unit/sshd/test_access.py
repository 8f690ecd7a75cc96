"""Who may log in. The order and the rules are those of allowed_user in OpenSSH's auth.c."""

from __future__ import annotations

import pytest

from rescue.sshd.access import Decision, list_access, root_access
from tests.unit.sshd.configs import for_user, reading

pytestmark = pytest.mark.unit


def lists(config: str, user: str = "alice", groups: str = "alice", address: str | None = "203.0.113.7") -> Decision:
    return list_access(for_user(reading(config), user, groups, address))


def root(config: str, address: str | None = "203.0.113.7") -> Decision:
    return root_access(for_user(reading(config), "root", "root", address))


def test_without_lists_everybody_is_let_in() -> None:
    assert lists("").allowed is True


def test_an_allow_list_lets_in_only_whom_it_names() -> None:
    assert lists("AllowUsers bob alice\n").allowed is True
    decision = lists("AllowUsers bob\nAllowUsers carol\n")
    assert decision.allowed is False
    assert [(each.keyword, each.location.line, each.words) for each in decision.refusals] == [
        ("AllowUsers", 2, ("bob", "carol"))
    ]


def test_names_are_separated_by_blanks_only() -> None:
    assert lists("AllowUsers alice,bob\n").allowed is False
    assert lists("AllowUsers !bob\n").allowed is False
    assert lists("AllowUsers * !bob\n", "bob").allowed is True


def test_a_deny_list_beats_an_allow_list() -> None:
    decision = lists("AllowUsers alice\nDenyUsers a*\n")
    assert decision.allowed is False
    assert [(each.keyword, each.pattern, each.location.line) for each in decision.refusals] == [("DenyUsers", "a*", 2)]


def test_users_and_groups_must_both_pass() -> None:
    config = "AllowUsers alice\nAllowGroups wheel\n"
    assert lists(config).allowed is False
    assert lists(config, groups="alice wheel").allowed is True


def test_every_list_that_refuses_is_told() -> None:
    refusals = lists("AllowUsers bob\nAllowGroups wheel\n").refusals
    assert [each.keyword for each in refusals] == ["AllowUsers", "AllowGroups"]


def test_a_denied_group_is_enough() -> None:
    assert lists("DenyGroups users\n", groups="alice users").refusals[0].pattern == "users"


def test_a_name_with_a_place_depends_on_the_address() -> None:
    config = "AllowUsers alice@10.0.0.0/8\n"
    assert lists(config, address="10.1.2.3").allowed is True
    assert lists(config).allowed is False
    unknown = lists(config, address=None)
    assert unknown.allowed is None
    assert "alice@10.0.0.0/8" in unknown.reason


def test_a_sure_refusal_needs_no_address() -> None:
    assert lists("AllowUsers bob@10.0.0.0/8\n", address=None).allowed is False


def test_a_list_in_an_undecided_block_leaves_it_open() -> None:
    decision = lists("Match Address 10.0.0.0/8\nAllowUsers bob\n", address=None)
    assert decision.allowed is None
    assert decision.locations[0].line == 1


def test_an_undecided_block_that_says_the_same_decides() -> None:
    assert lists("AllowUsers alice\nMatch Address 10.0.0.0/8\nAllowUsers a*\n", address=None).allowed is True


def test_root_gets_in_with_a_key_by_default() -> None:
    assert root("").allowed is True
    assert root("PermitRootLogin yes\n").allowed is True


@pytest.mark.parametrize("word", ["no", "forced-commands-only"])
def test_root_is_refused_by_the_line_that_wins(word: str) -> None:
    decision = root(f"PermitRootLogin {word}\nPermitRootLogin yes\n")
    assert (decision.allowed, decision.refusals[0].location.line) == (False, 1)


def test_a_block_may_let_root_in_from_some_addresses() -> None:
    config = "PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin prohibit-password\n"
    assert root(config, "10.0.0.1").allowed is True
    assert root(config).allowed is False
    assert root(config, None).allowed is None

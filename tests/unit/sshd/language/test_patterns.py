from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.sshd.language.patterns import (
    BadAddress,
    check_addresses,
    match_address,
    match_groups,
    match_host,
    match_list,
    match_name,
    match_user,
    numeric_address,
)

pytestmark = pytest.mark.unit

HERE = ip_address("203.0.113.7")


@given(name=st.text(alphabet="ab", max_size=8), pattern=st.text(alphabet="ab*?", max_size=8))
def test_patterns_agree_with_the_shells(name: str, pattern: str) -> None:
    assert match_name(name, pattern) == fnmatchcase(name, pattern)


def test_a_hostile_pattern_ends() -> None:
    assert not match_name("a" * 3000, "*a" * 300 + "*b")


def test_a_negated_entry_wins_wherever_it_stands() -> None:
    assert match_list("alice", "!alice,*") == -1
    assert match_list("alice", "*,!alice") == -1
    assert match_list("bob", "*,!alice") == 1
    assert match_list("bob", "!alice") == 0


def test_one_negated_group_is_enough() -> None:
    assert match_groups({"users", "sudo"}, "users")
    assert not match_groups({"users", "sudo"}, "users,!sudo")


def test_networks_wildcards_and_short_addresses_match() -> None:
    assert match_address(HERE, "203.0.113.0/24") is True
    assert match_address(HERE, "203.0.113.*") is True
    assert match_address(HERE, "!203.0.113.7,*") is False
    assert match_address(ip_address("127.0.0.1"), "127.1") is True
    assert match_address(ip_address("2001:db8::1"), "2001:db8::/32") is True
    assert match_address(HERE, "2001:db8::/32") is False


def test_host_bits_and_empty_entries_are_refused() -> None:
    for bad in ("10.0.0.1/8", "10.0.0.0/8,", "10.0.0.0/33", "!"):
        with pytest.raises(BadAddress):
            check_addresses(bad)
    check_addresses("nonsense,10.0.0.0/129")


def test_an_unknown_address_decides_only_a_star() -> None:
    assert match_address(None, "*") is True
    assert match_address(None, "10.0.0.0/8") is None
    assert match_host(None, "*") is True
    assert match_host(None, "*.example.org") is None


def test_a_user_with_a_place_needs_both() -> None:
    assert match_user("alice", str(HERE), HERE, "alice@203.0.113.0/24") is True
    assert match_user("bob", str(HERE), HERE, "alice@203.0.113.0/24") is False
    assert match_user("alice", str(HERE), HERE, "alice@10.0.0.0/8") is False
    assert match_user("alice", None, None, "alice@10.0.0.0/8") is None
    assert match_user("bob", None, None, "alice@10.0.0.0/8") is False
    assert match_user("alice", None, None, "alice@*") is True


def test_a_host_name_that_is_not_known_leaves_the_user_undecided() -> None:
    assert match_user("alice", None, HERE, "alice@*.example.org") is None
    assert match_user("alice", None, HERE, "alice@203.0.113.7") is True
    assert match_user("alice", None, HERE, "alice@203.0.113.7,!bad.example.org") is None
    assert match_user("alice", None, HERE, "alice@10.0.0.0/8") is False


def test_an_exclamation_mark_and_a_comma_are_part_of_a_name() -> None:
    assert match_user("bob", None, HERE, "!bob") is False
    assert match_user("alice", None, HERE, "alice,bob") is False


def test_numeric_addresses_are_read_as_the_resolver_does() -> None:
    assert str(numeric_address("10")) == "0.0.0.10"
    assert str(numeric_address("0x7f.1")) == "127.0.0.1"
    assert str(numeric_address("010.0.0.1")) == "8.0.0.1"
    assert str(numeric_address("fe80::1%eth0")) == "fe80::1"
    for bad in ("1.2.3.4.5", "256.1.1.1", "host", "", "1..2", "09.1.1.1"):
        assert numeric_address(bad) is None, bad

"""Only certain addresses are let in."""

from __future__ import annotations

import pytest

from rescue.model import Safety, Severity, Symptom
from rescue.planner import any_repairs
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.unit.firewall.files import RELATED, USER, USER6, V4, allow, came_from, saved, with_saved, with_ufw

pytestmark = pytest.mark.unit

CHECK = "fw-allowlist"
OFFICE = "-A INPUT -s 198.51.100.7/32 -p tcp -m tcp --dport 22 -j ACCEPT"


def test_the_clients_address_has_changed() -> None:
    found = only_finding(with_ufw(allow(22, "198.51.100.7")), CHECK, came_from("203.0.113.5"))
    assert (found.severity, found.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert "198.51.100.7" in found.message
    assert "203.0.113.5" in found.message
    assert [repair.safety for repair in found.repairs] == [Safety.SAFE, Safety.UNSAFE]


def test_an_address_that_is_on_the_list_gets_in() -> None:
    assert causes(with_ufw(allow(22, "198.51.100.7")), came_from("198.51.100.7")) == []
    assert causes(with_saved(saved(RELATED, OFFICE)), came_from("198.51.100.7")) == []


def test_without_an_address_it_is_doubtful_and_asks_for_one() -> None:
    found = only_finding(with_ufw(allow(22, "198.51.100.7"), allow(22, "10.0.0.0/8")), CHECK)
    assert found.severity is Severity.DOUBTFUL
    assert "10.0.0.0/8, 198.51.100.7" in found.reason
    assert "--from ADDRESS" in found.reason
    assert [repair.safety for repair in found.repairs] == [Safety.MANUAL, Safety.UNSAFE]
    assert "--from ADDRESS" in found.repairs[0].title


def test_the_clients_address_is_added_beside_the_old_one() -> None:
    plan = mended(with_ufw(allow(22, "198.51.100.7")), came_from("203.0.113.5"))
    assert changed_paths(plan) == [USER]
    gone, came = diff(plan, USER)
    assert gone == []
    assert "-A ufw-user-input -p tcp --dport 22 -s 203.0.113.5 -j ACCEPT" in came
    assert "-A ufw-user-input -p tcp --dport 22 -s 198.51.100.7 -j ACCEPT" in (
        plan.after.facts.tree.text(USER) or ""
    ).split("\n")


def test_saved_rules_of_iptables_get_one_line() -> None:
    plan = mended(with_saved(saved(RELATED, OFFICE)), came_from("203.0.113.5"))
    assert diff(plan, V4) == (
        [],
        ["-A INPUT -s 203.0.113.5/32 -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"],
    )


def test_opening_the_port_for_everybody_is_unsafe_and_has_to_be_asked_for() -> None:
    tree = with_ufw(allow(22, "198.51.100.7"))
    plan = mended(tree, choose=any_repairs)
    assert changed_paths(plan) == [USER, USER6]
    assert "open to the internet" in plan.mends[0].repair.weakens


@pytest.mark.parametrize(
    "rules",
    [
        (RELATED, "-A INPUT ! -s 198.51.100.0/24 -p tcp --dport 22 -j DROP", "-A INPUT -j ACCEPT"),
        (RELATED, "-A INPUT -m iprange --src-range 198.51.100.1-198.51.100.9 -j ACCEPT"),
        (RELATED, OFFICE, "-A INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset"),
    ],
)
def test_every_form_of_a_list_is_one(rules: tuple[str, ...]) -> None:
    tree = with_saved(saved(*rules))
    assert causes(tree) == [CHECK]
    assert causes(tree, came_from("203.0.113.5")) == [CHECK]
    assert causes(tree, came_from("198.51.100.7")) == []
    mended(tree, came_from("203.0.113.5"))


def test_a_list_of_bans_is_no_list_of_the_admitted() -> None:
    tree = with_saved(saved(RELATED, "-A INPUT -s 198.51.100.0/24 -j DROP", policy="ACCEPT"))
    assert causes(tree) == []
    assert causes(tree, came_from("198.51.100.7")) == ["fw-policy-drop"]


def test_an_ipv6_address_is_judged_by_ipv6_rules() -> None:
    tree = with_ufw(allow(22), allow(22, "2001:db8:1::/48"))
    assert causes(tree) == []
    assert causes(tree, came_from("2001:db8:5::5")) == [CHECK]
    assert changed_paths(mended(tree, came_from("2001:db8:5::5"))) == [USER6]

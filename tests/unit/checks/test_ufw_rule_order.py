"""A rule of ufw's that denies SSH stands before the one that allows it."""

from __future__ import annotations

import pytest

from rescue.model import Safety, Severity, Symptom
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.unit.firewall.files import LIMIT, USER, USER6, allow, came_from, with_ufw

pytestmark = pytest.mark.unit

CHECK = "ufw-rule-order"
DENY = allow(22, verb="deny")


def test_denied_first_and_allowed_later() -> None:
    found = only_finding(with_ufw(DENY, allow(80), allow(22)), CHECK)
    assert (found.severity, found.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert [each.text.rpartition(" ")[2] for each in found.locations[:2]] == ["DROP", "ACCEPT"]
    assert "-j DROP" in found.message
    assert "-j ACCEPT" in found.message


def test_rejected_first_is_seen_as_refused() -> None:
    assert only_finding(with_ufw(allow(22, verb="reject"), LIMIT), CHECK).symptom is Symptom.REFUSED


def test_a_rule_is_put_before_the_one_that_denies() -> None:
    tree = with_ufw(DENY, allow(22), allow(22, "::/0", "deny"), allow(22, "::/0"))
    plan = mended(tree)
    assert changed_paths(plan) == [USER, USER6]
    comment = "### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in"
    assert diff(plan, USER) == ([], [comment, "-A ufw-user-input -p tcp --dport 22 -j ACCEPT", ""])
    text = plan.after.facts.tree.text(USER) or ""
    assert text.index("--dport 22 -j ACCEPT") < text.index("--dport 22 -j DROP")


def test_a_known_client_alone_is_put_before_it() -> None:
    plan = mended(with_ufw(DENY, allow(22)), came_from("203.0.113.5"))
    assert "-A ufw-user-input -p tcp --dport 22 -s 203.0.113.5 -j ACCEPT" in diff(plan, USER)[1]
    assert [each.safety for each in only_finding(with_ufw(DENY, allow(22)), CHECK).repairs] == [Safety.SAFE]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((allow(22), DENY), []),
        ((DENY,), ["ufw-no-ssh-rule"]),
        ((DENY, allow(2222)), ["ufw-port-mismatch"]),
        ((allow(22, "203.0.113.0/24", "deny"), allow(22)), ["fw-policy-drop"]),
        ((allow(22, "198.51.100.0/24", "deny"), allow(22)), []),
    ],
)
def test_other_orders_are_another_matter(rules: tuple[str, ...], expected: list[str]) -> None:
    """A rule that names the client's own network is a ban, wherever it stands."""
    assert causes(with_ufw(*rules), came_from("203.0.113.5")) == expected

"""Two firewalls are loaded, and only one lets SSH in."""

from __future__ import annotations

import pytest

from rescue.model import Severity
from rescue.tree import Tree
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.unit.checks.test_nft_drop import HEAD, WEB, with_nft
from tests.unit.firewall.files import PERSISTENT, RELATED, USER, V4, allow, came_from, saved, with_ufw

pytestmark = pytest.mark.unit

CHECK = "fw-two-firewalls"
SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
NEW = "-A INPUT -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"
DOOR = WEB.replace("80, 443", "22, 80")


def beside(tree: Tree, rules: str) -> Tree:
    """The server with saved rules of iptables, too."""
    for path, entry in PERSISTENT.items():
        tree = tree.with_entries({path: entry}) if not isinstance(entry, str | bytes) else tree.write(path, entry)
    return tree.write(V4, rules)


def test_ufw_allows_and_the_saved_rules_do_not() -> None:
    tree = beside(with_ufw(allow(22)), saved(RELATED))
    found = only_finding(tree, CHECK)
    assert found.severity is Severity.BROKEN
    assert "ufw does (/etc/ufw/user.rules" in found.message
    assert "iptables does not (/etc/iptables/rules.v4:2" in found.message
    plan = mended(tree)
    assert changed_paths(plan) == [V4]
    assert diff(plan, V4) == ([], [NEW])


def test_the_saved_rules_allow_and_ufw_does_not() -> None:
    tree = beside(with_ufw(allow(80)), saved(RELATED, SSH))
    assert "iptables does" in only_finding(tree, CHECK).message
    assert USER in changed_paths(mended(tree))


def test_nftables_allows_and_the_saved_rules_do_not() -> None:
    tree = beside(with_nft(HEAD + DOOR), saved(RELATED))
    assert "nftables does" in only_finding(tree, CHECK, came_from("203.0.113.5")).message
    assert changed_paths(mended(tree, came_from("203.0.113.5"))) == [V4]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (beside(with_ufw(allow(22)), saved(RELATED, SSH)), []),
        (beside(with_ufw(allow(80)), saved(RELATED)), ["fw-policy-drop", "ufw-no-ssh-rule"]),
        (beside(with_ufw(allow(80)), saved(policy="ACCEPT")), ["ufw-no-ssh-rule"]),
        (beside(with_ufw(allow(22, "198.51.100.0/24")), saved(RELATED, SSH)), ["fw-allowlist"]),
        (beside(with_ufw(allow(22)), saved(RELATED, "-A INPUT -s 203.0.113.5 -j DROP", SSH)), ["fw-policy-drop"]),
        (beside(with_ufw(allow(22)), saved(RELATED, SSH, output="DROP")), ["fw-reply-blocked"]),
    ],
)
def test_what_has_a_cause_of_its_own(tree: Tree, expected: list[str]) -> None:
    assert causes(tree, came_from("203.0.113.5")) == expected

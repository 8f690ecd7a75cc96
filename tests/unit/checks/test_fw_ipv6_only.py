"""SSH is let in over IPv4 alone."""

from __future__ import annotations

import pytest

from rescue.model import Severity, Symptom
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.unit.checks.test_nft_drop import HEAD, WEB, added, with_nft
from tests.unit.firewall.files import RELATED, USER6, V6, allow, came_from, saved, with_saved, with_ufw

pytestmark = pytest.mark.unit

CHECK = "fw-ipv6-only"
SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
ICMP = "-A INPUT -p ipv6-icmp -j ACCEPT"
ME = came_from("2001:db8:5::5")


def test_rules_v6_has_no_rule_for_ssh() -> None:
    tree = with_saved(saved(RELATED, SSH), saved(RELATED, ICMP))
    assert causes(tree, came_from("203.0.113.5")) == []
    found = only_finding(tree, CHECK, ME)
    assert (found.severity, found.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert "/etc/iptables/rules.v4:6" in found.message
    assert "/etc/iptables/rules.v6:2" in found.message
    assert found.repairs[-1].title == "connect over IPv4: ssh -4"
    plan = mended(tree, ME)
    assert changed_paths(plan) == [V6]
    assert diff(plan, V6)[1] == [
        "-A INPUT -s 2001:db8:5::5/128 -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT"
    ]


def test_user6_rules_has_no_rule_for_ssh() -> None:
    tree = with_ufw(allow(22))
    assert "user.rules" in only_finding(tree, CHECK, ME).message
    assert changed_paths(mended(tree, ME)) == [USER6]


def test_over_ipv6_neighbours_have_to_find_the_server() -> None:
    tree = with_nft(HEAD + WEB.replace("80, 443", "22").replace("{ icmp, ipv6-icmp }", "icmp"))
    assert causes(tree, came_from("203.0.113.5")) == []
    finding = only_finding(tree, CHECK, ME)
    assert finding.symptom is Symptom.UNREACHABLE
    assert "neighbour discovery" in finding.message
    assert added(tree, ME) == ["\t\ticmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"]


@pytest.mark.parametrize(
    ("four", "six", "expected"),
    [
        (saved(RELATED), saved(RELATED, ICMP), ["fw-policy-drop"]),
        (saved(RELATED, SSH), saved(RELATED, ICMP, SSH.replace("-p", "-s fd00::/8 -p")), ["fw-allowlist"]),
        (saved(RELATED, SSH), saved(RELATED, ICMP, "-A INPUT -s 2001:db8:5::/48 -j DROP", SSH), ["fw-policy-drop"]),
        (saved(RELATED, SSH.replace("-p", "-s 10.0.0.0/8 -p")), saved(RELATED, ICMP), ["fw-policy-drop"]),
        (saved(RELATED, SSH), saved(RELATED, ICMP, SSH), []),
        (saved(RELATED, SSH), None, []),
    ],
)
def test_what_has_a_cause_of_its_own(four: str, six: str | None, expected: list[str]) -> None:
    assert causes(with_saved(four, six), ME) == expected

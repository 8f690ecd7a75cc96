"""Saved rules let SSH in on another port than the server's."""

from __future__ import annotations

import pytest

from rescue.model import Client, Severity, Symptom
from rescue.tree import Tree
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.unit.checks.test_nft_drop import HEAD, WEB, added, with_nft
from tests.unit.firewall.files import RELATED, V4, V6, came_from, saved, with_saved

pytestmark = pytest.mark.unit

CHECK = "fw-rules-port"
SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
NEW = "-A INPUT -p tcp -m tcp --dport 2222 -m conntrack --ctstate NEW -j ACCEPT"


def moved(tree: Tree, port: int = 2222) -> Tree:
    return tree.write("/etc/ssh/sshd_config", f"Port {port}\nUsePAM yes\n")


def test_the_server_moved_and_the_rules_did_not() -> None:
    found = only_finding(moved(with_saved(saved(RELATED, SSH))), CHECK)
    assert (found.severity, found.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert found.locations[0].text == SSH
    assert "reached on port 2222" in found.message


def test_the_servers_port_is_let_in_and_the_other_rule_stays() -> None:
    icmp = "-A INPUT -p ipv6-icmp -j ACCEPT"
    plan = mended(moved(with_saved(saved(RELATED, SSH), saved(RELATED, icmp, SSH))))
    assert changed_paths(plan) == [V4, V6]
    assert diff(plan, V4) == diff(plan, V6) == ([], [NEW])
    plan = mended(moved(with_saved(saved(RELATED, SSH))), came_from("203.0.113.5"))
    assert diff(plan, V4)[1] == [NEW.replace("INPUT ", "INPUT -s 203.0.113.5/32 ")]


def test_the_rules_of_a_port_that_was_left_again() -> None:
    rules = saved(RELATED, SSH.replace("22", "2222"), "-A INPUT -p tcp --dport 443 -j ACCEPT")
    assert only_finding(with_saved(rules), CHECK).locations[0].text == SSH.replace("22", "2222")


def test_nftables_is_told_too() -> None:
    tree = moved(with_nft(HEAD + WEB.replace("80, 443", "22, 80")))
    assert "nftables" in only_finding(tree, CHECK).message
    assert added(tree) == ["\t\ttcp dport 2222 accept"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (saved(RELATED, SSH, SSH.replace("22", "2222")), []),
        (saved(RELATED, "-A INPUT -p tcp --dport 80 -j ACCEPT"), ["fw-policy-drop"]),
        (saved(RELATED, "-A INPUT -p udp --dport 22 -j ACCEPT"), ["fw-policy-drop"]),
        (saved(RELATED, "-A OUTPUT -p tcp --dport 22 -j ACCEPT"), ["fw-policy-drop"]),
        (saved(RELATED, "-A INPUT -i wg0 -p tcp --dport 22 -j ACCEPT"), ["fw-policy-drop"]),
        (saved(RELATED, SSH, "-A INPUT -p tcp --dport 2222 -j DROP"), ["fw-policy-drop"]),
        (saved(RELATED, SSH, policy="ACCEPT"), []),
    ],
)
def test_other_rules_are_another_matter(rules: str, expected: list[str]) -> None:
    tree = moved(with_saved(rules))
    assert causes(tree, Client(port=2222)) == expected

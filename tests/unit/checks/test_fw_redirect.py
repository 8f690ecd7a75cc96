"""fw-redirect: a saved rule sends connections away from the port on which sshd listens."""

from __future__ import annotations

import pytest

from rescue.model import Client, Severity, Symptom
from tests.checking import causes, diff, mended, only_finding
from tests.unit.firewall.files import V4, saved, with_saved

pytestmark = pytest.mark.unit

CHECK = "fw-redirect"
RULE = "-A PREROUTING -p tcp --dport 22 -j REDIRECT --to-ports 2222"
OPEN = saved("-A INPUT -i lo -j ACCEPT").replace(":INPUT DROP", ":INPUT ACCEPT")


def with_nat(rule: str) -> str:
    return f"*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{rule}\nCOMMIT\n{OPEN}"


def test_the_rule_is_named_and_commented_out() -> None:
    tree = with_saved(with_nat(RULE))
    found = only_finding(tree, CHECK)
    assert (found.severity, found.symptom) == (Severity.BROKEN, Symptom.REFUSED)
    assert str(found.locations[0]) == "/etc/iptables/rules.v4:4"
    assert "redirects port 22 to port 2222, where nothing listens" in found.message
    assert diff(mended(tree), V4) == ([RULE], [f"#{RULE}"])


@pytest.mark.parametrize(
    "rule",
    [
        "-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080",
        "-A PREROUTING -p tcp --dport 2222 -j REDIRECT --to-ports 22",
        "-A PREROUTING -s 203.0.113.9/32 -p tcp --dport 22 -j REDIRECT --to-ports 2222",
        "-A OUTPUT -p tcp --dport 22 -j REDIRECT --to-ports 2222",
    ],
)
def test_what_leaves_your_port_alone_is_no_finding(rule: str) -> None:
    assert causes(with_saved(with_nat(rule))) == []


def test_a_port_that_is_sent_on_to_sshd_is_no_finding() -> None:
    assert (
        causes(with_saved(with_nat("-A PREROUTING -p tcp --dport 443 -j REDIRECT --to-ports 22")), Client(port=443))
        == []
    )

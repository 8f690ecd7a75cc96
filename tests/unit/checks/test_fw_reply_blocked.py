"""The server's answers can't leave."""

from __future__ import annotations

import pytest

from rescue.model import Severity, Symptom
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.unit.checks.test_nft_drop import HEAD, WEB, added, with_nft
from tests.unit.firewall.files import (
    BEFORE,
    DEFAULTS,
    RELATED,
    V4,
    allow,
    before,
    came_from,
    saved,
    with_saved,
    with_ufw,
)

pytestmark = pytest.mark.unit

CHECK = "fw-reply-blocked"
SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
ANSWER = "-A OUTPUT -p tcp -m tcp --sport 22 -m conntrack --ctstate ESTABLISHED -j ACCEPT"


def test_the_policy_for_what_goes_out_drops_it() -> None:
    tree = with_saved(saved(RELATED, SSH, "-A OUTPUT -p tcp --dport 22 -j ACCEPT", output="DROP"))
    found = only_finding(tree, CHECK)
    assert (found.severity, found.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert found.locations[0].text == ":OUTPUT DROP [0:0]"
    assert "blocks the server's answer" in found.message
    plan = mended(tree)
    assert changed_paths(plan) == [V4]
    assert diff(plan, V4) == ([], [ANSWER])


def test_to_a_known_client_alone_it_is_let_out() -> None:
    plan = mended(with_saved(saved(RELATED, SSH, output="DROP")), came_from("203.0.113.5"))
    assert diff(plan, V4)[1] == [ANSWER.replace("OUTPUT ", "OUTPUT -d 203.0.113.5/32 ")]


def test_nftables_with_a_chain_for_what_goes_out() -> None:
    out = "table inet out {\n\tchain output {\n\t\ttype filter hook output priority 0; policy drop;\n\t}\n}\n"
    tree = with_nft(HEAD + WEB.replace("80, 443", "22, 80") + out)
    only_finding(tree, CHECK)
    assert added(tree, came_from("203.0.113.5")) == ["\t\tip daddr 203.0.113.5 tcp sport 22 accept"]


def test_ufw_that_drops_what_goes_out() -> None:
    text = before(4).replace("-A ufw-before-output -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n", "")
    defaults = DEFAULTS.replace('OUTPUT_POLICY="ACCEPT"', 'OUTPUT_POLICY="DROP"')
    tree = with_ufw(allow(22), **{"ufw__before.rules": text, "default__ufw": defaults})
    only_finding(tree, CHECK)
    assert changed_paths(mended(tree, came_from("203.0.113.5"))) == [BEFORE]


def test_where_nothing_comes_in_either_that_is_told_first() -> None:
    assert causes(with_saved(saved(RELATED, output="DROP"))) == ["fw-policy-drop"]


def test_answers_that_may_leave_are_no_finding() -> None:
    known = "-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"
    assert causes(with_saved(saved(RELATED, SSH, known, output="DROP"))) == []

"""The file of nftables does not load, and another firewall stays in force."""

from __future__ import annotations

import pytest

from rescue.model import Safety, Severity, Symptom
from tests.checking import causes, changed_paths, diff, mended, only_finding
from tests.unit.checks.test_fw_two_firewalls import DOOR, NEW, SSH, beside
from tests.unit.checks.test_nft_drop import HEAD, SCRIPT, with_nft
from tests.unit.firewall.files import RELATED, V4, came_from, saved

pytestmark = pytest.mark.unit

CHECK = "nft-not-loaded"
BROKEN = HEAD + DOOR.replace("policy drop", "polcy drop")


def test_the_old_rules_stay_in_force() -> None:
    tree = beside(with_nft(BROKEN), saved(RELATED, SSH.replace("22", "2222")))
    found = only_finding(tree, CHECK)
    assert (found.severity, found.symptom) == (Severity.BROKEN, Symptom.TIMED_OUT)
    assert str(found.locations[0]) == "/etc/nftables.conf:7"
    assert "polcy" in found.message
    assert "iptables rules stay in force" in found.message
    assert [each.safety for each in found.repairs] == [Safety.SAFE, Safety.MANUAL]
    assert f"nft -c -f {SCRIPT}" in found.repairs[1].steps


def test_the_rules_that_are_in_force_let_you_in_and_the_file_stays() -> None:
    plan = mended(beside(with_nft(BROKEN), saved(RELATED)))
    assert changed_paths(plan) == [V4]
    assert diff(plan, V4) == ([], [NEW])


def test_alone_it_keeps_nobody_out() -> None:
    assert causes(with_nft(BROKEN)) == []
    assert causes(beside(with_nft(BROKEN), saved(RELATED, SSH))) == []


def test_a_file_that_loads_is_another_matter() -> None:
    tree = beside(with_nft(HEAD + DOOR), saved(RELATED))
    assert causes(tree, came_from("203.0.113.5")) == ["fw-two-firewalls"]

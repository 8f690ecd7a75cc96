"""A sample of ``scripts/fuzz-firewall iptables-options`` and ``iptables-verdicts``, another one each time but in CI."""

from __future__ import annotations

import os
import secrets

import pytest

from rescue.kernel_check.lab import PacketLab
from rescue.kernel_check.lab import lab as network
from tests.fuzz_iptables_options import Case, Comparison, dialled_differences, differences, file_of
from tests.iptables_forms import FORMS
from tests.system.firewall_rules import BACKENDS, NEEDED
from tests.unit.firewall.iptables.test_option_values import ELSEWHERE, REFUSED, TAKEN

pytestmark = NEEDED

OPTIONS, VERDICTS = 250, 120


def seed() -> int:
    return 0 if os.environ.get("CI") else secrets.randbelow(1 << 32)


def test_options_are_taken_where_iptables_restore_takes_them() -> None:
    number = seed()
    with network(ports=()) as made:
        found, counted = differences(made, OPTIONS, number)
    assert not found, f"seed {number}: " + "\n".join(found)
    assert counted["load"], counted


def test_a_match_or_target_does_what_is_said_of_it() -> None:
    number = seed()
    found, counted = dialled_differences(VERDICTS, number)
    assert not found, f"seed {number}: " + "\n".join(found)
    assert counted["verdicts"] > counted["depend"], counted


def told_apart(made: PacketLab, cases: list[Case]) -> list[str]:
    compared = Comparison(made)
    try:
        return [said for case in cases for backend in BACKENDS if (said := compared.differs(case, backend))]
    finally:
        compared.close()


@pytest.mark.parametrize("version", [4, 6])
def test_lines_of_every_form_are_taken_where_iptables_restore_takes_them(version: int) -> None:
    with network(ports=()) as made:
        assert told_apart(made, [Case("", version, file_of("filter", line)) for line in FORMS.split("\n")[1:-1]]) == []


def test_the_lines_of_the_unit_tests_are_what_iptables_restore_says_they_are() -> None:
    cases = [Case("", 4, file_of("filter", line)) for line in (*TAKEN, *REFUSED)]
    cases += [Case("", 4, file_of(name, line)) for name, lines in ELSEWHERE.items() for line in lines]
    with network(ports=()) as made:
        assert told_apart(made, cases) == []

"""The table of who gets in, and the way of one client."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rescue.firewall import Kind, Stage, reach
from rescue.firewall.engine.addresses import ordinary, union
from rescue.firewall.engine.table import Row, everybody, most, rows
from rescue.firewall.engine.trace import way
from rescue.model import Symptom
from tests.unit.firewall.files import RELATED, firewall, saved

pytestmark = pytest.mark.unit

ME = ip_address("203.0.113.5")
SSH = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
LISTED = (
    RELATED,
    "-A INPUT -s 10.0.0.0/8 -p tcp -j REJECT --reject-with tcp-reset",
    "-A INPUT -s 11.0.0.0/8 -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT",
    "-A INPUT -s 12.0.0.0/8 -p tcp --dport 22 -j ACCEPT",
    "-A INPUT -s 13.0.0.0/8 -j ACCEPT",
)


def table(*rules: str, **chains: str) -> tuple[Row, ...]:
    return rows(reach([firewall(saved(*rules, **chains))], 22))


def test_without_a_firewall_one_row_is_for_everybody() -> None:
    (row,) = rows(reach([], 22))
    assert everybody(row)
    assert (row.kind, row.decision, row.symptom) == (Kind.ACCEPT, None, Symptom.OK)


def test_every_source_is_in_one_row() -> None:
    found = table(*LISTED)
    assert union(4, (row.sources for row in found)) == ordinary(4)
    assert sum(row.sources.count for row in found) == ordinary(4).count


def test_a_row_names_what_decides() -> None:
    found = {row.sources.summary(): row for row in table(*LISTED) if not most(row)}
    assert {who: (row.kind, row.symptom) for who, row in found.items()} == {
        "10.0.0.0/8": (Kind.REJECT, Symptom.REFUSED),
        "11.0.0.0/8": (Kind.DEPENDS, Symptom.TIMED_OUT),
        "12.0.0.0/8": (Kind.ACCEPT, Symptom.OK),
        "13.0.0.0/8": (Kind.ACCEPT, Symptom.OK),
    }
    lines = {who: row.decision.location.text for who, row in found.items() if row.decision}
    assert (lines["10.0.0.0/8"], lines["12.0.0.0/8"], lines["13.0.0.0/8"]) == (LISTED[1], LISTED[3], LISTED[4])
    assert "MAC" in found["11.0.0.0/8"].reason


def test_the_largest_part_is_first() -> None:
    first = table(*LISTED)[0]
    assert most(first)
    assert first.decision is not None
    assert first.decision.rule is None


def test_sources_that_one_policy_turns_away_are_one_row() -> None:
    assert [row.kind for row in table(RELATED, SSH.replace("-p", "-s 10.0.0.0/8 -p"))] == [Kind.DROP, Kind.ACCEPT]


def test_answers_that_can_not_leave_are_named() -> None:
    (row,) = table(RELATED, SSH, output="DROP")
    assert row.decision is not None
    assert (row.kind, row.decision.stage) == (Kind.DROP, Stage.REPLY)


def test_the_way_of_a_client_has_each_rule_that_applies() -> None:
    chain = ":OFFICE - [0:0]"
    text = saved(chain, RELATED, "-A INPUT -s 10.0.0.0/8 -j DROP", "-A INPUT -p tcp -j OFFICE",
                 "-A OFFICE -p udp -j DROP", "-A OFFICE -s 203.0.113.0/24 -j ACCEPT")  # fmt: skip
    visits = way(reach([firewall(text)], 22), ME)
    first = [visit for visit in visits if visit.stage is Stage.SYN]
    assert [(visit.rule.text if visit.rule else "", visit.depth, visit.passed) for visit in first] == [
        ("-A INPUT -p tcp -j OFFICE", 0, 2),
        ("-A OFFICE -s 203.0.113.0/24 -j ACCEPT", 1, 1),
    ]
    assert [visit.rule.text for visit in visits if visit.stage is Stage.DATA and visit.rule] == [RELATED]


def test_the_way_ends_at_a_policy() -> None:
    last = way(reach([firewall(saved(RELATED))], 22), ME)[-1]
    assert (last.rule, last.base.policy, last.passed) == (None, "DROP", 1)


def test_a_doubt_on_the_way_is_told() -> None:
    visits = way(reach([firewall(saved("-A INPUT -m mac --mac-source 02:00:00:00:00:01 -j ACCEPT"))], 22), ME)
    assert "MAC" in visits[0].doubt
    assert visits[1].rule is None


def test_an_address_of_the_other_version_has_no_way() -> None:
    with pytest.raises(ValueError, match="IPv4"):
        way(reach([], 22), ip_address("2001:db8::1"))

"""Thousands of rules at once come to the same as one by one."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.firewall import reach
from rescue.firewall.engine import traversal
from rescue.firewall.engine.addresses import AddressSet, Region
from rescue.firewall.engine.interval_sweep import paint
from tests.unit.firewall.files import RELATED, firewall, saved

pytestmark = pytest.mark.unit

SPANS = st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.sets(st.integers(0, 60), max_size=12), st.lists(SPANS, max_size=12))
def test_each_span_takes_what_those_before_have_left(marks: set[int], spans: list[tuple[int, int]]) -> None:
    bounds = tuple(sorted(marks)[: len(marks) // 2 * 2])
    region = Region(AddressSet(4, bounds))
    expected = []
    for low, high in spans:
        part = region.common(AddressSet(4, (low, high)))
        region.remove(part)
        expected.append(list(part.bounds))
    assert paint(bounds, spans) == (expected, list(region.bounds))


RULES = st.lists(
    st.tuples(
        st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "11.0.0.0/8", "0.0.0.0/1", "12.0.0.0/8", "8.8.8.8"]),
        st.sampled_from(["-p tcp -m tcp --dport 22", "-p tcp -m tcp --dport 80", "-p udp", ""]),
        st.sampled_from(["ACCEPT", "DROP", "REJECT", "RETURN", "OTHER", "MARK --set-mark 1"]),
    ),
    max_size=14,
)


@given(st.lists(RULES, min_size=1, max_size=3), st.booleans())
def test_a_run_of_rules_is_obeyed_as_one_by_one(parts: list[list[tuple[str, str, str]]], marked: bool) -> None:
    lines = [":OTHER - [0:0]", RELATED]
    for part in parts:
        for source, what, target in part:
            table = [f"-A INPUT -s {source} {what} -j {target}"]
            # Rules that end a way, many of them, so that there is a run.
            lines += table * (40 if target in ("ACCEPT", "DROP", "REJECT") else 1)
    lines += ["-A OTHER -s 11.0.0.0/8 -j DROP", *(["-A INPUT -m mark --mark 1 -j ACCEPT"] if marked else [])]
    text = saved(*[line for line in lines if "MARK" not in line])
    at_once = reach([firewall(text)], 22)
    assert at_once.outcome
    before, traversal.RUN = traversal.RUN, 1 << 30
    try:
        one_by_one = reach([firewall(text)], 22)
        assert one_by_one.outcome
    finally:
        traversal.RUN = before
    for name in ("accepted", "dropped", "rejected", "depends"):
        assert getattr(at_once, name) == getattr(one_by_one, name)
    for source in ("10.1.2.3", "11.5.5.5", "8.8.8.8", "203.0.113.5"):
        address = ip_address(source)
        mine, theirs = at_once.deciding(address), one_by_one.deciding(address)
        assert [each.location for each in mine] == [each.location for each in theirs]
        assert {
            str(piece.decision.location) for piece in at_once.outcome.pieces if int(address) in piece.addresses
        } == {str(piece.decision.location) for piece in one_by_one.outcome.pieces if int(address) in piece.addresses}


def test_in_a_run_the_first_rule_for_an_address_counts() -> None:
    rules = [
        f"-A INPUT -s 10.0.{at}.0/24 -p tcp -m tcp --dport 22 -j {'DROP' if at % 2 else 'ACCEPT'}" for at in range(99)
    ]
    here = reach([firewall(saved(RELATED, *rules, "-A INPUT -s 10.0.0.0/8 -j ACCEPT"))], 22)
    assert here.accepted == AddressSet.network("10.0.0.0/8") - here.dropped
    assert ip_address("10.0.1.1") in here.dropped
    assert ip_address("10.0.2.1") in here.accepted
    assert [each.location.text for each in here.deciding(ip_address("10.0.3.7"))] == [rules[3]]

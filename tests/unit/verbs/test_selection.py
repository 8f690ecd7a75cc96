"""Which findings a fix is about: by number, by cause, or all."""

from __future__ import annotations

import pytest

from rescue.examine import Examination, examine
from rescue.model import Client
from rescue.verbs.fix import Selection
from rescue.verbs.request.session import UsageError
from tests.trees import server

pytestmark = pytest.mark.unit


@pytest.fixture
def two() -> Examination:
    """1 sshd-config-error, 2 nologin."""
    return examine(server({"/etc/ssh/sshd_config": "Prot 22\n", "/etc/nologin": ""}), Client())


def test_nothing_named_means_all_and_what_comes_to_light(two: Examination) -> None:
    assert Selection().keys(two) is None


def test_a_number_is_the_one_that_inspect_gives(two: Examination) -> None:
    assert Selection(frozenset({2})).keys(two) == frozenset({two.findings[1].key})


def test_a_cause_means_every_finding_of_it(two: Examination) -> None:
    assert Selection(causes=frozenset({"nologin"})).keys(two) == frozenset({two.findings[1].key})


def test_numbers_and_causes_add_up(two: Examination) -> None:
    chosen = Selection(frozenset({1}), frozenset({"nologin"})).keys(two)
    assert chosen == frozenset(finding.key for finding in two.findings)


def test_a_cause_that_is_not_found_here_means_none_not_all(two: Examination) -> None:
    assert Selection(causes=frozenset({"disk-full"})).keys(two) == frozenset()


@pytest.mark.parametrize("number", [0, 3, 10**30])
def test_a_number_that_no_finding_has_is_refused(two: Examination, number: int) -> None:
    with pytest.raises(UsageError, match=f"no finding {number}"):
        Selection(frozenset({number})).keys(two)

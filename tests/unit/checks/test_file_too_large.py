"""file-too-large: what was not read is said, and nothing is called clear."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rescue.model import Severity
from rescue.tree import file
from tests.checking import causes, only_finding
from tests.trees import server

pytestmark = pytest.mark.unit

HUGE = replace(file(b""), data=None, size=5 << 30)


def test_a_huge_rules_file_leaves_a_doubt() -> None:
    finding = only_finding(server({"/etc/ufw/user.rules": HUGE}), "file-too-large")
    assert finding.severity is Severity.DOUBTFUL
    assert str(finding.locations[0]) == "/etc/ufw/user.rules"


def test_a_huge_file_that_decides_nothing_is_no_matter() -> None:
    assert causes(server({"/etc/ssh/moduli": HUGE, "/root/.ssh/known_hosts": HUGE})) == []


def test_a_file_that_was_read_is_no_matter() -> None:
    assert causes(server()) == []

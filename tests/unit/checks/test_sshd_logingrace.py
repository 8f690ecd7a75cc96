"""Seconds for a login."""

from __future__ import annotations

import pytest

from rescue.model import Severity
from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"


def test_two_seconds_are_not_two_minutes() -> None:
    tree = server({MAIN: SSHD_CONFIG + "LoginGraceTime 2\n"})
    assert only_finding(tree, "sshd-logingrace").severity is Severity.DOUBTFUL
    assert diff(mended_if_agreed(tree), MAIN) == (["LoginGraceTime 2"], ["LoginGraceTime 120"])


@pytest.mark.parametrize("value", ["0", "2m", "20", "1h"])
def test_what_people_set_is_no_fault(value: str) -> None:
    assert causes(server({MAIN: f"{SSHD_CONFIG}LoginGraceTime {value}\n"})) == []

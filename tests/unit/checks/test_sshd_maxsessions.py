"""No session over a connection."""

from __future__ import annotations

import pytest

from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"


def test_the_line_that_counts_is_set_back() -> None:
    tree = server({MAIN: SSHD_CONFIG + "MaxSessions 3\nMatch User root\nMaxSessions 0\n"})
    assert only_finding(tree, "sshd-maxsessions").subject == "root"
    assert diff(mended_if_agreed(tree), MAIN) == (["MaxSessions 0"], ["MaxSessions 10"])


def test_one_session_is_enough() -> None:
    assert causes(server({MAIN: SSHD_CONFIG + "MaxSessions 1\n"})) == []

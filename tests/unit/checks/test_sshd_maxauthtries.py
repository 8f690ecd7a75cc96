"""So few tries that the right key has none."""

from __future__ import annotations

import pytest

from rescue.model import Severity
from tests.checking import causes, diff, mended_if_agreed, only_finding
from tests.trees import SSHD_CONFIG, server

pytestmark = pytest.mark.unit

MAIN = "/etc/ssh/sshd_config"


def test_none_at_all() -> None:
    tree = server({MAIN: SSHD_CONFIG + "Match User alice\n    MaxAuthTries 0\n"})
    finding = only_finding(tree, "sshd-maxauthtries")
    assert (finding.severity, finding.subject) == (Severity.BROKEN, "alice")
    assert diff(mended_if_agreed(tree), MAIN) == (["    MaxAuthTries 0"], ["    MaxAuthTries 6"])


def test_one_depends_on_the_client() -> None:
    tree = server({MAIN: SSHD_CONFIG + "MaxAuthTries 1\n"})
    assert causes(tree) == ["sshd-maxauthtries"] * 2
    assert diff(mended_if_agreed(tree), MAIN) == (["MaxAuthTries 1"], ["MaxAuthTries 6"])


def test_a_strict_number_is_no_fault() -> None:
    assert causes(server({MAIN: SSHD_CONFIG + "MaxAuthTries 2\n"})) == []

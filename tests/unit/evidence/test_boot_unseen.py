"""boot-unseen: a disk never shows a whole boot."""

from __future__ import annotations

import pytest

from tests.evidence import gaps
from tests.trees import server

pytestmark = pytest.mark.unit


def test_a_boot_is_never_judged_whole() -> None:
    assert [each.what for each in gaps(server(), "boot-unseen")] == ["whether the machine boots completely"]

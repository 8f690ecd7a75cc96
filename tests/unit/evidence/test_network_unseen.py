"""network-unseen: what the provider expects is not on the disk."""

from __future__ import annotations

import pytest

from tests.evidence import gaps
from tests.trees import server

pytestmark = pytest.mark.unit


def test_the_network_is_never_judged_whole() -> None:
    (gap,) = gaps(server(), "network-unseen")
    assert "provider" in gap.what
    assert gap.supply

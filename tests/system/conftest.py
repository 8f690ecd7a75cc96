"""The system tier needs root: namespaces, loop devices and chroots.

Where several processes share it (pytest-xdist, --dist loadgroup), the tests of one file stay together, but each of the
scenarios goes to whoever is free: they are the longest part.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SCENARIOS = "test_scenarios.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name != SCENARIOS:
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(autouse=True)
def _as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, loop devices, chroots")

"""The system tier needs root: namespaces, loop devices and chroots."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces, loop devices, chroots")

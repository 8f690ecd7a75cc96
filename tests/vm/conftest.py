"""The vm tier boots machines: it needs QEMU, and root for disks and a network in which the client sees the truth."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescue.labs.machine import can_boot
from rescue.labs.network import private_possible


@pytest.fixture(autouse=True)
def _bootable() -> None:
    if problem := can_boot():
        pytest.skip(f"no machine can be booted: {problem}")
    if not private_possible():
        pytest.skip("needs root and /dev/net/tun: a network in which a dropped connection is seen as one")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for disks, removed at once: pytest would keep those of its last runs."""
    with tempfile.TemporaryDirectory(prefix="rescue-vm-") as made:
        yield Path(made)

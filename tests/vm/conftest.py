"""The vm tier boots machines: it needs QEMU, and root for disks and a network in which the client sees the truth.

Where RESCUE_VM_SAMPLE is not "all", as in CI, the tests beside the scenarios are a sample, too: a fifth of them each
day, all of them in turn.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rescue.labs.machines.machine import can_boot
from rescue.labs.machines.network import private_possible

DAYS = 5
SCENARIOS, LONGEST = "test_rescued_machines.py", "test_targets.py"
EVERY_DAY = (
    "test_ufw_enabled_over_ssh_locks_out_and_the_disk_gets_the_door_open",
    # A whole boot a day, of the image of the day.
    "test_what_a_boot_of_the_lab_leaves_out_is_what_is_listed",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest, and leave out what is not due today."""
    items.sort(key=lambda item: item.path.name != LONGEST)
    if os.environ.get("RESCUE_VM_SAMPLE", "all") == "all":
        return
    today = datetime.now(UTC).date().toordinal() % DAYS
    here = [item for item in items if item.path.parent == Path(__file__).parent and item.path.name != SCENARIOS]
    left_out = {item for number, item in enumerate(here) if number % DAYS != today and named(item) not in EVERY_DAY}
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))


def named(item: pytest.Item) -> str:
    """A test's name without its parameters."""
    return item.name.partition("[")[0]


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

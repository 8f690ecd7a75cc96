"""Launching libguestfs: a machine that never answers is ended, and the launch is told as failed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from rescue.targets.appliance import launch

pytestmark = pytest.mark.unit


class Launching:
    """What `launch` sees of a handle: a call that starts a machine and comes back when the machine has ended."""

    def __init__(self, program: Path, seconds: int) -> None:
        self.command = [str(program), str(seconds)]
        self.status: int | None = None

    def launch(self) -> None:
        self.status = subprocess.run(self.command, check=False).returncode
        if self.status:
            raise RuntimeError("guestfs_launch failed")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A real process by the name of a virtual machine, which does nothing for as long as it is told."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    return Path(shutil.copy(sleep, tmp_path / "qemu-system-x"))


def test_a_machine_that_hangs_is_ended(machine: Path) -> None:
    handle = Launching(machine, 600)
    with pytest.raises(RuntimeError):
        launch._launch(handle, 0.5)
    assert handle.status == -9


def test_a_machine_that_starts_in_time_is_left_alone(machine: Path) -> None:
    handle = Launching(machine, 1)
    launch._launch(handle, 60)
    assert handle.status == 0


def test_without_kvm_there_is_no_limit(machine: Path) -> None:
    handle = Launching(machine, 1)
    launch._launch(handle, None)
    assert handle.status == 0

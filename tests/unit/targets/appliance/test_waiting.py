"""Whoever waits for an appliance can leave, and the virtual machine ends with the wait."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from rescue.targets.appliance.waiting import waited

pytestmark = pytest.mark.unit


class Handle:
    """Of an appliance whose machine is a process that sleeps."""

    def __init__(self, machine: subprocess.Popen[bytes]) -> None:
        self.machine = machine

    def get_pid(self) -> int:
        return self.machine.pid

    def mount_for_ever(self) -> int:
        return self.machine.wait()


@pytest.fixture
def handle() -> Iterator[Handle]:
    machine = subprocess.Popen(["sleep", "600"])
    yield Handle(machine)
    machine.kill()
    machine.wait()


def test_a_call_gives_what_it_gives(handle: Handle) -> None:
    assert waited(handle, lambda: 7) == 7
    with pytest.raises(RuntimeError, match="mount: no"):
        waited(handle, lambda: (_ for _ in ()).throw(RuntimeError("mount: no")))
    assert handle.machine.poll() is None


def test_a_signal_ends_a_wait_for_ever_and_the_machine(handle: Handle) -> None:
    alarm = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    alarm.start()
    with pytest.raises(KeyboardInterrupt):
        waited(handle, handle.mount_for_ever)
    assert handle.machine.wait(10) == -signal.SIGKILL

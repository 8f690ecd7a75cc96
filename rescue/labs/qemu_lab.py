"""A lab whose server is a machine: booted by QEMU, alone with its client in a network of its own."""

from __future__ import annotations

import re
import time
from pathlib import Path

from rescue.labs.backends import LockOut, Typed, Watcher, must_end
from rescue.labs.initramfs import BOOTED
from rescue.labs.lab_disk import image_of, make_lab_disk
from rescue.labs.machine import BOOT_LIMIT, Machine, can_boot, work_copy
from rescue.labs.network import private_possible
from rescue.labs.scenario import Scenario
from rescue.labs.ssh import Attempt

LOGIN = "echo in"

ENDS = rf"{BOOTED}|emergency mode|rescue mode|Control-D"
"""What is on the serial line when a boot has come to its end, whichever it is (systemd's and sulogin's words)."""


class QemuLab:
    """Boots the server from its disk. Needs root, for the network; see `rescue.labs.backends.Backend`."""

    name = "qemu"
    about = "a machine that QEMU boots, alone with its client in a network of its own"

    def hindrance(self, scenario: Scenario) -> str:
        if problem := can_boot():
            return problem
        return "" if private_possible() else "it needs root and /dev/net/tun, for the network"

    def steps(self) -> int:
        return 7

    def lock_out(self, scenario: Scenario, disk: Path, watcher: Watcher) -> LockOut:
        watcher.step("getting the server's image")
        image = image_of(scenario, watcher.note)
        watcher.step("making its disk")
        make_lab_disk(image, scenario, disk)
        with Machine(image, disk) as machine:
            watcher.step("the server boots, and you log in")
            machine.start().wait_for_boot()
            healthy = machine.ssh(LOGIN, user=scenario.user, family=scenario.family)
            watcher.step("what the story tells is done to it")
            done = machine.console(scenario.break_script)
            must_end(Typed(done.status, done.output))
            watcher.step("the server boots again, and you try to log in")
            machine.power_off()
            broken = _tried(machine, scenario)
            watcher.step("switching the server off")
            machine.power_off()
        return LockOut(disk, healthy, broken)

    def attempt(self, scenario: Scenario, disk: Path, watcher: Watcher) -> Attempt:
        image = image_of(scenario, watcher.note)
        # What a boot writes is no part of the repair.
        copy = disk.with_name("trial.raw")
        try:
            work_copy(disk, copy)
            with Machine(image, copy) as machine:
                watcher.step("the server boots, and you try to log in")
                return _tried(machine, scenario)
        finally:
            copy.unlink(missing_ok=True)

    def type_in(self, scenario: Scenario, disk: Path, script: str, watcher: Watcher) -> Typed:
        image = image_of(scenario, watcher.note)
        with Machine(image, disk) as machine:
            watcher.step("the server boots")
            machine.start()
            watcher.step("the commands are typed in on its console")
            done = machine.console(script)
            watcher.step("switching the server off")
            machine.power_off()
        return Typed(done.status, done.output)


def _tried(machine: Machine, scenario: Scenario) -> Attempt:
    """A login once the server is up, or as far up as it gets: an emergency shell is the end of a boot, too."""
    machine.start()
    if scenario.boot:
        deadline = time.monotonic() + BOOT_LIMIT
        while not re.search(ENDS, machine.serial()) and time.monotonic() < deadline:
            machine.wait_for_console()
            time.sleep(0.5)
    else:
        machine.wait_for_boot()
    return machine.ssh(LOGIN, user=scenario.user, port=scenario.port, family=scenario.family)

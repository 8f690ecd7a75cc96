"""A lab whose server is a machine: booted by QEMU, alone with its client in a network of its own."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path

from rescue.labs.images.image import find_image
from rescue.labs.lessons.backends import LockOut, Typed, Watcher, must_end
from rescue.labs.lessons.lab_disk import check_disks_room, fill_disk, image_of
from rescue.labs.lessons.paths import recipes_directory
from rescue.labs.lessons.scenario import Scenario
from rescue.labs.machines.initramfs import BOOTED
from rescue.labs.machines.machine import BOOT_LIMIT, Machine, can_boot, work_copy
from rescue.labs.machines.network import private_possible
from rescue.labs.machines.saved import start_healthy
from rescue.labs.machines.ssh import Attempt
from rescue.model import Symptom
from rescue.targets.host.cache import cache_directory

LOGIN = "echo in"
HEALTHY_PORT = 22

SETTLING = 120.0
"""Seconds that a server which is up may take to show its symptom."""
SLOW = 60.0
"""Seconds that sshd may take to greet: the first login after a boot reads half a system into memory."""
PAUSE = 8.0
"""Seconds between the two logins of a check."""

ENDS = rf"{BOOTED}|emergency mode|rescue mode|Control-D"
"""What is on the serial line when a boot has come to its end, whichever it is (systemd's and sulogin's words)."""


class QemuLab:
    """Boots the server from its disk. Root is needed to build it; see `rescue.labs.lessons.backends.Backend`."""

    name = "qemu"
    about = "a machine that QEMU boots, alone with its client in a network of its own"

    def hindrance(self, scenario: Scenario) -> str:
        if problem := can_boot():
            return problem
        if not private_possible():
            return "it needs root, or a user namespace with a network of its own, and /dev/net/tun"
        if os.geteuid() != 0 and find_image(recipes_directory(), scenario.image) is None:
            built = f"sudo RESCUE_CACHE={cache_directory()} scripts/build-images {scenario.image}"
            return f"building its server needs root, once: {built}"
        return ""

    def steps(self) -> int:
        return 6

    def lock_out(self, scenario: Scenario, disk: Path, watcher: Watcher) -> LockOut:
        watcher.step("getting the server's image")
        image = image_of(scenario, watcher.note)
        check_disks_room(image, scenario, disk.parent)
        small = scenario.disk
        with Machine(image, disk, whole=scenario.whole) as machine:
            watcher.step("the server boots, and you log in")
            start_healthy(
                machine,
                variant=f"{small.size}, {small.inodes}" if small else "",
                make_disk=lambda path: fill_disk(image, scenario, path),
                progress=watcher.note,
            )
            healthy = _tried(machine, replace(scenario, port=HEALTHY_PORT))
            watcher.step("what the story tells is done to it")
            done = machine.console(scenario.break_script)
            must_end(Typed(done.status, done.output))
            watcher.step("the server shuts down")
            machine.power_off()
            watcher.step("the server boots again, and you try to log in")
            _boot(machine, scenario)
            broken = _settled(machine, scenario)
            watcher.step("switching the server off")
            machine.power_off()
        return LockOut(disk, healthy, broken)

    def attempt(self, scenario: Scenario, disk: Path, watcher: Watcher) -> Attempt:
        image = image_of(scenario, watcher.note)
        # What a boot writes is no part of the repair.
        copy = disk.with_name("trial.raw")
        try:
            work_copy(disk, copy)
            with Machine(image, copy, whole=scenario.whole) as machine:
                watcher.step("the server boots, and you try to log in")
                _boot(machine, scenario)
                return _twice(machine, scenario)
        finally:
            copy.unlink(missing_ok=True)

    def type_in(self, scenario: Scenario, disk: Path, script: str, watcher: Watcher) -> Typed:
        image = image_of(scenario, watcher.note)
        with Machine(image, disk, whole=scenario.whole) as machine:
            watcher.step("the server boots")
            machine.start()
            watcher.step("the commands are typed in on its console")
            done = machine.console(script)
            watcher.step("switching the server off")
            machine.power_off()
        return Typed(done.status, done.output)

    def remove(self) -> None:
        """There is nothing beside the lab's directory."""


def _boot(machine: Machine, scenario: Scenario) -> None:
    """Until the server is up, or as far up as it gets: an emergency shell is the end of a boot, too."""
    machine.start()
    if not scenario.boot:
        machine.wait_for_boot()
        return
    deadline = time.monotonic() + BOOT_LIMIT
    while not re.search(ENDS, machine.serial()) and time.monotonic() < deadline:
        machine.wait_for_console()
        time.sleep(0.5)


def _tried(machine: Machine, scenario: Scenario) -> Attempt:
    """A login. A server that took the connection and has not said a word yet may only be slow: it is asked again."""
    deadline = time.monotonic() + SLOW
    while True:
        seen = machine.ssh(
            LOGIN, user=scenario.user, port=scenario.port, family=scenario.family, password=scenario.password
        )
        if "during banner exchange" not in seen.errors or time.monotonic() > deadline:
            return seen


def _settled(machine: Machine, scenario: Scenario) -> Attempt:
    """A login, tried again for a while until it shows what it should: fail2ban bans some time after it has started."""
    deadline = time.monotonic() + SETTLING
    while (seen := _tried(machine, scenario)).symptom is not scenario.symptom and time.monotonic() < deadline:
        time.sleep(2)
    return seen


def _twice(machine: Machine, scenario: Scenario) -> Attempt:
    """A login that counts only if it works a second time, for the same reason."""
    if (first := _tried(machine, scenario)).symptom is not Symptom.OK:
        return first
    time.sleep(PAUSE)
    return _tried(machine, scenario)

"""Whole machines: booted, locked out, examined and repaired from their disks, booted again, logged in to."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rescue.labs.machine import Machine, work_copy
from rescue.model import Symptom
from rescue.target import guestfs
from tests.conftest import LoadImage
from tests.machines.broken import BrokenRoot
from tests.machines.command import causes, rescue
from tests.machines.scenarios import SCENARIOS, Scenario
from tests.machines.table import ROWS, Row

pytestmark = pytest.mark.vm

BACKENDS = ("kernel", "guestfs") if guestfs.available() else ("kernel",)


def test_ufw_enabled_over_ssh_locks_out_and_the_disk_gets_the_door_open(lab_image: LoadImage, place: Path) -> None:
    started = time.monotonic()
    image = lab_image("debian12")
    disk = work_copy(image.disk, place / "server.raw")
    with Machine(image, disk) as machine:
        machine.start().wait_for_login()
        done = machine.ssh("ufw allow 80; ufw allow 443; ufw --force enable")
        assert done.status == 0, done
        seen = machine.ssh("true")
        assert seen.symptom is Symptom.TIMED_OUT, seen
        machine.power_off()

        before = digest(disk)
        for backend in BACKENDS:
            inspected = rescue("inspect", disk, "--backend", backend, home=place, status=3)
            assert causes(inspected) == ["ufw-no-ssh-rule"]
            assert inspected["symptom"] == "timed out"
            assert digest(disk) == before
        fixed = rescue("fix", disk, "--yes", "--backend", BACKENDS[-1], home=place, status=0)
        assert {change["path"] for change in fixed["changes"]} == {"/etc/ufw/user.rules", "/etc/ufw/user6.rules"}

        machine.start().wait_for_login("alice")
        rules = machine.ssh("ufw status")
        assert "Status: active" in rules.output
        assert {"22/tcp", "80", "443"} <= set(rules.output.split())
        machine.power_off()
    rescue("undo", disk, "--backend", "kernel", home=place, status=0)
    again = rescue("inspect", disk, "--backend", "kernel", home=place, status=3)
    assert causes(again) == ["ufw-no-ssh-rule"]
    note("machine: ufw enabled over ssh", inspected, seen.symptom, started)


def test_a_masked_ssh_on_a_partitioned_disk_is_refused_until_it_is_repaired(lab_image: LoadImage, place: Path) -> None:
    started = time.monotonic()
    image = lab_image("debian12")
    disk = work_copy(image.gpt, place / "server.raw")
    with Machine(image, disk, root="/dev/vda1") as machine:
        machine.start().wait_for_login()
        assert machine.ssh("systemctl mask ssh").status == 0
        machine.power_off()
        machine.start().wait_for_boot()
        seen = machine.ssh("true")
        assert seen.symptom is Symptom.REFUSED, seen
        machine.power_off()

        before = digest(disk)
        inspected = rescue("inspect", disk, "--backend", "kernel", home=place, status=3)
        assert causes(inspected) == ["sshd-masked"]
        assert inspected["symptom"] == "refused"
        assert digest(disk) == before
        rescue("fix", disk, "--yes", "--backend", "kernel", home=place, status=0)

        machine.start().wait_for_login()
        assert machine.ssh("systemctl is-enabled ssh").output == "enabled\n"
        machine.power_off()
    note("machine, GPT: systemctl mask ssh", inspected, seen.symptom, started)


def sample() -> tuple[Scenario, ...]:
    """RESCUE_VM_SAMPLE of the scenarios (default 1, "all" for all): others each day, all of them in turn."""
    told = os.environ.get("RESCUE_VM_SAMPLE", "1")
    count = len(SCENARIOS) if told == "all" else int(told)
    first = datetime.now(UTC).date().toordinal() * count
    return tuple(SCENARIOS[(first + number) % len(SCENARIOS)] for number in range(min(count, len(SCENARIOS))))


@pytest.mark.parametrize("scenario", sample(), ids=lambda each: each.name)
def test_a_scenario_of_the_day_holds_on_a_booted_machine(scenario: Scenario, lab_image: LoadImage, place: Path) -> None:
    started = time.monotonic()
    image = lab_image(scenario.image)
    words = ("--backend", "kernel", *scenario.words(image.key))
    disk = work_copy(image.disk, place / "server.raw")
    with mounted(disk, place / "mnt") as server:
        scenario.break_(server)
    inspected = rescue("inspect", disk, *words, home=place, status=3)
    assert causes(inspected) == [scenario.cause]
    with Machine(image, disk) as machine:
        machine.start().wait_for_boot()
        seen = attempt(machine, scenario)
        assert seen == inspected["symptom"]
        machine.power_off()
        agreed = ["--unsafe"] if scenario.unsafe else []
        rescue("fix", disk, "--yes", *agreed, *words, home=place, status=0)
        machine.start().wait_for_boot()
        assert attempt(machine, scenario) is Symptom.OK
        machine.power_off()
    note(f"machine: {scenario.name}", inspected, seen, started)


def attempt(machine: Machine, scenario: Scenario) -> Symptom | None:
    """What the scenario's person sees."""
    return machine.ssh("true", user=scenario.user, port=scenario.port).symptom


@contextmanager
def mounted(disk: Path, mount: Path) -> Iterator[BrokenRoot]:
    """The disk's file system as a root to break."""
    mount.mkdir()
    subprocess.run(["mount", "-o", "loop", str(disk), str(mount)], check=True)
    try:
        yield BrokenRoot(mount)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def digest(path: Path) -> str:
    """The image's SHA-256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def note(name: str, inspected: dict[str, object], seen: Symptom | None, started: float) -> None:
    """A row of the table; the assertions before it hold."""
    seconds = f"{time.monotonic() - started:.0f}"
    ROWS.append(Row(name, str(inspected["symptom"]), str(seen), ", ".join(causes(inspected)), "yes", "-", seconds))

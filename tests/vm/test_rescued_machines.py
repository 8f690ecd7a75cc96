"""Every scenario on a booted server: locked out, examined and repaired from its disk, logged in to, taken back.

The truth about a scenario. The healthy server lets its person in; the break is done to it while it runs; it is powered
off and booted again, and a real ssh sees the predicted symptom. Then its disk is examined, which changes nothing and
names exactly the causes, and repaired, which changes what it says and no more; the server boots, and the person is in.
Undo puts back what the repair changed.

RESCUE_VM_SAMPLE says how many scenarios are run: others each day, all of them in turn; "all" (the default) for all.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from rescue.labs.images.image import BuiltImage
from rescue.labs.lessons.scenario import Scenario, all_scenarios
from rescue.labs.machines.machine import Machine
from rescue.labs.machines.ssh import Attempt
from rescue.model import Symptom
from tests.conftest import LoadImage
from tests.machines.broken import JOURNAL, Manifest
from tests.machines.command import causes, rescue
from tests.machines.of_the_day import of_the_day
from tests.machines.table import ROWS, Row
from tests.vm.servers import digest, healthy, is_in, manifest, opened, seen, tried

pytestmark = pytest.mark.vm

ABOVE_THE_JOURNAL = {"var", "var/lib"}

READ = ("--backend", "kernel")


def sample() -> tuple[Scenario, ...]:
    """The scenarios of the day, those of one image one after the other: they share its saved machine."""
    chosen = of_the_day(all_scenarios(), "RESCUE_VM_SAMPLE")
    return tuple(sorted(chosen, key=lambda each: (each.image, each.id)))


NOBODY_IN = """
tries=0
while find /proc -maxdepth 1 -name '[0-9]*' -uid 1000 | grep -q .; do
    [ $tries -lt 150 ]
    tries=$((tries + 1))
    sleep 0.2
done
"""
"""Waits until alice's last session has ended (her systemd stays for ten seconds): usermod refuses before."""


@pytest.mark.parametrize("scenario", sample(), ids=lambda each: each.id)
def test_a_locked_out_person_gets_into_a_real_server_again(
    scenario: Scenario, lab_image: LoadImage, place: Path
) -> None:
    image = lab_image(scenario.image)
    disk = place / "server.raw"
    with Machine(image, disk, whole=scenario.whole) as machine:
        healthy(machine, scenario)
        machine.wait_for_login(scenario.user)
        gone = machine.console(NOBODY_IN)
        assert gone.status == 0, gone
        done = machine.console(scenario.break_script)
        assert done.status == 0, done
        machine.power_off()
        machine.start().wait_until_settled()
        locked_out = seen(machine, scenario, scenario.symptom)
        assert locked_out.symptom is scenario.symptom, f"{locked_out}\n{machine.serial_tail()}"
        if scenario.waiting:
            typed_in(machine, scenario)
            note(scenario, "-", locked_out, f"waiting for {', '.join(scenario.waiting)}", "-", "-")
            return
        machine.power_off()
        rescued(machine, scenario, locked_out, place)
        if scenario.boot:
            machine.start().wait_until_settled()
            typed_in(machine, scenario)


def rescued(machine: Machine, scenario: Scenario, locked_out: Attempt, home: Path) -> None:
    """Inspect, fix, log in, undo, on the disk of a machine that is off; afterwards it is as broken as it was."""
    image, disk = machine.image, machine.disk
    words = (*READ, *scenario.words(image.key))
    broken = manifest(image, disk)
    before = digest(disk)
    started = time.monotonic()

    inspected = rescue("inspect", disk, *words, home=home, status=3)
    assert causes(inspected) == sorted(scenario.causes)
    assert inspected["symptom"] == locked_out.symptom
    examined = time.monotonic()
    assert digest(disk) == before
    unseen = time.monotonic() - examined

    agreed = ["--unsafe"] if scenario.unsafe else []
    fixed = rescue("fix", disk, "--yes", *agreed, *words, home=home, status=3)
    assert (causes(fixed["after"]), fixed["after"]["verdict"]) == ([], "incomplete")
    said = {change["path"].lstrip("/") for change in fixed["changes"]}
    assert said
    examined = time.monotonic()
    assert changed(broken, manifest(image, disk)) == said
    kept(image, disk, scenario)
    unseen += time.monotonic() - examined

    machine.start().wait_for_boot()
    is_in(machine, scenario)
    seconds = time.monotonic() - started - unseen
    machine.power_off()

    ran = manifest(image, disk)
    undone = rescue("undo", disk, "--yes", *READ, home=home, status=0)
    gone = {path.lstrip("/") for path in undone["not_restorable"]}
    assert all(path.startswith(scenario.erased) for path in gone), gone
    again = manifest(image, disk)
    assert changed(ran, again) <= said
    assert changed(broken, again) & said <= gone
    note(
        scenario, inspected["symptom"], locked_out, ", ".join(causes(inspected)),
        f"none ({len(said)} changed as said)", f"{seconds:.0f}",
    )  # fmt: skip


def changed(before: Manifest, after: Manifest) -> set[str]:
    """What is not the same, without the journal of fixes and the directories that were made for it."""
    paths = before.differences(after)
    return {path for path in paths if path not in ABOVE_THE_JOURNAL and not path.startswith(JOURNAL)}


def kept(image: BuiltImage, disk: Path, scenario: Scenario) -> None:
    """What the scenario says has to be so still."""
    with opened(image, disk) as root:
        for keep in scenario.keeps:
            assert re.search(keep.holds, root.text(keep.file.lstrip("/"))), keep.what


def typed_in(machine: Machine, scenario: Scenario) -> None:
    """The manual way, typed on the running server's console: the person is in, and after the next boot as well."""
    done = machine.console(scenario.solve_script)
    assert done.status == 0, done
    machine.power_off()
    kept(machine.image, machine.disk, scenario)
    machine.start().wait_for_boot()
    is_in(machine, scenario)
    machine.power_off()


def note(scenario: Scenario, predicted: str, saw: Attempt, found: str, collateral: str, seconds: str) -> None:
    """A row of the table; the assertions before it hold."""
    ROWS.append(Row(f"machine: {scenario.id}", predicted, str(saw.symptom), found, "yes", collateral, seconds))


def test_the_person_of_a_healthy_server_is_told_that_the_path_is_clear(lab_image: LoadImage, place: Path) -> None:
    """A server that ran is as free of findings as one that never did."""
    image = lab_image("debian12")
    disk = place / "server.raw"
    scenario = all_scenarios()[0]
    with Machine(image, disk) as machine:
        healthy(machine, scenario)
        assert tried(machine, scenario).symptom is Symptom.OK
        machine.power_off()
        inspected = rescue("inspect", disk, *READ, home=place, status=3)
        assert (causes(inspected), inspected["verdict"]) == ([], "incomplete")

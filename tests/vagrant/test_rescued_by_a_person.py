"""Locked out, the rescue system booted, the disk repaired in it, let in again: each step as a person does it.

RESCUE_VAGRANT_SAMPLE says how many of the scenarios are run: others each day, all of them in turn; "all" (the default)
for all.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rescue.labs.lessons.scenario import Scenario, scenario
from rescue.labs.machines.ssh import Attempt
from rescue.labs.vagrant.machines import VagrantLab
from rescue.model import Symptom
from tests.machines.table import ROWS, Row
from tests.vagrant.conftest import tell

pytestmark = pytest.mark.vagrant

SCENARIOS = ("ufw-enable-without-ssh", "sshd-disabled", "chmod-777-home", "account-expired")
"""One for each thing that a client can see: no answer, refused, denied, closed."""

PATIENCE = 600.0
"""Seconds that a repaired server may take to let somebody in, on a busy computer without KVM."""


def sample() -> list[str]:
    """The scenarios of the day."""
    told = os.environ.get("RESCUE_VAGRANT_SAMPLE", "all")
    count = len(SCENARIOS) if told == "all" else min(int(told), len(SCENARIOS))
    first = datetime.now(UTC).date().toordinal() * count
    return [SCENARIOS[(first + number) % len(SCENARIOS)] for number in range(count)]


@pytest.mark.parametrize("name", sample())
def test_a_locked_out_person_gets_in_again_from_the_rescue_system(name: str, lab: VagrantLab) -> None:
    practised = scenario(name)
    healthy = lab.start(practised)
    assert healthy.symptom is Symptom.OK, healthy
    seen = lab.attempt(practised.user, practised.port)
    tell(f"the client sees: {seen.errors.strip()}")
    assert seen.symptom is practised.symptom, seen
    broken = time.monotonic()

    lab.up("rescue")
    assert lab.status()["server"] == "shutoff"
    words = " ".join(["/dev/vdb", *practised.options])
    inspected = rescue(lab, f"inspect {words}", status=3)
    assert causes(inspected) == sorted(practised.causes)
    assert inspected["symptom"] == practised.symptom
    fixed = rescue(lab, f"fix {words} --yes", status=3)
    assert fixed["applied"] is True

    lab.up("server")
    assert "vdb" not in lab.ssh("rescue", "ls /dev").output
    in_again = let_in(lab, practised)
    seconds = time.monotonic() - broken
    assert in_again.symptom is Symptom.OK, in_again
    note(practised, inspected, fixed, seen, seconds)


def test_the_server_s_disk_is_known_and_everything_is_gone_after_stop(lab: VagrantLab) -> None:
    disk = lab.disk
    assert disk is not None
    assert disk.is_file()
    lab.stop()
    assert not disk.exists()
    assert set(lab.status().values()) == {"not_created"}
    assert not [line for line in Path("/proc/net/dev").read_text().split("\n") if "virbr" in line]


def rescue(lab: VagrantLab, words: str, *, status: int) -> dict[str, Any]:
    """``sudo rescue WORDS --json`` in the rescue system."""
    ended = lab.ssh("rescue", f"sudo rescue {words} --json", limit=900)
    assert ended.status == status, ended
    document = json.loads(ended.output)
    assert isinstance(document, dict)
    return document


def causes(document: dict[str, Any]) -> list[str]:
    """The causes that an inspection names."""
    return sorted({finding["cause"] for finding in document["findings"]})


def let_in(lab: VagrantLab, practised: Scenario) -> Attempt:
    """The first try that succeeds, else the last."""
    started = time.monotonic()
    while True:
        tried = lab.attempt(practised.user, practised.port)
        if tried.symptom is Symptom.OK or time.monotonic() - started > PATIENCE:
            return tried
        time.sleep(2)


def note(practised: Scenario, inspected: dict[str, Any], fixed: dict[str, Any], seen: Attempt, seconds: float) -> None:
    """A row of the table; the assertions before it hold."""
    tell(f"changed: {', '.join(change['path'] for change in fixed['changes'])}; in again after {seconds:.0f} s")
    ROWS.append(
        Row(f"vagrant: {practised.id}", str(practised.symptom), str(seen.symptom), ", ".join(causes(inspected)),
            "yes", "-", f"{seconds:.0f}")
    )  # fmt: skip

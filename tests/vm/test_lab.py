"""`rescue lab` as a person uses it, with a server that is a machine: booted, broken, booted again, repaired."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescue.labs.lessons.scenario import scenario
from rescue.status import Status
from tests.conftest import LoadImage
from tests.machines.person import Person

pytestmark = pytest.mark.vm

LAB = "sshd-disabled"


def test_a_person_gets_in_again_to_a_server_that_boots(place: Path, lab_image: LoadImage) -> None:
    lab_image("debian12")
    person = Person(place)
    try:
        started = person.starts(LAB, "qemu")
        assert started["lab"]["backend"] == "qemu"
        assert started["healthy"]["symptom"] == "ok"
        assert started["broken"]["symptom"] == str(scenario(LAB).symptom)
        before = person.reads("lab", "check", status=Status.BROKEN)
        assert before["login"]["symptom"] == str(scenario(LAB).symptom)
        # A boot to try the disk leaves nothing on it.
        assert (before["changes"], before["changed_by_itself"]) == ([], [])
        solved = person.reads("lab", "solve", "--yes")
        assert solved["passed"]
        assert solved["login"]["symptom"] == "ok"
        assert any("ssh.service" in each["path"] for each in solved["changes"])
    finally:
        person.types("lab", "stop")
    assert person.left == []

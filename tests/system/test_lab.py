"""`rescue lab` as a person uses it, with servers in namespaces: real firewalls, a real sshd, a real ssh, no boot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rescue.labs.lessons.private_mounts import own_mounts
from rescue.labs.lessons.scenario import scenario
from rescue.status import Status
from tests.conftest import LoadImage
from tests.machines.person import LIMIT, Person

pytestmark = pytest.mark.system

UFW, DISABLED, HOME = "ufw-enable-without-ssh", "sshd-disabled", "chmod-777-home"


@pytest.fixture
def person(tmp_path: Path, lab_image: LoadImage) -> Iterator[Person]:
    """A person, whose lab is stopped afterwards."""
    lab_image("debian12")
    somebody = Person(tmp_path)
    yield somebody
    somebody.types("lab", "stop")


@pytest.mark.parametrize("name", [UFW, DISABLED, HOME])
def test_a_person_gets_in_again(person: Person, name: str) -> None:
    wanted = scenario(name)
    started = person.starts(name)
    assert started["healthy"]["symptom"] == "ok"
    assert started["broken"]["symptom"] == str(wanted.symptom)
    assert person.left == ["broken.raw", "lab.json", "server.raw"]

    status = person.reads("lab", "status")["lab"]
    assert (status["scenario"], status["backend"], status["phase"]) == (name, "namespaces", "locked out")
    assert person.reads("lab", "hint")["hint"]["text"] == wanted.hints[0]

    before = person.reads("lab", "check", status=Status.BROKEN)
    assert not before["passed"]
    assert before["login"]["symptom"] == str(wanted.symptom)
    assert (before["changes"], before["changed_by_itself"]) == ([], [])

    options = wanted.words(Path(started["lab"]["disk"]))
    fixed = person.reads("fix", str(person.disk), "--backend", "kernel", "--yes", *options, status=3)
    after = person.reads("lab", "check")
    assert after["passed"]
    assert after["login"]["symptom"] == "ok"
    assert after["fix_recorded"]
    assert {each["path"] for each in after["changes"]} == {each["path"] for each in fixed["changes"]}
    assert all(each["diff"] for each in after["changes"])
    assert after["lab"]["hints_taken"] == 1
    assert after["learnt"] == wanted.learnt

    person.reads("lab", "reset")
    assert person.disk.read_bytes() == (person.lab / "broken.raw").read_bytes()
    assert person.reads("lab", "check", status=Status.BROKEN)["changes"] == []

    solved = person.reads("lab", "solve", "--yes")
    assert solved["passed"]
    assert solved["lab"]["solution_shown"]
    assert solved["changes"]

    person.types("lab", "stop")
    assert person.left == []
    labs = person.reads("lab", "list")["labs"]
    # It was passed without the solution first, and that is what counts.
    assert [(lab["id"], lab["hints_taken"]) for lab in labs if lab["passed"]] == [(name, 1)]


def test_without_a_login_the_examination_judges_and_says_so(person: Person) -> None:
    started = person.starts(DISABLED, "image")
    assert started["lab"]["judge"] == "examination"
    assert (started["healthy"]["symptom"], started["broken"]["symptom"]) == ("ok", str(scenario(DISABLED).symptom))
    assert "nobody has logged in" in person.types("lab", "check", status=Status.BROKEN)
    person.reads("fix", str(person.disk), "--backend", "kernel", "--yes", status=3)
    assert "by inspection" in person.types("lab", "check")


def test_a_check_changes_nothing_on_the_disk(person: Person) -> None:
    person.starts(DISABLED)
    before = person.disk.read_bytes()
    person.reads("lab", "check", status=Status.BROKEN)
    assert person.disk.read_bytes() == before


def test_a_firewall_that_was_switched_off_is_no_repair(person: Person) -> None:
    person.starts(UFW)

    def switched_off(root: Path) -> None:
        path = root / "etc/ufw/ufw.conf"
        path.write_text(path.read_text().replace("ENABLED=yes", "ENABLED=no"))

    person.edits(switched_off)
    found = person.reads("lab", "check", status=Status.BROKEN)
    assert found["login"]["symptom"] == "ok"
    assert not found["passed"]
    assert found["lost"] == [keep.what for keep in scenario(UFW).keeps]
    assert "firewall" in person.types("lab", "check", status=Status.BROKEN)


def test_whatever_else_was_changed_is_shown_and_no_secret_with_it(person: Person) -> None:
    person.starts(DISABLED)

    def careless(root: Path) -> None:
        (root / "etc/motd").write_text("I was here\n")
        (root / "etc/ssh/ssh_host_ed25519_key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n")
        (root / "var/log/mine.log").write_text("x\n")

    person.edits(careless)
    found = person.reads("lab", "check", status=Status.BROKEN)
    assert [each["path"] for each in found["changes"]] == ["/etc/motd", "/etc/ssh/ssh_host_ed25519_key"]
    assert found["changed_by_itself"] == ["/var/log/mine.log"]
    shown = person.types("lab", "check", status=Status.BROKEN)
    assert "+I was here" in shown
    assert "c2VjcmV0" not in shown + json.dumps(found)


def test_a_disk_that_is_still_mounted_is_not_checked(person: Person) -> None:
    person.starts(DISABLED)
    # In namespaces of our own, so that nobody else's keep a copy of the mount.
    with own_mounts(), person.mounted() as point:
        told = person.types("lab", "check", status=Status.REFUSED)
        assert f"umount {point}" in told.replace("\n", " ")
        person.types("lab", "reset", status=Status.REFUSED)
        person.types("lab", "stop", status=Status.REFUSED)
    person.reads("lab", "check", status=Status.BROKEN)


def test_a_disk_that_was_removed_comes_back_by_reset(person: Person) -> None:
    person.starts(DISABLED)
    person.disk.unlink()
    assert "rescue lab reset" in person.types("lab", "check", status=Status.FAILED)
    person.types("lab", "reset")
    person.reads("lab", "check", status=Status.BROKEN)


def test_a_disk_that_was_ruined_is_said_and_comes_back_by_reset(person: Person) -> None:
    person.starts(DISABLED)
    with person.disk.open("r+b") as stream:
        stream.write(bytes(1 << 20))
    assert "rescue lab reset" in person.types("lab", "check", status=Status.FAILED)
    person.types("lab", "reset")
    person.reads("lab", "check", status=Status.BROKEN)


def test_another_start_asks_and_with_yes_replaces(person: Person) -> None:
    person.starts(DISABLED)
    told = person.types("lab", "start", HOME, "--with", "namespaces", status=Status.USAGE)
    assert DISABLED in told
    assert person.reads("lab", "status")["lab"]["scenario"] == DISABLED
    person.types("lab", "start", HOME, "--with", "namespaces", "--yes")
    assert person.reads("lab", "status")["lab"]["scenario"] == HOME


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_leaves_nothing(person: Person, number: signal.Signals) -> None:
    running = person.begin("lab", "start", UFW, "--with", "namespaces")
    _wait_for(person, "what the story tells", running)
    os.kill(running.pid, number)
    _, complained = running.communicate(timeout=LIMIT)
    assert running.returncode == Status.CANCELLED, complained
    assert person.left == []
    assert _open_by_others(person) == []
    assert person.reads("lab", "status")["lab"] is None


def test_a_killed_start_leaves_nothing_running_and_says_how_to_go_on(person: Person) -> None:
    running = person.begin("lab", "start", UFW, "--with", "namespaces")
    _wait_for(person, "what the story tells", running)
    running.kill()
    running.communicate(timeout=LIMIT)
    _wait_until(lambda: _open_by_others(person) == [])
    told = person.types("lab", "check", status=Status.USAGE)
    assert "interrupted" in told
    assert f"rescue lab start {UFW}" in told
    # Over what is left it starts without asking.
    person.starts(UFW)


def test_two_commands_at_once_do_not_meet(person: Person) -> None:
    running = person.begin("lab", "start", UFW, "--with", "namespaces")
    _wait_for(person, "making its disk", running)
    assert "at work" in person.types("lab", "stop", status=Status.USAGE)
    assert "being started" in person.types("lab", "status", status=Status.USAGE)
    running.communicate(timeout=LIMIT)
    assert running.returncode == 0


def test_a_lab_by_chance_tells_no_name_before_the_end(person: Person) -> None:
    shown = person.types("lab", "start", "--random", "--difficulty", "first-steps", "--with", "namespaces")
    record = json.loads((person.lab / "lab.json").read_text())
    wanted = scenario(record["scenario"])
    assert wanted.id not in shown
    assert wanted.title not in shown
    assert wanted.story.split()[0] in shown


def _wait_for(person: Person, words: str, running: subprocess.Popen[str]) -> None:
    """Until the running command has said so."""
    assert running.stderr is not None
    for line in running.stderr:
        if words in line:
            return
    pytest.fail(f"it ended before it said {words!r}")


def _wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it did not come about within ten seconds")


def _open_by_others(person: Person) -> list[str]:
    """Processes and loop devices that still have to do with the person's lab."""
    found = [str(told) for told in Path("/sys/block").glob("loop*/loop/backing_file") if _names(told, person)]
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) != os.getpid() and (_names(process / "cmdline", person) or _has_open(process, person)):
            found.append(process.name)
    return found


def _names(path: Path, person: Person) -> bool:
    try:
        return str(person.lab) in path.read_text(errors="replace")
    except OSError:
        return False


def _has_open(process: Path, person: Person) -> bool:
    try:
        return any(str(link.readlink()).startswith(str(person.lab)) for link in (process / "fd").iterdir())
    except OSError:
        return False

"""A lab counts only once its break is proven, and one that fails leaves nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rescue.labs.errors import LabError
from rescue.labs.lessons.backends import Choice, LockOut, Typed, Watcher
from rescue.labs.lessons.lab import BreakError, NoLab, Practice
from rescue.labs.lessons.scenario import Scenario, scenario
from rescue.labs.lessons.session import LabStore, Phase
from rescue.labs.machines.ssh import Attempt

pytestmark = pytest.mark.unit

LAB = scenario("sshd-disabled")
IN = Attempt(0, "in\n", "")
REFUSED = Attempt(255, "", "ssh: connect to host 192.0.2.2 port 22: Connection refused\n")
SILENT = Attempt(255, "", "ssh: connect to host 192.0.2.2 port 22: Connection timed out\n")


@dataclass
class Stage:
    """A way whose logins are given: what comes of them is the test."""

    healthy: Attempt = IN
    broken: Attempt = REFUSED
    problem: BaseException | None = None
    name: str = "stage"
    about: str = "no server at all"
    removed: int = 0

    def hindrance(self, scenario: Scenario) -> str:
        return ""

    def steps(self) -> int:
        return 1

    def lock_out(self, scenario: Scenario, disk: Path, watcher: Watcher) -> LockOut:
        disk.write_text("disk")
        if self.problem is not None:
            raise self.problem
        return LockOut(disk, self.healthy, self.broken)

    def attempt(self, scenario: Scenario, disk: Path, watcher: Watcher) -> Attempt:
        return self.broken

    def type_in(self, scenario: Scenario, disk: Path, script: str, watcher: Watcher) -> Typed:
        disk.write_text("typed")
        return Typed(1, "no such unit\n")

    def remove(self) -> None:
        self.removed += 1


@dataclass
class Told:
    """Keeps what was told."""

    words: list[str] = field(default_factory=list)

    def step(self, words: str) -> None:
        self.words.append(words)

    def note(self, words: str) -> None:
        self.words.append(words)


@pytest.fixture
def store(tmp_path: Path) -> LabStore:
    return LabStore(tmp_path / "lab")


def practice(store: LabStore, stage: Stage) -> Practice:
    return Practice(store, {"stage": stage}, clock=lambda: 1000.0)


def start(store: LabStore, stage: Stage) -> Practice:
    made = practice(store, stage)
    made.start(LAB, Choice(stage), Told())
    return made


def test_a_proven_break_is_a_lab(store: LabStore) -> None:
    start(store, Stage())
    lab = store.load()
    assert lab is not None
    assert (lab.scenario, lab.phase, lab.disk) == (LAB.id, Phase.LOCKED_OUT, str(store.disk))
    assert store.broken.read_text() == store.disk.read_text() == "disk"


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Stage(healthy=REFUSED), "healthy server does not let anybody in"),
        (Stage(broken=IN), "should say refused"),
        (Stage(broken=SILENT), "Connection timed out"),
    ],
    ids=["never healthy", "not broken", "broken in another way"],
)
def test_a_break_that_is_not_the_predicted_one_does_not_count(store: LabStore, stage: Stage, words: str) -> None:
    with pytest.raises(BreakError, match=words) as caught:
        start(store, stage)
    assert "not yours" in caught.value.hint
    assert store.load() is None
    assert not store.disk.exists()


@pytest.mark.parametrize("problem", [LabError("no room"), KeyboardInterrupt()], ids=["failed", "interrupted"])
def test_a_start_that_fails_leaves_nothing(store: LabStore, problem: BaseException) -> None:
    stage = Stage(problem=problem)
    with pytest.raises(type(problem)):
        start(store, stage)
    assert stage.removed == 1
    assert [path.name for path in store.directory.iterdir()] == ["lock"]


def test_the_solution_that_fails_leaves_the_disk_as_it_was(store: LabStore) -> None:
    made = start(store, Stage())
    done, checked = made.solve(Told())
    assert (done.status, checked) == (1, None)
    assert store.disk.read_text() == "disk"
    assert sorted(path.name for path in store.directory.iterdir()) == ["broken.raw", "lab.json", "lock", "server.raw"]


def test_reset_gives_back_the_broken_disk_and_keeps_the_count_of_hints(store: LabStore) -> None:
    made = start(store, Stage())
    made.hint()
    store.disk.write_text("changed")
    lab, _ = made.reset()
    assert store.disk.read_text() == "disk"
    assert lab.hints == 1


def test_a_lab_whose_beginning_is_gone_says_to_start_again(store: LabStore) -> None:
    made = start(store, Stage())
    store.broken.unlink()
    for again in (made.reset, lambda: made.check(Told())):
        with pytest.raises(LabError) as caught:
            again()
        assert "rescue lab start" in caught.value.hint


def test_after_the_stop_nothing_is_there(store: LabStore) -> None:
    stage = Stage()
    made = start(store, stage)
    assert stage.removed == 0
    assert made.stop()
    assert not made.stop()
    assert stage.removed == 1
    with pytest.raises(NoLab):
        made.current()

"""One lab from its start to its end: what `rescue lab` does, without a word of how it looks.

A lab counts only once its break is proven: the healthy server lets the person in, the broken one shows exactly the
symptom that the scenario predicts. Every step leaves a record (`session`) from which the next one goes on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.images.image import find_image
from rescue.labs.lessons.backends import WAYS, Backend, Choice, LockOut, Typed, Watcher, backend, image_format
from rescue.labs.lessons.grading import Grade, grade
from rescue.labs.lessons.lab_disk import check_free, replace_disk
from rescue.labs.lessons.paths import recipes_directory
from rescue.labs.lessons.private_mounts import own_mounts
from rescue.labs.lessons.scenario import Scenario, scenario
from rescue.labs.lessons.session import Lab, LabStore, Passed, Phase, RecordError
from rescue.labs.machines.machine import work_copy
from rescue.labs.machines.ssh import Attempt
from rescue.model import Symptom
from rescue.targets.host.cache import cache_directory


class NoLab(LabError):
    """Nothing was started, or it is not as far as it would have to be."""


class BreakError(LabError):
    """The server is not broken as the scenario says. It is the lab's fault, and nothing is left of it."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One hint. number: from 1; left: how many come after it."""

    number: int
    text: str
    left: int


@dataclass(frozen=True, slots=True)
class Started:
    """A lab that was started, and what was seen meanwhile."""

    lab: Lab
    scenario: Scenario
    seen: LockOut


@dataclass(frozen=True, slots=True)
class Checked:
    """A check of the disk as it is now."""

    lab: Lab
    scenario: Scenario
    grade: Grade


class Practice:
    """The lab in one directory. ways: those that may be used, for tests; else those of `backends`."""

    def __init__(
        self, store: LabStore, ways: Mapping[str, Backend] | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.store = store
        self._ways = ways
        self._clock = clock

    # -- from nothing to locked out --------------------------------------------------------------------------------

    def start(self, wanted: Scenario, choice: Choice, watcher: Watcher, *, hidden: bool = False) -> Started:
        """Build, break and prove it. What was there is removed first. Raises LabError, and leaves nothing then."""
        with self.store.held():
            self._clear()
            lab = Lab(wanted.id, choice.backend.name, self._clock(), hidden=hidden)
            self.store.save(lab)
            try:
                seen = choice.backend.lock_out(wanted, self.store.disk, watcher)
                _prove(wanted, seen)
                watcher.step("keeping a copy of the broken disk")
                work_copy(seen.disk, self.store.broken)
                lab = replace(lab, phase=Phase.LOCKED_OUT, disk=str(seen.disk), ready=self._clock())
                self.store.save(lab)
            except BaseException:
                self._clear()
                raise
        return Started(lab, wanted, seen)

    # -- what there is -----------------------------------------------------------------------------------------------

    def current(self, *, holding: bool = False) -> tuple[Lab, Scenario]:
        """The lab that is going on, with a disk to work at. holding: the caller is who is at work. NoLab, LabError."""
        lab = self.store.load()
        if lab is None:
            raise NoLab("no lab is going on", "Choose one: rescue lab list")
        if lab.phase is Phase.STARTING:
            if not holding and self.store.at_work:
                raise NoLab(f"the lab {shown_name(lab)} is being started just now", "Wait until it is.")
            again = "--random" if lab.hidden else lab.scenario
            raise NoLab(
                f"the start of the lab {shown_name(lab)} was interrupted",
                f"Start it again: rescue lab start {again}, or remove what is left: rescue lab stop",
            )
        return lab, scenario(lab.scenario)

    def hint(self) -> Hint | None:
        """The next hint; None where all were given."""
        with self.store.held():
            lab, wanted = self.current(holding=True)
            if lab.hints >= len(wanted.hints):
                return None
            self.store.save(replace(lab, hints=lab.hints + 1))
            return Hint(lab.hints + 1, wanted.hints[lab.hints], len(wanted.hints) - lab.hints - 1)

    # -- what is done with it ------------------------------------------------------------------------------------------

    def check(self, watcher: Watcher) -> Checked:
        """A real login to a server made from the disk as it is now, and all that was changed on it."""
        with self.store.held():
            lab, wanted = self.current(holding=True)
            return self._checked(lab, wanted, watcher)

    def _checked(self, lab: Lab, wanted: Scenario, watcher: Watcher) -> Checked:
        disk = Path(lab.disk)
        check_free(disk)
        if not self.store.broken.is_file():
            raise LabError("the broken disk that the lab began with is gone", "Start it again: rescue lab start")
        login = self._backend(lab).attempt(wanted, disk, watcher)
        watcher.step("comparing the disk with the broken one")
        # Who is not root mounts nothing here: an appliance does it then.
        with own_mounts() if os.geteuid() == 0 else nullcontext():
            found = grade(wanted, login, self.store.broken, disk, image_format(lab.backend))
        now = self._clock()
        if found.passed and lab.phase is not Phase.PASSED:
            lab = replace(lab, phase=Phase.PASSED, passed=now)
            self.store.note_passed(wanted.id, Passed(now, now - lab.ready, lab.hints, lab.shown))
        elif not found.passed:
            lab = replace(lab, phase=Phase.LOCKED_OUT, passed=0.0)
        lab = replace(lab, checks=lab.checks + 1)
        self.store.save(lab)
        return Checked(lab, wanted, found)

    def show_solution(self) -> Scenario:
        """The scenario with its manual way; that it was looked at is noted."""
        with self.store.held():
            lab, wanted = self.current(holding=True)
            if lab.phase is not Phase.PASSED:
                self.store.save(replace(lab, shown=True))
            return wanted

    def solve(self, watcher: Watcher) -> tuple[Typed, Checked | None]:
        """Type in the manual way and check. Where a command fails the disk stays as it was, and nothing is checked."""
        with self.store.held():
            lab, wanted = self.current(holding=True)
            if lab.phase is not Phase.PASSED:
                lab = replace(lab, shown=True)
                self.store.save(lab)
            disk = Path(lab.disk)
            check_free(disk)
            new = disk.with_name(disk.name + ".new")
            try:
                work_copy(disk, new)
                done = self._backend(lab).type_in(wanted, new, wanted.solve_script, watcher)
                if done.status != 0:
                    return done, None
                new.replace(disk)
            finally:
                new.unlink(missing_ok=True)
            return done, self._checked(lab, wanted, watcher)

    def reset(self) -> tuple[Lab, Scenario]:
        """Give back the broken disk; hints stay counted."""
        with self.store.held():
            lab, wanted = self.current(holding=True)
            if not self.store.broken.is_file():
                raise LabError("the broken disk that the lab began with is gone", "Start it again: rescue lab start")
            disk = Path(lab.disk)
            if disk.exists():
                check_free(disk)
            replace_disk(self.store.broken, disk)
            lab = replace(lab, phase=Phase.LOCKED_OUT, passed=0.0)
            self.store.save(lab)
            return lab, wanted

    def stop(self) -> bool:
        """Remove the lab with its disks; false where there was none. A disk that is still mounted is kept."""
        with self.store.held():
            there = self.store.directory.joinpath("lab.json").exists() or self.store.disk.exists()
            disk = self._disk()
            if disk.exists():
                check_free(disk)
            self._clear()
            return there

    def _disk(self) -> Path:
        try:
            lab = self.store.load()
        except RecordError:
            lab = None
        return Path(lab.disk) if lab is not None and lab.disk else self.store.disk

    def _clear(self) -> None:
        """Remove what there is: first what the way keeps elsewhere, as the record tells of it."""
        try:
            lab = self.store.load()
        except RecordError:
            lab = None
        if lab is not None and lab.backend in (self._ways or WAYS):
            self._backend(lab).remove()
        self.store.clear()

    def _backend(self, lab: Lab) -> Backend:
        if self._ways is not None:
            return self._ways[lab.backend]
        if lab.backend not in WAYS:
            raise LabError(f"this lab was started with {lab.backend!r}, which is not known here", "rescue lab stop")
        return backend(lab.backend)


def shown_name(lab: Lab) -> str:
    """The scenario's id, or that it is not told yet."""
    return "with the hidden cause" if lab.hidden and lab.phase is not Phase.PASSED else lab.scenario


def client_key(wanted: Scenario) -> Path:
    """The private key that the scenario's person holds."""
    image = find_image(recipes_directory(), wanted.image)
    return image.key if image else cache_directory() / "lab_key"


def _prove(wanted: Scenario, seen: LockOut) -> None:
    if seen.healthy.symptom is not Symptom.OK or seen.healthy.status != 0:
        raise _fault(f"the healthy server does not let anybody in ({_said(seen.healthy)})")
    if seen.broken.symptom is not wanted.symptom:
        raise _fault(f"after the break ssh should say {wanted.symptom!s}, but it said: {_said(seen.broken)}")


def _said(attempt: Attempt) -> str:
    return attempt.errors.strip() or f"status {attempt.status}, {attempt.output.strip() or 'no word'}"


def _fault(what: str) -> BreakError:
    return BreakError(
        f"the lab did not come up as it should: {what}",
        "That is the lab's fault, not yours. Try it again, or another: rescue lab list",
    )

"""What is remembered of the lab that is going on, and of those that were passed.

In one directory (`rescue.labs.lessons.paths.lab_directory`), readable by its owner alone:

    lab.json     the lab that is going on; each change replaces the file as a whole
    passed.json  the scenarios that were passed, with the hints it took
    lock         held (flock(2)) by the command that is at work
    server.raw, broken.raw   the server's disk, and what it was when the lab began

However a command ends, the record tells what is there: one that says "starting" while nobody holds the lock is a
start that was interrupted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from pathlib import Path
from typing import Any

from rescue.labs.errors import LabError

FORMAT = 1


class Phase(StrEnum):
    """How far a lab is."""

    STARTING = "starting"
    """The server is being built, broken and tried."""
    LOCKED_OUT = "locked out"
    """The person has the broken disk."""
    PASSED = "passed"
    """A check let them in, with everything kept that has to be."""


@dataclass(frozen=True, slots=True)
class Lab:
    """The lab that is going on.

    began, ready, passed: seconds since the epoch; 0 for "not yet". hidden: title and cause are not told before the
    end. hints, checks: how many were asked for. shown: the solution was looked at.
    """

    scenario: str
    backend: str
    began: float
    phase: Phase = Phase.STARTING
    disk: str = ""
    ready: float = 0.0
    passed: float = 0.0
    hidden: bool = False
    hints: int = 0
    checks: int = 0
    shown: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    """A scenario that was passed. when: seconds since the epoch; seconds: from the lock-out to the login."""

    when: float
    seconds: float
    hints: int
    shown: bool


class RecordError(LabError):
    """The record of the lab that is going on can't be read."""


class LabBusy(LabError):
    """Another command is at work on the lab."""


class LabStore:
    """The directory in which it is kept."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.disk = directory / "server.raw"
        self.broken = directory / "broken.raw"
        self._record = directory / "lab.json"
        self._passed = directory / "passed.json"

    # -- the lab that is going on --------------------------------------------------------------------------------

    def load(self) -> Lab | None:
        """The lab that is going on; None if there is none. Raises RecordError."""
        try:
            told = json.loads(self._record.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as problem:
            raise self._unreadable(str(problem)) from problem
        try:
            return _lab(told)
        except (KeyError, TypeError, ValueError) as problem:
            raise self._unreadable(str(problem)) from problem

    def _unreadable(self, why: str) -> RecordError:
        return RecordError(
            f"the record of the lab, {self._record}, can't be read: {why}",
            "rescue lab stop removes it with all that belongs to it; then start again.",
        )

    def save(self, lab: Lab) -> None:
        """Replace the record."""
        self._replace(self._record, {"format": FORMAT, **asdict(lab)})

    def clear(self) -> None:
        """Remove the lab with its disks; what was passed stays known."""
        kept = {self._passed.name, "lock"}
        if not self.directory.is_dir():
            return
        # The record goes last: as long as disks are left, there is a lab to stop.
        left = [path for path in self.directory.iterdir() if path.name not in kept and path != self._record]
        for path in left:
            path.unlink(missing_ok=True)
        self._record.unlink(missing_ok=True)

    # -- those that were passed ----------------------------------------------------------------------------------

    def passed(self) -> Mapping[str, Passed]:
        """By scenario. What can't be read counts for nothing: it is a mark in a list."""
        try:
            told = json.loads(self._passed.read_text())
            return {name: Passed(**each) for name, each in told.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def note_passed(self, scenario: str, passed: Passed) -> None:
        """Remember it, unless it was passed before without help."""
        known = dict(self.passed())
        before = known.get(scenario)
        if before is None or before.shown or not passed.shown:
            known[scenario] = passed
        self._replace(self._passed, {name: asdict(each) for name, each in known.items()})

    # -- one at a time -------------------------------------------------------------------------------------------

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other commands away. Raises LabBusy at once where one is at work."""
        self._make()
        with (self.directory / "lock").open("a") as lock:
            try:
                flock(lock, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                raise LabBusy(
                    "another `rescue lab` is at work on the server", "Wait until it is done, or end it with Ctrl-C."
                ) from None
            yield

    @property
    def at_work(self) -> bool:
        """Whether a command is at work."""
        try:
            with (self.directory / "lock").open() as lock:
                flock(lock, LOCK_EX | LOCK_NB)
                flock(lock, LOCK_UN)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _make(self) -> None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as problem:
            raise LabError(
                f"{self.directory} can't be made: {problem.strerror}",
                "Set XDG_STATE_HOME to a directory in which you may write.",
            ) from problem

    def _replace(self, path: Path, told: Mapping[str, Any]) -> None:
        self._make()
        new = path.with_name(path.name + ".new")
        with new.open("w") as stream:
            json.dump(told, stream, indent=1)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(path)


def _lab(told: Mapping[str, Any]) -> Lab:
    """The record's lab; KeyError, TypeError and ValueError say what is wrong with it."""
    if told["format"] != FORMAT:
        raise ValueError(f"it is of another version ({told['format']})")
    wanted = {field.name: told[field.name] for field in fields(Lab)}
    made = Lab(**{**wanted, "phase": Phase(wanted["phase"])})
    for name, kind in (("scenario", str), ("backend", str), ("disk", str), ("hints", int), ("checks", int)):
        if not isinstance(wanted[name], kind):
            raise TypeError(f"{name} is {wanted[name]!r}")
    for name in ("began", "ready", "passed"):
        if not isinstance(wanted[name], int | float):
            raise TypeError(f"{name} is {wanted[name]!r}")
    return made

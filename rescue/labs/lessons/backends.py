"""The ways to bring up a lab's server, and which one is taken.

A way does two things: it locks the person out (the healthy server, the break, a restart), and later it tries the disk
as it then is. Between the two nothing runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from rescue.labs.errors import LabError
from rescue.labs.lessons.scenario import Scenario
from rescue.labs.machines.network import ADDRESS, ADDRESS6, CLIENT, CLIENT6
from rescue.labs.machines.ssh import Attempt


class Watcher(Protocol):
    """Is told how far it is, for the person who waits."""

    def step(self, words: str) -> None:
        """A new step begins."""

    def note(self, words: str) -> None:
        """Something about the step that goes on."""


@dataclass(frozen=True, slots=True)
class LockOut:
    """What was seen while a person was locked out. healthy, broken: the logins before the break, and after it."""

    disk: Path
    healthy: Attempt
    broken: Attempt


@dataclass(frozen=True, slots=True)
class Typed:
    """How a script ended that was typed in on the server: its exit status, and all that it printed."""

    status: int
    output: str


class Backend(Protocol):
    """One way to bring up a lab's server. All raise LabError."""

    name: str
    about: str
    """What the server is then, to follow "The server is"."""

    def hindrance(self, scenario: Scenario) -> str:
        """Why this scenario can't be practised this way here; empty if it can."""

    def steps(self) -> int:
        """How many steps `lock_out` tells of."""

    def lock_out(self, scenario: Scenario, disk: Path, watcher: Watcher) -> LockOut:
        """Make the healthy server on `disk`, log in, break it, bring it up again, try to log in, switch it off."""

    def attempt(self, scenario: Scenario, disk: Path, watcher: Watcher) -> Attempt:
        """Bring up a server with what is on the disk now, and log in as the scenario's person. The disk stays."""

    def type_in(self, scenario: Scenario, disk: Path, script: str, watcher: Watcher) -> Typed:
        """Run a script as root on the server, as in a web console; what it writes is on the disk afterwards."""

    def remove(self) -> None:
        """Take away what is kept beside the lab's directory, if anything is."""


WAYS: Mapping[str, tuple[str, str]] = {
    "vagrant": ("rescue.labs.vagrant.lab", "VagrantWay"),
    "qemu": ("rescue.labs.lessons.qemu_lab", "QemuLab"),
    "namespaces": ("rescue.labs.lessons.namespace_lab", "NamespaceLab"),
    "image": ("rescue.labs.lessons.judge_lab", "InspectedLab"),
}
"""Name -> module and class, the most real one first."""


UNTRIED = ("image",)
"""The ways in which nobody logs in: what is seen is what rescue's examination of the disk predicts."""


def image_format(name: str) -> str:
    """The format of the lab's disks, with the way called `name`."""
    return "qcow2" if name == "vagrant" else "raw"


def addresses(name: str, family: int = 4) -> tuple[str, str]:
    """The server's address and the client's, with the way called `name`."""
    if name == "vagrant":
        network = os.environ.get("LAB_NET", "192.168.56")
        return f"{network}.10", f"{network}.20"
    return (ADDRESS, CLIENT) if family == 4 else (ADDRESS6, CLIENT6)


@dataclass(frozen=True, slots=True)
class Choice:
    """The way taken, and why not those that come before it: (name, reason)."""

    backend: Backend
    passed_over: tuple[tuple[str, str], ...] = ()


def backend(name: str) -> Backend:
    """The way called `name`, one of `WAYS`."""
    module, made = WAYS[name]
    found: Callable[[], Backend] = getattr(import_module(module), made)
    return found()


def choose(scenario: Scenario, wanted: str | None = None, ways: Mapping[str, Backend] | None = None) -> Choice:
    """The way `wanted`, else the first that works here. Raises LabError, which says what is missing for each."""
    known = ways if ways is not None else {name: backend(name) for name in WAYS}
    passed_over: list[tuple[str, str]] = []
    for name in [wanted] if wanted else known:
        why = known[name].hindrance(scenario)
        if not why:
            return Choice(known[name], tuple(passed_over))
        passed_over.append((name, why))
    reasons = "; ".join(f"{name}: {why}" for name, why in passed_over)
    raise LabError(f"the server of {scenario.id} can't be brought up here. {reasons}", _hint(passed_over))


def must_end(done: Typed) -> None:
    """Raise LabError where the break script did not come to its end."""
    if done.status != 0:
        raise LabError(
            f"the server could not be broken as the story tells: status {done.status}\n{done.output.strip()}",
            "That is the lab's fault, not yours. Please report it, and try another: rescue lab list",
        )


def _hint(passed_over: list[tuple[str, str]]) -> str:
    if any("root" in why for _, why in passed_over):
        return "Run it with sudo, and the other lab commands that follow as well."
    return "scripts/setup installs what is missing. --with NAME takes another way; rescue lab list shows other labs."

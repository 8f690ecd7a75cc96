"""The scenarios: servers that lock their owner out, each a folder of `rescue/labs/scenarios`.

    scenario.toml   what it is called, the story, what is seen from outside, what has to be found, hints
    break.sh        what the person did: POSIX shell, run as root on the healthy server while it is up
    solve.sh        the manual way: what a person would type as root in a web console to get in again

Keys of scenario.toml, all but those with a default required:

    title        a few words
    difficulty   "first steps", "everyday" or "tricky"
    story        what the person did, in their words
    symptom      what the client sees then, a word of rescue.model.Symptom ("refused")
    causes       the ids that inspect has to name, all of them and no other
    hints        in rising strength; none holds a line of solve.sh
    learnt       what to remember, told at the end
    explain      pages of `rescue explain` to read (default: the causes)
    image        the server's recipe in images/ (default "debian12")
    user, port   who dials what (default "root", 22)
    family       4 or 6: how the client reaches the server (default 4)
    password     what the person answers where the server asks for a password (default: they have a key alone)
    options      what the person tells `rescue inspect` and `fix`; KEY stands for the public key's file
    unsafe       true where the repair does more than let in, or mends a doubt, so that one has to agree (default false)
    doubtful     true where the disk alone can't settle it: inspect says so, and names the cause (default false)
    boot         true where only a boot shows it: fstab, interfaces, sockets (default false); "whole" where the boot
                 has to be a server's to the last unit, see below
    disk         a small disk of its own: { size = "512M", inodes = 12000 }, inodes may be left out
    erased       directories whose logs the repair deletes, which undo can't bring back (default none)
    waiting      true where it comes before its check: its causes may be unknown (default false)
    keeps        what has to be so still when the person is in again: tables of `what`, `file`, `holds` (a pattern)

The causes are the ids of checks. A scenario of which a cause is unknown is waiting for the check: it can be practised,
and its break and its manual way are tested, but nothing is claimed of `inspect`. Such a scenario says `waiting = true`,
so that a misspelt cause is not waited for in vain (a test holds both).

What a machine leaves out of a server's boot, because that takes an emulated processor seconds and no login can hang on
it, is listed in `machines.left_out`, each with its reason, and in `rescue explain lab`: timers that run by the
clock, logins on a console, e2scrub_reap, and devices that are no disk, network or bus. `boot = "whole"` leaves out
nothing. A machine has QEMU's devices, the lab's kernel command line and no boot loader all the same.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from rescue.checks import all_checks
from rescue.labs.errors import LabError
from rescue.model import Symptom

DIRECTORY = Path(__file__).resolve().parents[1] / "scenarios"

REQUIRED = frozenset({"title", "difficulty", "story", "symptom", "causes", "hints", "learnt"})
SWITCHES = frozenset({"unsafe", "doubtful", "waiting"})
OPTIONAL = SWITCHES | {
    "boot", "explain", "image", "user", "port", "family", "options", "disk", "erased", "keeps", "password",
}  # fmt: skip
TEXTS = frozenset({"title", "difficulty", "story", "symptom", "learnt", "image", "user", "password"})
LISTS = frozenset({"causes", "hints", "explain", "options", "erased"})
"""Keys whose values are lists of texts."""
NUMBERS = frozenset({"port", "family"})
WHOLE = "whole"
"""What `boot` may be apart from true and false."""


class Difficulty(StrEnum):
    """How much one has to know."""

    FIRST_STEPS = "first steps"
    EVERYDAY = "everyday"
    TRICKY = "tricky"


class ScenarioError(LabError):
    """A scenario is missing, or its files say something that can't be."""


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A disk of its own, for servers that run full. size: as mke2fs(8) takes it; inodes: at most so many."""

    size: str
    inodes: int | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """Something that a good repair leaves: `file` of the server holds the pattern `holds` (re, lines apart)."""

    what: str
    file: str
    holds: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One broken server; the fields are those of scenario.toml, see above; `may_wait` is its "waiting"."""

    id: str
    title: str
    difficulty: Difficulty
    story: str
    symptom: Symptom
    causes: tuple[str, ...]
    hints: tuple[str, ...]
    learnt: str
    break_script: str
    solve_script: str
    explain: tuple[str, ...]
    image: str = "debian12"
    user: str = "root"
    port: int = 22
    family: int = 4
    options: tuple[str, ...] = ()
    unsafe: bool = False
    doubtful: bool = False
    boot: bool = False
    whole: bool = False
    """Whether `boot` is "whole"."""
    disk: SmallDisk | None = None
    erased: tuple[str, ...] = ()
    may_wait: bool = False
    keeps: tuple[Keep, ...] = ()
    password: str = ""

    @property
    def waiting(self) -> tuple[str, ...]:
        """Its causes that this version of rescue can't find yet."""
        known = {check.id for check in all_checks()}
        return tuple(cause for cause in self.causes if cause not in known)

    def words(self, key: Path) -> tuple[str, ...]:
        """`options` with the file of the private key's public half put in."""
        return tuple(str(key.with_suffix(".pub")) if word == "KEY" else word for word in self.options)


@cache
def all_scenarios() -> tuple[Scenario, ...]:
    """Every scenario, the easy ones first, then by id. Raises ScenarioError."""
    loaded = (load(path.parent) for path in sorted(DIRECTORY.glob("*/scenario.toml")))
    ranks = list(Difficulty)
    return tuple(sorted(loaded, key=lambda each: (ranks.index(each.difficulty), each.id)))


def scenario(name: str) -> Scenario:
    """The scenario called `name`. Raises ScenarioError, which names those that are spelled alike."""
    found = next((each for each in all_scenarios() if each.id == name), None)
    if found is None:
        near = get_close_matches(name, [each.id for each in all_scenarios()], 3)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise ScenarioError(f"there is no scenario {name!r}", f"{hint}See: rescue lab list")
    return found


def load(directory: Path) -> Scenario:
    """Read one folder. Raises ScenarioError."""
    path = directory / "scenario.toml"
    try:
        told = tomllib.loads(path.read_text())
        scripts = [(directory / name).read_text() for name in ("break.sh", "solve.sh")]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ScenarioError(f"the scenario {directory.name} can't be read: {problem}") from problem
    if missing := REQUIRED - told.keys():
        raise ScenarioError(f"{path}: missing: {', '.join(sorted(missing))}")
    if unknown := told.keys() - REQUIRED - OPTIONAL:
        raise ScenarioError(f"{path}: unknown: {', '.join(sorted(unknown))}")
    try:
        return _made(directory.name, told, *scripts)
    except (TypeError, ValueError) as problem:
        raise ScenarioError(f"{path}: {problem}") from problem


def _check(told: Mapping[str, Any]) -> None:
    """Each value is of its key's kind. Raises TypeError and ValueError."""
    for key, value in told.items():
        if key in TEXTS and not isinstance(value, str):
            raise TypeError(f"{key} has to be a text")
        if key in LISTS and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            raise TypeError(f"{key} has to be a list of texts")
        if key in SWITCHES and not isinstance(value, bool):
            raise TypeError(f"{key} has to be true or false")
        if key == "boot" and value != WHOLE and not isinstance(value, bool):
            raise TypeError(f'boot has to be true, false or "{WHOLE}"')
        # True is an int, too.
        if key in NUMBERS and (not isinstance(value, int) or isinstance(value, bool)):
            raise TypeError(f"{key} has to be a number")
    if told.get("family", 4) not in (4, 6):
        raise ValueError("family has to be 4 or 6")
    if not 0 < told.get("port", 22) < 1 << 16:
        raise ValueError("port has to be between 1 and 65535")


def _keep(told: Mapping[str, str]) -> Keep:
    keep = Keep(**told)
    try:
        re.compile(keep.holds)
    except re.error as problem:
        raise ValueError(f"the pattern {keep.holds!r}: {problem}") from problem
    return keep


def _made(name: str, told: Mapping[str, Any], break_script: str, solve_script: str) -> Scenario:
    _check(told)
    return Scenario(
        id=name,
        title=told["title"],
        difficulty=Difficulty(told["difficulty"]),
        story=told["story"].strip(),
        symptom=Symptom(told["symptom"]),
        causes=tuple(told["causes"]),
        hints=tuple(each.strip() for each in told["hints"]),
        learnt=told["learnt"].strip(),
        break_script=break_script,
        solve_script=solve_script,
        explain=tuple(told.get("explain", told["causes"])),
        image=told.get("image", "debian12"),
        user=told.get("user", "root"),
        port=told.get("port", 22),
        family=told.get("family", 4),
        options=tuple(told.get("options", ())),
        unsafe=told.get("unsafe", False),
        doubtful=told.get("doubtful", False),
        boot=bool(told.get("boot", False)),
        whole=told.get("boot") == WHOLE,
        disk=SmallDisk(**told["disk"]) if "disk" in told else None,
        erased=tuple(told.get("erased", ())),
        may_wait=told.get("waiting", False),
        keeps=tuple(_keep(each) for each in told.get("keeps", ())),
        password=told.get("password", ""),
    )

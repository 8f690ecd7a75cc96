"""What tests need and takes long to get: made once, kept in the cache, by one process and whole, or not at all.

Several processes share the tests, and each may be the first to ask. A test that asks for what can be had here and is
not there fails: a skip would call the run green that has not looked. Only where a program is missing that nobody was
asked to install is it skipped, with its name.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest

from rescue.labs.programs import ALONE
from rescue.targets.host.cache import cache_directory

TAIL = 15
"""Lines of a failed program's words that are shown."""


class NotMade(Exception):
    """It could not be built or fetched; the message is why."""


def once(name: str, proof: str, make: Callable[[Path], None]) -> Path:
    """The directory `name` of the cache, made by `make` at the path that it is given if it is not there.

    proof: a path in it that is there last; what has it not is a piece of an older build. Raises NotMade; then nothing
    is left.
    """
    place = cache_directory() / name
    if (place / proof).exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{name}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if (place / proof).exists():
            return place
        building = place.with_name(f"{name}.building")
        for path in (building, place):
            shutil.rmtree(path, ignore_errors=True)
        try:
            make(building)
            if not (building / proof).exists():
                raise NotMade(f"{name} was made without {proof}")
            building.rename(place)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return place


def got(name: str, proof: str, make: Callable[[Path], None], *programs: str) -> Path:
    """The same for a test: it fails where it can't be made, and is skipped where one of `programs` is missing."""
    if missing := [each for each in programs if shutil.which(each) is None]:
        pytest.skip(f"{name} can't be got: not installed: {' '.join(missing)}")
    try:
        return once(name, proof, make)
    except NotMade as why:
        pytest.fail(f"{name} could not be got: {why}", pytrace=False)


def debian_package(name: str, proof: str) -> Path:
    """A package of Debian's, fetched and unpacked; proof: a file of it."""

    def make(building: Path) -> None:
        building.mkdir()
        try:
            called("apt-get", "-q", "download", name, at=building)
        except NotMade:
            # A fresh machine has no list of packages yet, and an old one names versions that are gone.
            called("apt-get", "-q", "update")
            called("apt-get", "-q", "download", name, at=building)
        (fetched,) = building.glob(f"{name}_*.deb")
        called("dpkg-deb", "-x", str(fetched), str(building / "root"))

    return got(name, f"root/{proof}", make, "apt-get", "dpkg-deb") / "root"


def called(*words: str, at: Path | None = None, seconds: float = 900, alone: bool = False) -> None:
    """Run a program to its end. Raises NotMade with its last words.

    alone: with mounts and processes of its own, so that nothing stays mounted in what is removed (`ALONE`).
    """
    command = [*ALONE, *words] if alone else [*words]
    try:
        ended = subprocess.run(
            command, cwd=at, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=seconds, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise NotMade(f"{words[0]}: {problem}") from problem
    if ended.returncode != 0:
        said = "\n".join(ended.stdout.strip().split("\n")[-TAIL:])
        raise NotMade(f"{words[0]} ended with status {ended.returncode}:\n{said}")

"""Programs that build images: run to their end, alone with their mounts and children, and ended when we are."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from rescue.labs.errors import LabError
from rescue.targets.host.pdeathsig import tied

Progress = Callable[[str], None]
"""Is given a line for the person who waits."""

TICK = 15.0
"""Seconds between two lines about a step that takes long."""

TAIL = 20
"""Lines of a failed program's output that are shown."""

ALONE = (
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--",
)
"""Words before a command that give it mounts and processes of its own.

However this process ends, the kernel kills the command with every child, and its mounts are gone with it
(pid_namespaces(7), mount_namespaces(7)).
"""


class ImageError(LabError):
    """An image can't be built."""


def run(
    *command: str,
    environment: Mapping[str, str] | None = None,
    given: str = "",
    alone: bool = False,
    waiting: Callable[[], str] | None = None,
    progress: Progress | None = None,
) -> str:
    """Run a program to its end and return what it printed, which is shown only if it fails (ImageError).

    alone: see `ALONE`; needs root. waiting: says how far the program is, for `progress`, each `TICK` seconds.
    """
    words = tied(*ALONE, *command) if alone else list(command)
    try:
        process = subprocess.Popen(
            words,
            env=dict(os.environ, LC_ALL="C.UTF-8", PATH=search_path(), **(environment or {})),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as missing:
        raise ImageError(f"the program {missing.filename} is not installed", "Run scripts/setup.") from None
    with process:
        try:
            said = _wait(process, given, waiting, progress)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        tail = "\n".join(said.strip().split("\n")[-TAIL:])
        raise ImageError(f"{command[0]} failed with status {process.returncode}:\n{tail}")
    return said


def _wait(
    process: subprocess.Popen[str], given: str, waiting: Callable[[], str] | None, progress: Progress | None
) -> str:
    """Everything that it prints until it ends."""
    began = time.monotonic()
    first: str | None = given
    while True:
        try:
            return process.communicate(first, timeout=TICK)[0]
        except subprocess.TimeoutExpired:
            # What was given is remembered by communicate(), which refuses to be given more.
            first = None
            if waiting and progress:
                progress(f"{waiting()} ({time.monotonic() - began:.0f} s)")


def missing_packages(programs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The Debian packages of those (program, package) that are not installed, each once."""
    lacking = (package for program, package in programs if shutil.which(program, path=search_path()) is None)
    return tuple(dict.fromkeys(lacking))


def search_path() -> str:
    """PATH with the system's directories, which a user's often lacks on Debian."""
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"

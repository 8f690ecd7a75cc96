"""Scripts typed as root on a lab's server, and how they ended."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from rescue.labs.errors import LabError

SCRIPT_LIMIT = 300.0
"""Seconds that a command may take; filling a disk on a busy computer is the longest."""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
}
"""What a script finds: that of a login as root."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command's exit status, and all that it printed."""

    status: int
    output: str


def ended(command: list[str], given: str = "", limit: float = SCRIPT_LIMIT) -> Ended:
    """Run a program to its end. Raises LabError if it has not ended after `limit` seconds."""
    try:
        done = subprocess.run(
            command, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=limit, check=False, env=ENVIRONMENT,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise LabError(f"{command[0]} was not done after {limit:.0f} s") from late
    return Ended(done.returncode, done.stdout)

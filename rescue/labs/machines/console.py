"""Scripts typed as root on a lab's server, and how they ended."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from rescue.labs.errors import LabError

SCRIPT_LIMIT = 900.0
"""Seconds that a script may take; filling a disk on a busy computer is the longest."""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
}
"""What a script finds: that of a login as root."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A script's exit status, and all that it printed."""

    status: int
    output: str


def ended(command: list[str], script: str) -> Ended:
    """Give a shell, called by `command`, a script to run. Raises LabError if it is not done after SCRIPT_LIMIT."""
    try:
        done = subprocess.run(
            command, input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=SCRIPT_LIMIT, check=False, env=ENVIRONMENT,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise LabError(f"the script was not done after {SCRIPT_LIMIT:.0f} s:\n{script}") from late
    return Ended(done.returncode, done.stdout)

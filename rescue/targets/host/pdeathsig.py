"""Programs that end with this process, however it ends."""

from __future__ import annotations

import os

# A parent that was killed before setpriv had asked for its signal would never send one: PPID tells.
_STILL_THERE = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'


def tied(*command: str) -> list[str]:
    """`command`, wrapped so that the kernel kills it when this process ends (prctl(2))."""
    return ["setpriv", "--pdeathsig", "KILL", "sh", "-c", _STILL_THERE, "sh", str(os.getpid()), *command]

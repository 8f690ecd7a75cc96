"""Remove a device-mapper device with what this machine has automatically set up on it.

Where udev(7) sees a new physical volume, it activates the volume group in it: what rescue has opened would stay open
below that. Only devices above the one that is closed are taken away, none by the name of a group, and none in use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from rescue.targets.protocol import TargetError

_DEPTH = 6
_WAITS = (0, 0.1, 0.3, 1, 2, 3)
"""Seconds; whoever looks at new devices (udev) may hold them for a while."""


def take_down(name: str, run: Callable[..., str]) -> bool:
    """Remove the mapped device `name` and all above it. Whether it was there, and is gone.

    run: calls a program of this machine (`rescue.targets.host.resources.run`).
    """
    at = Path("/dev/mapper") / name
    if not at.exists():
        return False
    for wait in _WAITS:
        time.sleep(wait)
        for each in _above(at.resolve().name):
            with suppress(TargetError):
                run("dmsetup", "remove", "--", each)
        # What is encrypted, and what is not.
        for words in (("cryptsetup", "close", name), ("dmsetup", "remove", "--", name)):
            if at.exists():
                with suppress(TargetError):
                    run(*words)
        if not at.exists():
            return True
    return False


def _above(device: str, depth: int = _DEPTH) -> Iterator[str]:
    """The names of the mapped devices on a device of the kernel's name, the highest first."""
    if not depth:
        return
    for held in sorted(Path(f"/sys/class/block/{device}/holders").glob("dm-*")):
        yield from _above(held.name, depth - 1)
        with suppress(OSError):
            yield (held / "dm" / "name").read_text().rstrip("\n")

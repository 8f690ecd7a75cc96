"""Healthy machines, saved while they run: restored in seconds where a boot takes half a minute.

A saved state is a machine's memory, as QEMU writes it for a migration, with its disk at that moment. It is kept in the
cache under the image's name and a key of all that has to be the same to go on from it: QEMU's version and call, and
the disk that the machine began with.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.machines.machine import Machine, work_copy
from rescue.labs.machines.network import Network, private_possible
from rescue.labs.machines.qemu import version
from rescue.targets.host.cache import cache_directory

FORMAT = 1
"""Raise it when what is saved of an unchanged machine changes."""

USERS = ("root", "alice")
"""Who can log in to a healthy server."""

UNUSED = 14 * 86400.0
"""Seconds after which a state that was not restored is removed."""

CLOCK = "date --set=@{now} > /dev/null"

Progress = Callable[[str], None]


def start_healthy(
    machine: Machine,
    *,
    variant: str = "",
    make_disk: Callable[[Path], object] | None = None,
    progress: Progress = lambda message: None,
) -> bool:
    """Put a healthy server on the machine's disk and bring it up, so that its users can log in.

    make_disk: makes the disk that it begins with at the path that it is given, where it is not a copy of the image's
    own; variant: a name for that disk, which has to be another for each. Restored from a saved state if there is one
    (returns true), else booted, and saved for the next time. A state that can't be restored is thrown away. Raises
    MachineError.
    """
    place = cache_directory() / "saved"
    place.mkdir(parents=True, exist_ok=True)
    _remove_orphans(place)
    final = place / f"{machine.image.directory.name}-{_key(machine, variant)}"
    with (place / f"{final.name}.lock").open("w") as lock:
        # Two that want the same state boot it once.
        flock(lock, LOCK_EX)
        if final.is_dir():
            try:
                return _restore(machine, final)
            except LabError as problem:
                machine.kill()
                progress(f"the saved machine is of no use and is booted anew: {problem}")
                shutil.rmtree(final, ignore_errors=True)
        if make_disk:
            make_disk(machine.disk)
        else:
            work_copy(machine.image.disk, machine.disk)
        _boot(machine)
        _save(machine, final, progress)
    return False


def _boot(machine: Machine) -> None:
    machine.start().wait_for_boot()
    # What the first login makes slow is done before the state is saved, and not after each restore.
    for user in USERS:
        machine.wait_for_login(user)


def _restore(machine: Machine, saved: Path) -> bool:
    work_copy(saved / "disk", machine.disk)
    machine.start(state=saved / "state")
    status = machine.run_script(CLOCK.format(now=f"{time.time():.3f}"))
    if status != 0:
        raise LabError(f"its clock can't be set: status {status}")
    os.utime(saved)
    return True


def _save(machine: Machine, final: Path, progress: Progress) -> None:
    """Save it under another name and rename that: a half-saved state is never used. Without room it is not kept."""
    building = final.with_name(f"{final.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    try:
        machine.save(building / "state", building / "disk")
        building.rename(final)
    except (LabError, OSError, subprocess.CalledProcessError) as problem:
        progress(f"the running machine can't be saved for the next time: {problem}")
    else:
        progress(f"saved the running machine {machine.image.name} for the next time")
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _key(machine: Machine, variant: str) -> str:
    """Twelve hexadecimal digits that change with anything that a saved state depends on."""
    hardware = replace(machine.hardware, disks=tuple(Path(f"disk{n}") for n in range(1 + len(machine.extra_disks))))
    call = hardware.command(_Nowhere(), Path("work"))
    private = machine.given_network.host6 != "" if machine.given_network else private_possible()
    parts = [FORMAT, version(), call, variant, private]
    return sha256(json.dumps(parts).encode()).hexdigest()[:12]


class _Nowhere(Network):
    """The place of a network in a key: its ports and devices differ from run to run, what the machine sees does not."""

    host, host6, port = "", "", 0

    def command(self, *command: str) -> list[str]:
        return list(command)

    def arguments(self) -> list[str]:
        return []

    def kernel_words(self) -> list[str]:
        return []

    def close(self) -> None:
        """Nothing to take down."""


def _remove_orphans(place: Path) -> None:
    """Remove the states of images that are no longer in the cache, and those that nobody used for long."""
    for path in place.iterdir():
        image = path.name.partition(".")[0].rpartition("-")[0]
        try:
            used = path.stat().st_mtime
        except FileNotFoundError:
            continue
        if (cache_directory() / image).is_dir() and time.time() - used < UNUSED:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

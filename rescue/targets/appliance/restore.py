"""Launch libguestfs from a saved appliance: one or two seconds instead of ten for an emulated boot.

libguestfs launches as always, but its QEMU is called by us: with the saved state, and without the disks, which are
plugged in afterwards as they were given to libguestfs, by the very words that it found for them.
"""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from rescue.targets.appliance import saved
from rescue.targets.appliance.parts import parts
from rescue.targets.appliance.qemu_call import Call, UnknownCall, understood
from rescue.targets.appliance.qemu_stand_in import Listener
from rescue.targets.appliance.qemu_state import read_state
from rescue.targets.appliance.qmp import Monitor, MonitorError
from rescue.targets.appliance.saved import NoState
from rescue.targets.protocol import TargetError

SETTING = "RESCUE_APPLIANCE"
"""The environment's variable: "launch" for a boot each time, "saved" or nothing for this."""

_Handle = Any
_READ_LIMIT = 60.0
_FIRST_TIME = "starting libguestfs, without KVM: this takes 15 to 40 seconds, the next time a few"

_BEFORE = """
date -s @{now} >/dev/null
echo {seed} >/dev/urandom
tries=0
until set -- /run/udev/data/b8:*; [ ! -e "$1" ] || [ $tries -ge 500 ]; do tries=$((tries+1)); sleep 0.02; done
"""
"""The clock stood still, and so did what is random. What udev still knows of the empty disks has to be gone."""

_AWAIT = """
udevadm wait --timeout=60 --settle /dev/{disk} >/dev/null 2>&1 || {{
    tries=0
    until [ -e /run/udev/data/b8:{minor} ] || [ $tries -ge 500 ]; do tries=$((tries+1)); sleep 0.1; done
    udevadm settle
}}
echo /sys/block/sd*
"""
"""systemd-udevd before version 251 knows no "wait"."""

_AFTER = """
for file in /sys/block/sd*/device/timeout; do echo 300 >$file; done
kinds=$(grep -hs '^E:ID_FS_TYPE=' /run/udev/data/b*)
case "$kinds" in
*linux_raid_member*|*LVM2_member*)
    mdadm -As --auto=yes --no-degraded
    lvm pvscan --cache --activate ay
    mdadm -As --auto=yes --run
    udevadm settle;;
esac >/dev/null 2>&1
"""
"""What the appliance's own init does with the disks that it finds (appliance/init)."""


class RestoreError(TargetError):
    """The launch from a state failed, and the state was removed. An ordinary launch may succeed."""


def wanted() -> bool:
    """Whether to use a saved appliance. Raises TargetError for an invalid setting."""
    said = os.environ.get(SETTING, "")
    if said not in ("", "launch", "saved"):
        raise TargetError(f"{SETTING} is {said!r}", f"Set {SETTING}=launch, or unset it.")
    return said != "launch" and platform.machine() == "x86_64"


class Restoring:
    """One such launch. Use: `prepare`, then `serve` while libguestfs launches, then `plug`; `close` at last."""

    def __init__(self, handle: _Handle, progress: Callable[[str], None]) -> None:
        self._handle = handle
        self._progress = progress
        self._room = Path(tempfile.mkdtemp(prefix="rescue-"))
        self._listener: Listener | None = None
        self._monitor: Monitor | None = None
        self._call: Call | None = None
        self._place: Path | None = None
        self._made = False
        self._parts = ""

    def prepare(self) -> bool:
        """Make libguestfs use our program as its QEMU. False if that is impossible; then launch as usual."""
        program = shutil.which(self._handle.get_hv())
        if program is None:
            return False
        try:
            self._listener = Listener(program, self._room, saved.directory())
        except (OSError, TargetError) as problem:
            self._progress(f"the appliance is not saved for next time: {problem}")
            return False
        self._handle.set_hv(str(self._listener.script))
        # Asked now: while the handle launches, it answers nobody.
        self._parts = parts(self._handle.get_path())
        return True

    def serve(self, alive: Callable[[], bool]) -> None:
        """Tell libguestfs' QEMU how it is called, and let it go on from the state. Raises RestoreError, TargetError."""
        try:
            self._serve(self.listener, alive)
        except BaseException:
            # A program that still waits for an answer gives up.
            self.listener.close()
            raise

    def _serve(self, listener: Listener, alive: Callable[[], bool]) -> None:
        if (words := listener.asked(alive)) is None:
            return
        try:
            call = understood(words)
            self._place = self._state(call)
        except (UnknownCall, NoState) as problem:
            self._progress(f"starting libguestfs, without KVM: this takes 15 to 40 seconds ({problem})")
            listener.answer(words)
            return
        self._call = call
        socket = self._room / "monitor"
        socket.unlink(missing_ok=True)
        listener.answer(call.restore(self._place, socket))
        try:
            self._monitor = Monitor(socket, lambda: _must_live(alive), _READ_LIMIT)
            read_state(self._monitor, self._place / "machine", with_memory=False, limit=_READ_LIMIT)
        except (OSError, MonitorError) as problem:
            raise self._useless(str(problem)) from problem

    def plug(self) -> None:
        """The disks, one by one, so that they are found in their order; and what lies in them.

        Raises RuntimeError with QEMU's words where a disk can't be opened, RestoreError where the appliance fails.
        """
        if self._monitor is None or self._call is None:
            return
        try:
            self._sh(_BEFORE.format(now=f"{time.time():.3f}", seed=secrets.token_hex(32)))
            for number, drive in enumerate(self._call.drives):
                last = number == len(self._call.drives) - 1
                self._plug(number, drive, _AFTER if last else "")
        except MonitorError as problem:
            raise self._useless(str(problem)) from problem

    def _plug(self, number: int, drive: str, then: str) -> None:
        """Disks are plugged in one after the other, so that the kernel finds them in this order."""
        assert self._monitor is not None
        # The words that libguestfs would have started QEMU with; only the monitor for people takes them.
        quoted = drive.replace("\\", "\\\\").replace('"', '\\"')
        said: str = self._monitor.order("human-monitor-command", command_line=f'drive_add 0 "{quoted}"')
        if said.strip() != "OK":
            raise RuntimeError(f"QEMU: {said.strip()}")
        self._monitor.order("device_add", driver="scsi-hd", bus="scsi.0", scsi_id=number, lun=0, drive=f"hd{number}")
        names = [f"sd{letter}" for letter in ascii_lowercase[: number + 1]]
        found = self._sh(_AWAIT.format(disk=names[-1], minor=number * 16) + then)
        if found != " ".join(f"/sys/block/{name}" for name in names):
            raise self._useless(f"the disks have other names: {found}")
        try:
            self._handle.pread_device(f"/dev/{names[-1]}", 1, 0)
        except RuntimeError as problem:
            # Other problems of the disk are found later.
            if "expecting a device name" in str(problem):
                raise self._useless(str(problem)) from problem

    def _sh(self, script: str) -> str:
        try:
            said: str = self._handle.debug("sh", [script])
        except RuntimeError as problem:
            raise self._useless(str(problem)) from problem
        return said.strip()

    def _state(self, call: Call) -> Path:
        """The place of the call's state, made if it is not there. Raises NoState."""
        place = saved.directory() / saved.key_of(call, self._parts)
        if not saved.find(place):
            with saved.held(place):
                # Somebody else may have made it meanwhile.
                if not saved.find(place):
                    self._progress(_FIRST_TIME)
                    saved.make(place, call, self._room)
                    self._made = True
        return place

    def _useless(self, reason: str) -> RestoreError:
        if self._place is not None:
            # A state that fails right after it was made would fail again.
            saved.discard(self._place, for_good=self._made)
        return RestoreError(f"the saved appliance can't be used, and is removed: {reason}")

    @property
    def listener(self) -> Listener:
        """The listener that libguestfs' QEMU asks."""
        assert self._listener is not None
        return self._listener

    def close(self) -> None:
        """Close everything: it is not needed once the disks are plugged in. May be called twice."""
        if self._monitor is not None:
            self._monitor.close()
        if self._listener is not None:
            self._listener.close()
        with suppress(OSError):
            shutil.rmtree(self._room)


def _must_live(alive: Callable[[], bool]) -> None:
    if not alive():
        raise MonitorError("QEMU has ended")

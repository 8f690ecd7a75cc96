"""Save libguestfs' appliance, booted without a disk, as a state in the cache from which each use resumes.

A state is a directory: the machine's memory, in a file that later machines map for themselves alone; the rest of the
machine; its own disk, and what it had written to that; and a note of these, so that a state that was cut short or
changed is seen. It is trusted as a program is: nobody else may have been able to write to it.

The disk is kept with it, as supermin puts another in its place whenever a package was installed: of the same parts
(`appliance_parts`) as a rule, but with its own UUID. A state that depended on that one would be lost each time.

When it is saved, guestfsd is up and waits until somebody listens to its first word: that comes after the restore.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from rescue.targets.appliance.qemu_call import MAX_DISKS, PORT, Call, placeholder_name
from rescue.targets.appliance.qemu_state import write_state
from rescue.targets.appliance.qmp import Monitor
from rescue.targets.host.cache import cache_directory
from rescue.targets.host.pdeathsig import tied
from rescue.targets.host.resources import run
from rescue.targets.protocol import TargetError

ROOM = 2 << 30
"""Bytes that have to be free in the cache before a state is made. It takes about 200 MB, and 400 MB for the disk."""

KEPT = 3
"""States that are kept: of an older QEMU, or with other settings of libguestfs."""

BOOT_LIMIT = 600.0
"""Seconds; ten to forty are usual without KVM."""

_QUIET, _QUIET_LIMIT = 0.3, 10.0
"""Seconds that the machine has to be idle for before it is saved, and that this is waited for."""
_IDLE = 0.1
"""Share of a processor's time that an idle machine may take."""
_FILES = ("memory", "machine", "root")
_DISK = "disk"
"""The appliance's disk as it was built, on which "root" lies."""
_NOTE = "complete.json"
_UUID = re.compile(r"\broot=UUID=[0-9a-f-]+")


class NoState(TargetError):
    """There is no state, and none can be made; launch the appliance as usual."""


def directory() -> Path:
    """Where states are kept, for this user alone. Raises NoState where somebody else could write to it."""
    try:
        # QEMU is given it, and its files name those that they depend on.
        path = cache_directory().absolute() / "appliance"
    except RuntimeError as problem:
        raise NoState(f"there is no cache directory: {problem}") from problem
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_own(path)
    except OSError as problem:
        raise NoState(f"{path}: {problem.strerror}") from problem
    return path


def key_of(call: Call, parts: str) -> str:
    """The name of the call's state; parts: of the appliance, "" where they can't be told. Raises NoState."""
    try:
        told = Path(call.program).stat()
        sizes = [Path(path).stat().st_size for path in _boot_files(call)]
    except OSError as problem:
        raise NoState(f"{problem.filename}: {problem.strerror}") from problem
    if parts:
        # The kernel's command line has the UUID of the appliance's root, which is another each time that it is built.
        rest = tuple("" if word in _boot_files(call) else word for word in call.rest)
        call = replace(call, append=_UUID.sub("root=", call.append), rest=rest)
    return call.key([told.st_size, told.st_mtime_ns, *sizes, parts])


def find(place: Path) -> bool:
    """Whether there is a complete state of ours. Raises NoState if somebody else may have made it."""
    try:
        _check_own(place)
        note = json.loads((place / _NOTE).read_text())
        for name in _FILES:
            _check_own(place / name)
            if note[name] != _told_of(place / name):
                return False
        if note[_DISK] != _disk_told(place / _DISK):
            return False
        os.utime(place)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


@contextmanager
def held(place: Path) -> Iterator[None]:
    """Lock this state, so that nobody else makes or removes it meanwhile. Raises NoState."""
    try:
        lock = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise NoState(f"{place}.lock: {problem.strerror}") from problem
    try:
        flock(lock, LOCK_EX)
        yield
    finally:
        os.close(lock)


def make(place: Path, call: Call, room: Path) -> None:
    """Boot the appliance and save its state as `place`, which is held. Raises NoState; then nothing is left of it.

    room: a private directory for the monitor's socket.
    """
    if _mark(place).exists():
        raise NoState("a saved appliance has been tried, and does not work here")
    building = place.with_name(f"{place.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)
    _remove_old(place)
    try:
        told = os.statvfs(place.parent)
        if told.f_bavail * told.f_frsize < ROOM:
            raise NoState(f"{place.parent} has less than {ROOM >> 30} GiB free")
        building.mkdir(mode=0o700)
        _keep_disk(call.root, building / _DISK)
        # A name without a directory is looked for beside the file.
        run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", _DISK, str(building / "root"))
        _boot_and_save(building, call, room / "monitor")
        (building / "channel").unlink(missing_ok=True)
        for name in _FILES:
            (building / name).chmod(0o600)
            _on_the_disk(building / name)
        _on_the_disk(building / _DISK)
        note = {name: _told_of(building / name) for name in _FILES}
        (building / _NOTE).write_text(json.dumps({**note, _DISK: _disk_told(building / _DISK)}))
        _on_the_disk(building / _NOTE)
        _on_the_disk(building)
        building.rename(place)
        _on_the_disk(place.parent)
    except (OSError, TargetError) as problem:
        raise NoState(f"the appliance can't be saved: {problem}") from problem
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _keep_disk(root: Path, kept: Path) -> None:
    """The appliance's disk under another name, which stays when supermin takes the first away; else a copy."""
    try:
        _check_own(root)
        kept.hardlink_to(root)
    except (OSError, NoState):
        run("cp", "--sparse=always", "--reflink=auto", "--", str(root), str(kept))
        kept.chmod(0o600)


def discard(place: Path, *, for_good: bool) -> None:
    """Remove an unusable state. for_good: do not make it again, as the new one would fail too."""
    shutil.rmtree(place, ignore_errors=True)
    if for_good:
        with suppress(OSError):
            _mark(place).touch()


def _mark(place: Path) -> Path:
    return place.with_name(f"{place.name}.useless")


def _boot_and_save(building: Path, call: Call, socket: Path) -> None:
    machine = subprocess.Popen(
        tied(*call.boot(building, socket)),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env=dict(os.environ, LC_ALL="C"),
    )  # fmt: skip

    def must_live() -> None:
        if machine.poll() is not None:
            raise NoState(f"QEMU ended with status {machine.returncode}")

    try:
        with Monitor(socket, must_live) as monitor:
            monitor.wait_for("VSERPORT_CHANGE", BOOT_LIMIT, open=True, id=PORT)
            for number in range(MAX_DISKS):
                monitor.order("device_del", id=placeholder_name(number))
                monitor.wait_for("DEVICE_DELETED", device=placeholder_name(number))
            _wait_until_idle(machine.pid)
            monitor.order("stop")
            write_state(monitor, building / "machine", with_memory=False)
            monitor.order("quit")
        machine.wait(60)
    except subprocess.TimeoutExpired as problem:
        raise NoState("QEMU does not exit") from problem
    finally:
        machine.kill()
        machine.wait()


def _wait_until_idle(process: int, now: Callable[[], float] = time.monotonic) -> None:
    """Wait until the appliance has finished reacting to the removal of the empty disks."""
    deadline = now() + _QUIET_LIMIT
    while now() < deadline:
        before, since = _processor_time(process), now()
        time.sleep(_QUIET)
        if _processor_time(process) - before < _IDLE * (now() - since):
            return


def _processor_time(process: int) -> float:
    """Seconds (proc_pid_stat(5): utime, stime)."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _boot_files(call: Call) -> Iterator[str]:
    for option in ("-kernel", "-initrd"):
        if option in call.rest[:-1]:
            yield call.rest[call.rest.index(option) + 1]


def _told_of(path: Path) -> list[int]:
    told = path.stat()
    return [told.st_size, told.st_mtime_ns, told.st_ino]


def _disk_told(path: Path) -> list[int]:
    """Without its time: libguestfs touches the appliance at each use, so that nobody clears it away."""
    _check_own(path)
    told = path.stat()
    return [told.st_size, told.st_ino]


def _check_own(path: Path) -> None:
    told = path.lstat()
    if stat.S_ISLNK(told.st_mode) or told.st_uid != os.geteuid() or told.st_mode & 0o022:
        raise NoState(f"{path} may have been written by somebody else")


def _on_the_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_old(place: Path) -> None:
    """Remove all states but the ones used last, and what a killed run has left of one."""
    found = [path for path in place.parent.iterdir() if path.is_dir()]
    whole = [path for path in found if path.suffix != ".building"]
    old = sorted(whole, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT - 1 :]
    for path in (*old, *(path for path in found if path not in whole)):
        lock = path.with_name(f"{path.name.removesuffix('.building')}.lock")
        with suppress(OSError), lock.open("a") as held_by_us:
            flock(held_by_us, LOCK_EX | LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)

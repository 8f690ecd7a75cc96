"""A list of what is open on this machine for a disk, which survives a kill -9, so that it can be closed afterwards.

A process that is killed closes nothing: its mounts, helpers and volumes stay. So each run keeps a list in /run/rescue
(gone with the next boot, nothing on the target): one line of JSON for each thing, written before it is opened, with how
it is closed. Whoever comes later closes what processes that are gone have left, in reverse order.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rescue.targets.host.dm_teardown import take_down
from rescue.targets.host.locking import run_directory
from rescue.targets.host.mounts import mounts
from rescue.targets.host.syscalls import MNT_DETACH, umount
from rescue.targets.protocol import TargetError

_LINES = 10_000
"""Things that one run may have open: far more than any disk has volumes."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of this machine, told from a later one with its number by when it started (clock ticks since boot)."""

    pid: int
    started: int

    @property
    def lives(self) -> bool:
        return self.started == started(self.pid)


def myself() -> Process:
    """The process that runs."""
    return Process(os.getpid(), started(os.getpid()))


def started(pid: int) -> int:
    """When the process started (proc_pid_stat(5), field 22); 0 if there is none, or if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if len(fields) < 20 or fields[0] in (b"Z", b"X") else int(fields[19])


class Ledger:
    """The list of one run. If /run can't be written, nothing is noted, and the work goes on without this safety net."""

    def __init__(self) -> None:
        own = myself()
        self._path: Path | None = None
        for number in range(1000):
            try:
                path = directory() / f"{own.pid}-{number}"
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                continue
            except (OSError, TargetError):
                return
            os.close(descriptor)
            self._path = path
            break
        self.note("owner", own.pid, own.started)

    def note(self, *what: str | int) -> None:
        """Note one thing that is about to be opened, or has just been."""
        if self._path is None:
            return
        with suppress(OSError), self._path.open("a") as stream:
            stream.write(json.dumps(what) + "\n")

    def close(self) -> None:
        """Everything is closed: remove the list. May be called twice."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


def directory() -> Path:
    """Where the lists are. Raises TargetError, OSError."""
    path = run_directory() / "open"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def left_behind() -> tuple[Path, ...]:
    """The lists of processes that are gone, the latest first."""
    try:
        found = [path for path in directory().iterdir() if not _owned(path)]
        return tuple(sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True))
    except OSError:
        return ()


def close_what_is_left(run: Callable[..., str]) -> tuple[str, ...]:
    """Close what ended processes have left open. Returns descriptions of what was closed.

    run: calls a program of this machine (`rescue.targets.host.resources.run`).
    """
    closed: list[str] = []
    for path in left_behind():
        for what in reversed(tuple(_lines(path))):
            if told := _closed(what, run):
                closed.append(told)
        path.unlink(missing_ok=True)
    return tuple(closed)


def _owned(path: Path) -> bool:
    for what in _lines(path):
        if what[0] == "owner" and len(what) == 3:
            return Process(int(what[1]), int(what[2])).lives
        return False
    # Just made, and not written to yet, by a process whose number is its name.
    pid = path.name.partition("-")[0]
    return pid.isdigit() and started(int(pid)) != 0


def _lines(path: Path) -> Iterator[list[str | int]]:
    try:
        text = path.read_text()
    except (OSError, ValueError):
        return
    for line in text.split("\n")[:_LINES]:
        try:
            what = json.loads(line)
        except ValueError:
            continue  # the kill came in the middle of a line
        if isinstance(what, list) and what and all(isinstance(word, str | int) for word in what):
            yield what


def _closed(what: list[str | int], run: Callable[..., str]) -> str:
    kind, *words = what
    if kind == "mount":
        return _unmounted(str(words[0]))
    if kind == "loop":
        return _detached(str(words[0]), str(words[1]), run)
    if kind == "process":
        return _ended(Process(int(words[0]), int(words[1])))
    if kind == "mapped":
        return f"closed {words[0]}" if take_down(str(words[0]), run) else ""
    if kind == "directory":
        return _removed(Path(str(words[0])))
    if kind == "rmdir":
        with suppress(OSError):
            Path(str(words[0])).rmdir()
    if kind == "command":
        with suppress(TargetError):
            run(*map(str, words))
            return " ".join(map(str, words))
    return ""


def _unmounted(point: str) -> str:
    """Every mount at `point` and below it, the last made first."""
    found = [each.point for each in mounts() if each.point == point or each.point.startswith(point + "/")]
    for each in reversed(found):
        for flags in (0, MNT_DETACH):
            try:
                umount(each, flags)
            except OSError:
                continue
            break
    return f"unmounted {point}" if found else ""


def _detached(device: str, file: str, run: Callable[..., str]) -> str:
    told = Path("/sys/class/block") / Path(device).name / "loop" / "backing_file"
    for _ in range(50):  # it goes shortly after its mount, by itself
        try:
            if told.read_text().rstrip("\n") != file:
                return ""
        except OSError:
            return ""
        time.sleep(0.01)
    with suppress(TargetError):
        run("losetup", "--detach", device)
    return f"detached {device}"


def _ended(process: Process) -> str:
    if not process.lives:
        return ""
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0)):
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
        until = time.monotonic() + patience
        while process.lives and time.monotonic() < until:
            time.sleep(0.01)
        if not process.lives:
            break
    return f"ended process {process.pid}"


def _removed(path: Path) -> str:
    # Only what is ours and empty of mounts: a folder under which something is still mounted is somebody's disk.
    if any(each.point == str(path) or each.point.startswith(f"{path}/") for each in mounts()):
        return ""
    if path.name.startswith("rescue-") and path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return f"removed {path}"
    return ""

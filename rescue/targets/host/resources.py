"""Close everything opened on this machine for a disk (mounts, loop devices, processes), whatever happens.

A signal that arrives while something changes hands is held back until it has been noted for closing; then it becomes
a KeyboardInterrupt like any other. What is left is SIGKILL and the power cut: mounts are made so that a loop device
goes with its mount, and `rescue.targets.host.ledger` notes what is open, so that `rescue umount` closes it afterwards.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rescue.targets.host.dm_teardown import take_down
from rescue.targets.host.ledger import Ledger, started
from rescue.targets.host.mounts import mounts
from rescue.targets.host.syscalls import MNT_DETACH, MS_BIND, MS_PRIVATE, MS_REC, mount, umount
from rescue.targets.protocol import TargetError

if TYPE_CHECKING:
    import sh

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PACKAGES = {
    "losetup": "util-linux",
    "modprobe": "kmod",
    "lsblk": "util-linux",
    "qemu-img": "qemu-utils",
    "qemu-storage-daemon": "qemu-system-common (Debian, Ubuntu) or qemu-img (Fedora)",
}


_HINTS = {"losetup": "This machine may have no free loop device. See: losetup -a; ls /dev/loop*"}


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
EVERY_STATUS = tuple(range(256))


class ProgramError(TargetError):
    """A helper program failed; the message holds what it said."""


def run(*words: str, given: bytes = b"") -> str:
    """Run a program of this machine to its end and return what it printed; `given`: its input. Raises ProgramError."""
    import sh  # slow to import, and only needed here

    try:
        program = sh.Command(words[0], search_paths=PATH.split(":"))
    except sh.CommandNotFound as problem:
        package = _PACKAGES.get(words[0], words[0])
        raise ProgramError(f"the program {words[0]} is not installed", f"Install the package {package}.") from problem
    with _signals.watched() as interrupted:
        # A session of its own, so that Ctrl-C at the terminal can't end it halfway: we are told, and decide.
        running = program(
            *words[1:], _in=given, _env={"PATH": PATH, "LC_ALL": "C.UTF-8"}, _new_session=True, _tty_out=False,
            _ok_code=EVERY_STATUS, _bg=True, _bg_exc=False, _return_cmd=True,
        )  # fmt: skip
        try:
            _wait(running, interrupted)
            running.wait()
        except sh.SignalException as problem:
            said = _said(running.stderr) or f"signal {-problem.exit_code}"
            raise ProgramError(f"{words[0]} failed: {said}") from problem
        except BaseException:
            # Of another signal than those that are held back. It may have come while the library held a lock, so that
            # nothing is asked of it any more.
            running.kill()
            raise
    if running.exit_code:
        said = _said(running.stderr) or f"it exited with status {running.exit_code}"
        raise ProgramError(f"{words[0]} failed: {said}", _HINTS.get(words[0], ""))
    return bytes(running.stdout).decode("utf-8", "surrogateescape")


def _wait(running: sh.RunningCommand, interrupted: Callable[[], bool]) -> None:
    """Wait until the program has ended; end it once `interrupted` says so."""
    pause = 0.001
    while running.process.is_alive()[0]:
        if interrupted():
            running.kill()
            return
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def _said(stderr: bytes) -> str:
    return stderr.decode("utf-8", "replace").strip()


def ensure_device(device: str, module: str) -> bool:
    """Whether the kernel has `device`; a small rescue system may not have loaded its module yet."""
    if not Path(device).exists():
        try:
            run("modprobe", "--quiet", module)
        except ProgramError:
            return False
    return Path(device).exists()


class _Signals:
    """The process's handlers while anything is open. One for the process, as signals are the process's."""

    def __init__(self) -> None:
        self._users = 0
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self._held = 0
        self._pending = False

    def acquire(self) -> None:
        self._users += 1
        if self._users == 1 and threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                before = signal.getsignal(number)
                # A program that ignores SIGHUP (nohup) means it.
                if before not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._arrived)

    def release(self) -> None:
        self._users -= 1
        if self._users == 0 and threading.current_thread() is threading.main_thread():
            while self._before:
                number, before = self._before.popitem()
                signal.signal(number, before)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self._pending = True
        else:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if self._pending and not self._held:
                self._pending = False
                raise KeyboardInterrupt

    @contextmanager
    def watched(self) -> Iterator[Callable[[], bool]]:
        """Hold signals back, and tell by a call whether one has arrived; it becomes a KeyboardInterrupt at the end.

        For a library that starts threads and takes locks: an exception out of a signal handler in the middle of it can
        be swallowed, or leave a lock taken for ever. Where an outer block holds signals back, none is told: what it
        does is done to its end. In another thread than the main one nothing is to be held back.
        """
        if threading.current_thread() is not threading.main_thread():
            yield lambda: False
            return
        self.acquire()
        try:
            with self.held():
                yield lambda: self._pending and self._held == 1
        finally:
            self.release()


_signals = _Signals()


class Resources:
    """What is open, in order."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._ledger = Ledger()
        self._stack.callback(self._ledger.close)
        self._open = True
        _signals.acquire()

    def close(self) -> None:
        """Close everything in reverse order; a signal waits until it is done. May be called twice."""
        if not self._open:
            return
        self._open = False
        try:
            with _signals.held():
                self._stack.close()
        finally:
            _signals.release()

    def add(self, closing: Callable[[], None], *, command: tuple[str, ...] = ()) -> None:
        """Call `closing` when everything is closed. `command`: does the same after a kill -9."""
        if command:
            self._ledger.note("command", *command)
        self._stack.callback(closing)

    def directory(self) -> Path:
        """A new private directory (mode 0700), removed at the end."""
        with _signals.held():
            made = Path(tempfile.mkdtemp(prefix="rescue-"))
            self._ledger.note("directory", str(made))
            self._stack.callback(shutil.rmtree, made, ignore_errors=True)
        return made

    def mount(self, source: str, point: str, kind: str, flags: int, options: str = "", *, unmount: str = "") -> None:
        """mount(2), undone at the end. `unmount`: the path to unmount, where `point` is a descriptor's. OSError."""
        with _signals.held():
            self._ledger.note("mount", unmount or point)
            mount(source, point, kind, flags, options)
            self._stack.callback(unmount_for_sure, unmount or point)

    def mount_file(
        self, path: Path, point: str, kind: str, flags: int, options: str = "", *,
        offset: int = 0, size: int = 0, read_only: bool = True, unmount: str = "",
    ) -> str:  # fmt: skip
        """The same for a file, or a part of a disk, by a loop device that goes with the mount; returns the device.

        Raises OSError, ProgramError.
        """
        words = ["losetup", "--find", "--show", f"--offset={offset}"]
        words += [f"--sizelimit={size}"] if size else []
        words += ["--read-only"] if read_only else []
        with _signals.held():
            ensure_device("/dev/loop-control", "loop")
            device = run(*words, "--", str(path)).strip()
            self._ledger.note("loop", device, str(path.resolve()))
            self._ledger.note("mount", unmount or point)
            try:
                mount(device, point, kind, flags, options)
                self._stack.callback(_wait_until_free, device)
                self._stack.callback(unmount_for_sure, unmount or point)
            finally:
                # In use by the mount, it is only marked to be freed with it (LO_FLAGS_AUTOCLEAR).
                run("losetup", "--detach", device)
        return device

    def bind(self, source: str, point: str) -> None:
        """Show `source`, with all that is mounted below it, at `point` as well; undone at the end. OSError."""
        with _signals.held():
            self._ledger.note("mount", point)
            mount(source, point, "", MS_BIND | MS_REC)
            self._stack.callback(unmount_all, point)
            # Else what is unmounted here would be unmounted there.
            mount("", point, "", MS_REC | MS_PRIVATE)

    def new_directory(self, path: Path) -> None:
        """Make the directory, and remove it at the end if it is empty by then. OSError."""
        with _signals.held():
            self._ledger.note("rmdir", str(path))
            path.mkdir(mode=0o755)
            self._stack.callback(remove_empty, path)

    def loop(self, path: Path, offset: int, size: int, *, read_only: bool = False) -> Path:
        """A loop device for a part of a file or device, detached at the end. Raises ProgramError."""
        words = ["losetup", "--find", "--show", f"--offset={offset}", f"--sizelimit={size}"]
        words += ["--read-only"] if read_only else []
        with _signals.held():
            ensure_device("/dev/loop-control", "loop")
            device = run(*words, "--", str(path)).strip()
            self._ledger.note("loop", device, str(path.resolve()))
            self._stack.callback(_wait_until_free, device)
            self._stack.callback(run, "losetup", "--detach", device)
        return Path(device)

    def process(self, words: list[str]) -> subprocess.Popen[bytes]:
        """A helper that runs until all is closed. Its error output can be read."""
        with _signals.held():
            try:
                helper = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                    start_new_session=True,
                )  # fmt: skip
            except FileNotFoundError as problem:
                package = _PACKAGES.get(words[0], words[0])
                message = f"the program {words[0]} is not installed"
                raise ProgramError(message, f"Install the package {package}.") from problem
            self._ledger.note("process", helper.pid, started(helper.pid))
            self._stack.callback(_end, helper)
        return helper

    def mapped(self, name: str) -> None:
        """A device of device-mapper that is about to be made: taken down at the end, with what is on it by then."""
        with _signals.held():
            self._ledger.note("mapped", name)
            self._stack.callback(take_down, name, run)

    def adopt(self, pid: int) -> None:
        """A process that a library has started, and ends: noted, so that it is ended after a kill -9, too."""
        self._ledger.note("process", pid, started(pid))


def unmount_for_sure(point: str) -> None:
    """Unmount: retry briefly while busy, then detach lazily (MNT_DETACH)."""
    for wait in (0, 0.05, 0.2, 0.5):
        time.sleep(wait)
        try:
            umount(point)
        except OSError:
            continue
        return
    with suppress(OSError):
        umount(point, MNT_DETACH)


def unmount_all(point: str) -> None:
    """Unmount what is at `point` and below it, the last made first."""
    found = [each.point for each in mounts() if each.point == point or each.point.startswith(f"{point}/")]
    for each in reversed(found):
        unmount_for_sure(each)


def remove_empty(path: Path) -> None:
    """Remove our directory unless somebody has put something into it."""
    with suppress(OSError):
        path.rmdir()


def _wait_until_free(device: str) -> None:
    """A loop device is freed shortly after its mount; what was below it must not be taken away earlier."""
    told = Path("/sys/class/block") / Path(device).name / "loop" / "backing_file"
    for _ in range(100):
        if not told.exists():
            return
        time.sleep(0.01)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr is not None:
        process.stderr.close()

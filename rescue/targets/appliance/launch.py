"""libguestfs: found at run time, and its appliance launched, with or without KVM.

The bindings are no package of PyPI: they come with the distribution, built for its own Python.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from re import compile as compile_pattern
from types import ModuleType
from typing import Any

from rescue.targets.appliance import restore
from rescue.targets.appliance.raw_calls import quiet
from rescue.targets.disks.image import DiskImage
from rescue.targets.host.image_lock import busy
from rescue.targets.host.locking import run_directory
from rescue.targets.protocol import TargetError

Handle = Any
"""A guestfs.GuestFS: the bindings carry no types."""

_WITH_KVM = 30.0
"""Seconds that a machine with KVM may take to start; it takes 3 to 5. A broken KVM hangs in the machine's firmware."""
_TELL = 10.0
"""Seconds after which a person is told again that something goes on."""


class _Way(Enum):
    """How the appliance is started: with KVM; emulated, from its saved state; emulated, from its boot on."""

    KVM = auto()
    SAVED = auto()
    BOOT = auto()


_BROKEN_KVM = "kvm-is-broken"
_LOCKED = compile_pattern(r"\block\b")
"""QEMU's words for an image that another one has open (util/osdep.c, block/file-posix.c)."""
_PACKAGES = "python3-guestfs (Debian, Ubuntu) or python3-libguestfs (Fedora, RHEL, SUSE)"


_NUMBERS = {os.strerror(number): number for number in errno.errorcode}


def error_number(problem: RuntimeError) -> int:
    """The errno of a call that failed in the appliance: the bindings give only its text, at the message's end."""
    return _NUMBERS.get(str(problem).rpartition(": ")[2], errno.EIO)


def available() -> bool:
    """Whether the bindings can be found."""
    try:
        bindings()
    except TargetError:
        return False
    return True


def bindings() -> ModuleType:
    """The module guestfs: this Python's own, or the distribution's where its Python is of the same version.

    Raises TargetError with the packages to install.
    """
    try:
        return importlib.import_module("guestfs")
    except ImportError:
        pass
    for place in _distribution_places():
        if not (place / "guestfs.py").exists():
            continue
        # Only for this import: the rest of the distribution's packages are none of ours.
        sys.path.append(str(place))
        try:
            return importlib.import_module("guestfs")
        except ImportError:
            continue
        finally:
            sys.path.remove(str(place))
    if os.environ.get("RESCUE_BUNDLED") and any(place.exists() for place in _other_bindings()):
        raise TargetError(
            "libguestfs is installed for this system's own Python, and a .run file brings another one",
            "Take rescue.pyz, and start it with that Python: python3 rescue.pyz ...",
        )
    raise TargetError(
        "opening an image needs libguestfs, which this Python does not find",
        f"Install the package {_PACKAGES}; or, as root and for an image that you trust, add --backend kernel.",
    )


def _other_bindings() -> tuple[Path, ...]:
    """Where Debian, Ubuntu and Red Hat put the bindings of their own Python."""
    red_hat = Path("/usr/lib64").glob("python3.*/site-packages/guestfs.py")
    return (Path("/usr/lib/python3/dist-packages/guestfs.py"), *red_hat)


def _distribution_places() -> tuple[Path, ...]:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    red_hat = [f"/usr/lib64/{version}/site-packages", f"/usr/lib/{version}/site-packages"]
    return tuple(Path(name) for name in ("/usr/lib/python3/dist-packages", *red_hat))


def launched(
    images: Sequence[DiskImage], *, write: bool, progress: Callable[[str], None], keep: Callable[[Handle], None]
) -> Handle:
    """A running appliance with the disks in it; without `write`, behind overlays that are thrown away.

    keep: told of every handle before it is launched, so that it is closed whatever happens. Raises TargetError.
    """
    module = bindings()
    ways = [_Way.KVM] if _kvm_may_work() else []
    ways += [_Way.SAVED, _Way.BOOT] if restore.wanted() else [_Way.BOOT]
    for way in ways:
        handle = module.GuestFS(python_return_dict=True)
        keep(handle)
        handle.set_backend("direct")
        # Ctrl-C at the terminal is for us: the appliance is to be shut down in order.
        handle.set_pgroup(True)
        if way is not _Way.KVM:
            handle.set_backend_setting("force_tcg", "1")
        # What was only looked at lies behind an overlay: there is nothing to be synchronised at the end.
        handle.set_autosync(write)
        for image in images:
            handle.add_drive_opts(str(image.path.absolute()), readonly=not write, format=image.format)
        try:
            if way is _Way.SAVED:
                if _restored(handle, progress):
                    return handle
                _end(handle)
                continue
            told = "" if way is _Way.KVM else ", without KVM: this takes 15 to 40 seconds"
            progress(f"starting libguestfs{told}")
            _launch(handle, _WITH_KVM if way is _Way.KVM else None, progress)
        except RuntimeError as problem:
            if way is _Way.KVM and not _LOCKED.search(str(problem)):
                progress("KVM does not work on this machine: going on without it, from now on")
                _remember_broken_kvm()
                continue
            raise _explained(images, problem) from problem
        return handle
    raise AssertionError("the last attempt returns or raises")


def _restored(handle: Handle, progress: Callable[[str], None]) -> bool:
    """Launch from the saved appliance, which is made if there is none. False where another handle has to be launched.

    Raises RuntimeError as a launch does.
    """
    progress("starting libguestfs")
    work = restore.Restoring(handle, progress)
    try:
        if not work.prepare():
            return False
        with work.listener.told():
            _launch(handle, None, progress, work.serve)
        work.plug()
    except restore.RestoreError as problem:
        progress(str(problem))
        return False
    finally:
        work.close()
    return True


def _end(handle: Handle) -> None:
    """End the machine of a launch that came to nothing: as long as it lives, it keeps the next one from the disks."""
    with suppress(RuntimeError):
        handle.set_autosync(False)  # nothing was written, and what is there may not answer
        handle.shutdown()


def _kvm_may_work() -> bool:
    settings = os.environ.get("LIBGUESTFS_BACKEND_SETTINGS", "")
    if "force_tcg" in settings.split(":") or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    return not (run_directory() / _BROKEN_KVM).exists()


def _remember_broken_kvm() -> None:
    """So that the next run need not wait again. Forgotten with the next boot, as /run is."""
    with suppress(OSError):
        (run_directory() / _BROKEN_KVM).touch()


def _launch(
    handle: Handle,
    seconds: float | None,
    progress: Callable[[str], None] = lambda message: None,
    beside: Callable[[Callable[[], bool]], None] = lambda alive: None,
) -> None:
    """Launch in a thread, so that a signal or the end of our patience can end the virtual machine meanwhile.

    seconds: how long the machine may take from its start on; what is built before it may take its time. beside: done
    meanwhile; it is given what tells whether the launch still goes on.
    """
    failed: list[BaseException] = []

    def work() -> None:
        # What a launch has to complain of, KVM's failure above all, is for us to tell.
        quiet(handle)
        try:
            handle.launch()
        except BaseException as problem:  # noqa: BLE001 - handed to the thread that waits
            failed.append(problem)

    before = set(_machines())
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    deadline: float | None = None
    started = told = time.monotonic()
    try:
        beside(thread.is_alive)
        while thread.is_alive():
            thread.join(0.2)
            if time.monotonic() > told + _TELL:
                told = time.monotonic()
                progress(f"libguestfs is starting, {told - started:.0f} seconds so far")
            if seconds is None:
                continue
            if deadline is None:
                deadline = time.monotonic() + seconds if set(_machines()) - before else None
            elif time.monotonic() > deadline:
                _end_machines(before, thread)
    except BaseException:
        _end_machines(before, thread)
        raise
    if failed:
        raise failed[0]


def _machines() -> tuple[int, ...]:
    """Our children that are virtual machines."""
    found = []
    for told in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            for word in told.read_text().split():
                if (Path("/proc") / word / "comm").read_text().startswith("qemu"):
                    found.append(int(word))
    return tuple(found)


def _end_machines(before: set[int], thread: threading.Thread) -> None:
    for _ in range(50):
        for process in set(_machines()) - before:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        thread.join(0.2)
        if not thread.is_alive():
            return


def _explained(images: Sequence[DiskImage], problem: RuntimeError) -> TargetError:
    said = str(problem)
    if _LOCKED.search(said):
        return busy(*(each.path for each in images))
    unreadable = [str(each) for each in Path("/boot").glob("vmlinuz-*") if not os.access(each, os.R_OK)]
    if unreadable and ("supermin" in said or "kernel" in said):
        hint = f"libguestfs needs to read the kernel: sudo chmod 0644 {unreadable[0]} (Ubuntu makes it 0600)"
    elif "supermin" in said or not any(Path("/boot").glob("vmlinuz-*")):
        hint = "libguestfs needs a kernel in /boot: install linux-image-cloud-amd64 or the like."
    else:
        hint = "See what is wrong with: libguestfs-test-tool. As root, --backend kernel works without libguestfs."
    return TargetError(f"libguestfs did not start: {said}", hint)

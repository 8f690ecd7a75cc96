"""A server's file systems mounted in one folder until somebody unmounts them.

A separate process holds what was opened for them (mounts, loop devices, helpers, volumes). It sleeps until
it is told to end, then closes everything in reverse order, by the same code as for a target opened briefly. What is
mounted is listed in /run/rescue; if the holder is killed, the list of `rescue.targets.host.ledger` says what to close.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from rescue.targets.appliance.mount import Shown
from rescue.targets.appliance.target import GuestfsTarget
from rescue.targets.disks.roots import READS, found_root
from rescue.targets.host.ledger import close_what_is_left, myself
from rescue.targets.host.mount_records import Mounted, all_mounted, as_mounted, record_of
from rescue.targets.host.mounts import Mount, mounts
from rescue.targets.host.resources import Resources, run
from rescue.targets.host.syscalls import MOUNT_ATTR_NOEXEC, MOUNT_ATTR_RDONLY, set_mount_attributes
from rescue.targets.kernel import KernelTarget
from rescue.targets.open import open_target
from rescue.targets.opening import Opening
from rescue.targets.protocol import TargetBusy, TargetError, TargetUnsafe

_PATIENCE = 60.0
"""Seconds that a holder may take to close everything: a slow disk has much to write."""
_NAME = 63


@dataclass(frozen=True, slots=True)
class User:
    """A process that uses a file below a mount."""

    pid: int
    program: str


def mount_target(
    spec: str, point: Path | None, *, write: bool, opening: Opening, progress: Callable[[str], None]
) -> Mounted:
    """Mount the server on the disk or image `spec` at `point` (None: /mnt/rescue-NAME), until it is unmounted.

    Raises TargetError, TargetBusy, TargetUnsafe.
    """
    ours, theirs = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        os.close(ours)
        _hold(theirs, spec, point, write, opening, progress)
    os.close(theirs)
    try:
        with os.fdopen(ours, "rb") as stream:
            told = stream.read()
    except KeyboardInterrupt:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise
    document = json.loads(told or b"{}")
    if "point" in document:
        return as_mounted(document)
    os.waitpid(child, 0)
    kinds = {kind.__name__: kind for kind in (TargetBusy, TargetUnsafe)}
    problem, hint = (
        document.get("problem", "the mounting process was ended"),
        document.get("hint", "See: rescue umount"),
    )
    raise kinds.get(document.get("kind", ""), TargetError)(problem, hint)


def users_of(mounted: Mounted) -> tuple[User, ...]:
    """The processes that use files below the mount."""
    return tuple(_users(mounted.point))


def unmount(mounted: Mounted) -> None:
    """Unmount it and close all that was opened for it. Raises TargetBusy if somebody uses it."""
    users = users_of(mounted)
    if users:
        raise busy(mounted, users)
    holder = mounted.holder
    if holder.lives:
        os.kill(holder.pid, signal.SIGTERM)
        until = time.monotonic() + _PATIENCE
        while holder.lives and time.monotonic() < until:
            time.sleep(0.01)
        if holder.lives:
            raise TargetError(
                f"{mounted.point} is not unmounted yet: data is still being written to the disk",
                "Wait, then run: rescue umount",
            )
    close_leftovers()


def close_leftovers() -> tuple[str, ...]:
    """Close what killed processes have left open. Returns descriptions of what was closed."""
    closed = close_what_is_left(run)
    for each in all_mounted():
        if not each.holder.lives:
            record_of(each.pid).unlink(missing_ok=True)
    return closed


def busy(mounted: Mounted, users: tuple[User, ...]) -> TargetBusy:
    """The error that names who uses it."""
    shown = ", ".join(f"{each.program} (process {each.pid})" for each in users[:4]) + (", ..." if users[4:] else "")
    return TargetBusy(
        f"{mounted.point} is in use by {shown}", "Leave that folder (cd /), stop what uses it, and try again."
    )


# -- the holder -------------------------------------------------------------------------------------------------------


def _hold(
    pipe: int, spec: str, point: Path | None, write: bool, opening: Opening, progress: Callable[[str], None]
) -> NoReturn:
    """Body of the holding process: report the result through `pipe`, sleep, close. Never returns."""
    status = 1
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        resources = Resources()
        try:
            mounted, wait = _opened(resources, spec, point, write, opening, progress)
            record = record_of(os.getpid())
            resources.add(lambda: record.unlink(missing_ok=True))
            told = json.dumps(asdict(mounted)).encode()
            record.write_bytes(told)
            _let_go(pipe, told)
            wait()
            status = 0
        finally:
            resources.close()
    except KeyboardInterrupt:
        status = 0
    except Exception as problem:  # noqa: BLE001  whatever it is, the one who waits is told
        hint = getattr(problem, "hint", "See: rescue disks")
        words = {"problem": str(problem) or "cancelled", "hint": hint, "kind": type(problem).__name__}
        told = json.dumps(words).encode()
        with suppress(OSError):
            os.write(pipe, told)
    finally:
        os._exit(status)


def _opened(
    resources: Resources, spec: str, point: Path | None, write: bool, opening: Opening, progress: Callable[[str], None]
) -> tuple[Mounted, Callable[[], None]]:
    """What is mounted now, and a function that waits until it is no longer needed."""
    target = open_target(
        spec, write=write, backend=opening.backend, root=opening.root, progress=progress, opening=opening
    )
    resources.add(target.close)
    if not isinstance(target, KernelTarget | GuestfsTarget):
        raise TargetBusy(f"{spec} is already mounted: {' '.join(target.notes)}", "Work there, or unmount it first.")
    tree = target.capture(READS)
    found = found_root(tree)
    name = f"rescue-{good_name(found.hostname if found else '') or Path(spec).name}"
    where = point or (Path("/mnt") if os.geteuid() == 0 else Path.home()) / name
    wait = _for_ever
    try:
        if not where.exists():
            where.parent.mkdir(parents=True, exist_ok=True)
            resources.new_directory(where)
        _must_be_free(where)
        where = where.resolve()
        if isinstance(target, GuestfsTarget):
            wait = Shown(resources, target.handle, where, write=write).wait
        else:
            resources.bind(str(target.path), str(where))
            # Programs may be run from there, as for a chroot(1) by hand; set-user-ID and devices stay without effect.
            with suppress(OSError):
                set_mount_attributes(str(where), on=0 if write else MOUNT_ATTR_RDONLY, off=MOUNT_ATTR_NOEXEC)
    except OSError as problem:
        raise TargetError(f"{where}: {problem.strerror}", "Name another folder, behind the target.") from problem
    own = myself()
    sources = tuple((str(where / each.mount.lstrip("/")), each.source) for each in tree.filesystems)
    return Mounted(
        str(Path(spec).resolve()), str(where), write, found.release if found else "", found.hostname if found else "",
        sources, target.notes, own.pid, own.started,
    ), wait  # fmt: skip


def _for_ever() -> None:
    while True:
        signal.pause()


def _must_be_free(where: Path) -> None:
    if not where.is_dir():
        raise TargetError(f"{where} is not a folder", "Name another folder, behind the target.")
    if any(each.point == str(where.resolve()) for each in mounts()):
        raise TargetBusy(f"something is already mounted at {where}", "See: findmnt. Or name another folder.")
    if next(where.iterdir(), None) is not None:
        raise TargetBusy(
            f"{where} is not empty: the mount would hide its content", "Name an empty folder, or a new one."
        )


def _let_go(pipe: int, told: bytes) -> None:
    """Tell the caller, and hold nothing of its terminal, on which a passphrase may have been asked for."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    os.chdir("/")
    os.write(pipe, told)
    os.close(pipe)


# -- who is there -----------------------------------------------------------------------------------------------------


def good_name(name: str) -> str:
    """The part of a host name that is safe as a folder's name and in a prompt."""
    return "".join(each for each in name if each.isascii() and (each.isalnum() or each in "-._")).strip(".-")[:_NAME]


def _users(point: str) -> Iterator[User]:
    devices = {number for each in mounts() if _below(each.point, point) for number in _numbers(each)}
    inside = f"{point}/"
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda each: int(each.name)):
        if int(process.name) == os.getpid():
            continue  # whoever asks, in whatever folder, goes away by itself
        links = [process / "cwd", process / "root", process / "exe"]
        with suppress(OSError):
            links += list((process / "fd").iterdir())
        for link in links:
            try:
                where = str(link.readlink())
                told = link.stat()
            except OSError:
                continue
            there = where == point or where.startswith(inside)
            if there and stat.S_IFMT(told.st_mode) and (told.st_dev in devices or _is_at(told, where)):
                with suppress(OSError):
                    yield User(int(process.name), (process / "comm").read_text().strip())
                break


def _below(path: str, point: str) -> bool:
    return path == point or path.startswith(f"{point}/")


def _numbers(mount: Mount) -> tuple[int, ...]:
    """The device numbers that stat(2) gives for files there: btrfs has one for each subvolume, none of them mount's."""
    major, minor = mount.device.split(":")
    numbers = [os.makedev(int(major), int(minor))]
    with suppress(OSError):
        numbers.append(Path(mount.point).stat().st_dev)
    return tuple(numbers)


def _is_at(told: os.stat_result, where: str) -> bool:
    """Whether a process's file is the one that we see at that path, and not one of another mount namespace."""
    try:
        return os.path.samestat(told, Path(where).lstat())
    except (OSError, ValueError):
        return False

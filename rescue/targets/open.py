"""From what the person typed to a target."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shlex import quote

from rescue.targets.disks.roots import READS, found_root
from rescue.targets.files.directory import DirectoryTarget
from rescue.targets.host.mount_records import mounted_from
from rescue.targets.opening import Opening
from rescue.targets.protocol import Target, TargetBusy, TargetError


def open_target(
    spec: str, *, write: bool, backend: str | None, root: str | None, progress: Callable[[str], None],
    opening: Opening | None = None,
) -> Target:  # fmt: skip
    """The target that `spec` names: "/", a directory, a block device, an image file or a support bundle.

    backend: "kernel" or "guestfs" for disks and images; None or "auto" chooses. root: which file system of a disk is
    the server's root, where there are several. progress: told what takes a while. opening: what else the person said
    of it. Raises TargetError, TargetBusy, TargetUnsafe.
    """
    path = Path(spec)
    if not spec:
        raise TargetError("the target's name is empty", "See which disks there are: rescue disks")
    try:
        found = path.stat()
    except FileNotFoundError as problem:
        device = Path("/dev") / spec
        meant = "/" not in spec and bool(spec.strip(".")) and device.is_block_device()
        hint = f"Did you mean {device}?" if meant else "See which disks there are: rescue disks"
        raise TargetError(f"{spec} is not there", hint) from problem
    except (OSError, ValueError) as problem:
        raise TargetError(f"{spec} can't be opened: {getattr(problem, 'strerror', problem)}", _sudo()) from problem
    if stat.S_ISDIR(found.st_mode):
        return _directory(spec, path.resolve(), write)
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISBLK(found.st_mode)):
        raise TargetError(f"{spec} is neither a disk, an image nor a directory", "See: rescue disks")
    stated = opening is not None and opening.format is not None
    if not stated and stat.S_ISREG(found.st_mode) and os.access(path, os.R_OK) and _packed(path):
        from rescue.targets.bundle.target import open_bundle

        return open_bundle(path, write=write)
    if not os.access(path, os.R_OK | (os.W_OK if write else 0)):
        raise TargetError(f"you may not {'write to' if write else 'read'} {spec}", _sudo())
    if write and (mounted := mounted_from(path)) is not None:
        raise TargetBusy(f"{spec} is mounted at {mounted.point}", f"Repair it there: rescue fix {quote(mounted.point)}")
    # A directory needs no code for disks and images, and every import is slow on a failing machine.
    from rescue.targets.media import open_device, open_image

    more = replace(opening or Opening(), backend=backend or "auto", root=root)
    for disk in more.disks:
        _check_disk(disk, write)
    opener = open_device if stat.S_ISBLK(found.st_mode) else open_image
    return opener(path, write=write, opening=more, progress=progress)


def _check_disk(path: Path, write: bool) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as problem:
        raise TargetError(f"--disk {path}: {problem.strerror}", "Name the server's other disk or image.") from problem
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        raise TargetError(f"--disk {path} is neither a disk nor an image", "Name the server's other disk or image.")
    if not os.access(path, os.R_OK | (os.W_OK if write else 0)):
        raise TargetError(f"you may not {'write to' if write else 'read'} {path}", _sudo())


def _directory(spec: str, path: Path, write: bool) -> Target:
    running = str(path) == "/"
    if write and os.geteuid() != 0 and running:
        raise TargetError("changing the running system needs root", _sudo())
    try:
        target = DirectoryTarget(str(path), name=spec, method="running system" if running else "directory", write=write)
    except OSError as problem:
        raise TargetError(f"{spec} can't be opened: {problem.strerror}", _sudo()) from problem
    try:
        if found_root(target.capture(READS)) is None:
            names = sorted(each.name for each in path.iterdir())
            there = ", ".join(repr(name) for name in names[:12]) + (", ..." if len(names) > 12 else "")
            raise TargetError(
                f"no Linux system found in {spec}: it has no etc with os-release or passwd in it "
                f"(there: {there or 'nothing'})",
                "Is the server's disk mounted there? See: rescue disks",
            )
    except BaseException:
        target.close()
        raise
    return target


def is_saved_bundle(path: Path) -> bool:
    """Whether `path` is a support bundle, which can be neither mounted nor changed."""
    return path.is_file() and os.access(path, os.R_OK) and _packed(path)


def opened_by_libguestfs(path: Path, backend: str) -> bool:
    """Whether `open_target` would leave what is at `path` to libguestfs, which needs no root."""
    if backend != "auto" or not path.is_file() or is_saved_bundle(path):
        return backend == "guestfs"
    from rescue.targets.appliance import target as guestfs

    return guestfs.available()


def needs_kernel(path: Path, backend: str) -> bool:
    """Whether `open_target` would refuse what is at `path` with OnlyKernel, if it is an image."""
    if backend != "auto" or not path.is_file() or is_saved_bundle(path):
        return False
    from rescue.targets.appliance import target as guestfs

    return not guestfs.available()


def _packed(path: Path) -> bool:
    """Whether the file begins as gzip(1) files do: a bundle does, a disk does not."""
    with path.open("rb") as stream:
        return stream.read(3) == b"\x1f\x8b\x08"


def _sudo() -> str:
    return "Run it as root: sudo rescue ..." if os.geteuid() != 0 else "See: rescue disks"

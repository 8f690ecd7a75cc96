"""Pieces of disks put together, and disks shown with a throw-away layer, by the kernel's device-mapper.

What `disks.overlay` does by QEMU's daemon, for raw disks in a rescue system that has no QEMU. The disks are
below read-only loop devices; what is written goes to a sparse file (a snapshot without an exception store that lasts).
Source: dmsetup(8); Documentation/admin-guide/device-mapper/{linear,snapshot}.rst of Linux.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path

from rescue.targets.host.resources import ProgramError, Resources, ensure_device, run

SECTOR = 512
_CONTROL = "/dev/mapper/control"
_LAYER = 8 << 30
"""Bytes that may be written to a layer at most; the file takes what is written, and a replayed journal is little."""
_CHUNK = 8
_numbers = count()


def has_device_mapper() -> bool:
    """Whether the kernel has it; its node alone says nothing."""
    if not ensure_device(_CONTROL, "dm-mod"):
        return False
    try:
        os.close(os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


@cache
def available() -> bool:
    """Whether this machine has what it takes: dmsetup(8), and a kernel with device-mapper and snapshots."""
    if shutil.which("dmsetup") is None or not has_device_mapper():
        return False
    with suppress(ProgramError):
        run("modprobe", "--quiet", "dm-snapshot")  # it may be a part of the kernel
    try:
        return any(line.split()[:1] == ["snapshot"] for line in run("dmsetup", "targets").split("\n"))
    except ProgramError:
        return False


def layer(resources: Resources, path: Path) -> Path:
    """The raw disk or file at `path` as a device that may be written to: what is written is thrown away.

    Raises ProgramError.
    """
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END) // SECTOR * SECTOR
    return _layered(resources, resources.loop(path, 0, size, read_only=True), size)


def joined(resources: Resources, parts: Sequence[tuple[Path, int, int]], *, write: bool = False) -> Path:
    """Parts of raw disks (path, start, size in bytes) in a row, as one device: through such a layer, or themselves.

    Raises ProgramError.
    """
    table, at = [], 0
    for path, start, size in parts:
        device = resources.loop(path, start, size, read_only=not write)
        table.append(f"{at // SECTOR} {size // SECTOR} linear {device} 0")
        at += size
    whole = _made(resources, table, read_only=not write)
    return whole if write else _layered(resources, whole, at)


def _layered(resources: Resources, origin: Path, size: int) -> Path:
    store = resources.directory() / "layer"
    with store.open("wb") as stream:
        stream.truncate(_LAYER)
    written = resources.loop(store, 0, _LAYER)
    return _made(resources, [f"0 {size // SECTOR} snapshot {origin} {written} N {_CHUNK}"], read_only=False)


def _made(resources: Resources, table: Sequence[str], *, read_only: bool) -> Path:
    name = f"rescue-{os.getpid()}-{next(_numbers)}"
    resources.mapped(name)
    options = ["--readonly"] if read_only else []
    run("dmsetup", "create", *options, name, given="\n".join([*table, ""]).encode())
    return Path("/dev/mapper") / name

"""A throw-away copy-on-write layer over a disk: a journal is replayed into the layer, and the disk stays as it is.

qemu-storage-daemon (QEMU 6.0 or newer, root, FUSE) shows disk and layer as one raw file, which a loop device takes.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any

from rescue.targets.disks.image import DiskImage
from rescue.targets.host.resources import ProgramError, Resources, ensure_device, run, unmount_for_sure

Node = dict[str, Any]
"""A node of QEMU's block layer: BlockdevOptions of qapi/block-core.json."""

SECTOR = 512

# Reading is allowed while a machine runs.
_LOOKING = {"read-only": True, "force-share": True}

_PATIENCE = 20.0
"""Seconds that the daemon may take to show the file; it takes a twentieth of one."""


def available() -> bool:
    """Whether this machine supports it."""
    programs = ("qemu-storage-daemon", "qemu-img")
    return all(shutil.which(program) for program in programs) and ensure_device("/dev/fuse", "fuse")


def virtual_size(image: DiskImage) -> int:
    """The size of the disk in bytes, as its machine sees it. Raises ProgramError."""
    if image.format == "raw":
        descriptor = os.open(image.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.lseek(descriptor, 0, os.SEEK_END)
        finally:
            os.close(descriptor)
    if image.format == "qcow2":
        with image.path.open("rb") as stream:
            return int(struct.unpack(">Q", stream.read(32)[24:])[0])
    described = json.dumps({"driver": image.format, "file": _file(image.path, write=False)})
    told = json.loads(run("qemu-img", "info", "-U", "--output=json", "--", f"json:{described}"))
    return int(told["virtual-size"])


def shown_as_raw(resources: Resources, image: DiskImage, *, write: bool = False) -> Path:
    """The disk or image as a raw file: through a throw-away layer, or, with `write`, itself. Raises ProgramError."""
    return _shown(resources, _disk(image, write=write), lambda: virtual_size(image), write)


def joined(resources: Resources, parts: Sequence[tuple[Path, int, int]], *, write: bool = False) -> Path:
    """Parts of raw files or devices (path, start, size in bytes) in a row, as one raw file; the rest as above.

    Without device-mapper, VMware's flat extents are the way to say so: see the vmdk driver of QEMU.
    """
    directory = resources.directory()
    lines = ["# Disk DescriptorFile", "version=1", "CID=fffffffe", "parentCID=ffffffff"]
    lines.append('createType="twoGbMaxExtentFlat"')
    for number, (path, start, size) in enumerate(parts):
        # A name of our own: any character in the path would be the descriptor's.
        (directory / f"part-{number}").symlink_to(path.absolute())
        lines.append(f'RW {size // SECTOR} FLAT "part-{number}" {start // SECTOR}')
    described = directory / "parts.vmdk"
    described.write_text("\n".join(lines) + "\n")
    node = _file(described, write=write)
    whole: Node = {"driver": "vmdk", "node-name": "disk", "file": node, **({} if write else _LOOKING)}
    return _shown(resources, whole, lambda: sum(size for _, _, size in parts), write)


def _shown(resources: Resources, disk: Node, size: Callable[[], int], write: bool) -> Path:
    directory = resources.directory()
    nodes = [disk]
    if not write:
        layer = directory / "layer"
        run("qemu-img", "create", "-q", "-f", "qcow2", str(layer), str(size()))
        below = {"driver": "file", "filename": str(layer)}
        nodes.append({"driver": "qcow2", "node-name": "layer", "file": below, "backing": "disk"})
    shown = directory / "disk"
    shown.touch(mode=0o600)
    export = {
        "type": "fuse",
        "id": "shown",
        "node-name": "disk" if write else "layer",
        "mountpoint": str(shown),
        "writable": True,
    }
    words = ["qemu-storage-daemon"]
    for node in nodes:
        words += ["--blockdev", json.dumps(node)]
    # The daemon takes its mount away when it ends; one that was killed can't.
    resources.add(lambda: unmount_leftover(shown), command=("umount", "--lazy", str(shown)))
    process = resources.process([*words, "--export", json.dumps(export)])
    _wait_until_shown(process, shown)
    return shown


def _disk(image: DiskImage, *, write: bool) -> Node:
    node: Node = {"driver": image.format, "node-name": "disk", "file": _file(image.path, write=write)}
    if image.format in ("qcow2", "vmdk"):
        # Whatever stands in the image: what was looked at is what is opened (rescue.targets.disks.image).
        node["backing"] = None
    if image.backing is not None:
        node["backing"] = _disk(image.backing, write=False)
        del node["backing"]["node-name"]
    if image.data_file is not None:
        node["data-file"] = {"driver": "raw", "file": _file(image.data_file, write=write)}
    if not write:
        node |= _LOOKING
    return node


def _file(path: Path, *, write: bool) -> Node:
    driver = "host_device" if stat.S_ISBLK(path.stat().st_mode) else "file"
    return {"driver": driver, "filename": str(path.absolute()), **({} if write else _LOOKING)}


def _wait_until_shown(process: Popen[bytes], shown: Path) -> None:
    own = shown.parent.stat().st_dev
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.stderr.read().decode("utf-8", "replace").strip() if process.stderr else ""
            # The reason is at the end, after the daemon's configuration.
            raise ProgramError(f"the disk can't be shown: {said.rpartition('}: ')[2] or 'qemu-storage-daemon ended'}")
        if shown.stat().st_dev != own:
            return
        time.sleep(0.003)
    raise ProgramError(f"qemu-storage-daemon did not show the disk within {_PATIENCE:.0f} seconds")


def unmount_leftover(shown: Path) -> None:
    """Unmount `shown` if it still is a mount (of a daemon that is gone, stat(2) fails with ENOTCONN)."""
    try:
        gone = shown.stat().st_dev == shown.parent.stat().st_dev
    except OSError:
        gone = False
    if not gone:
        unmount_for_sure(str(shown))

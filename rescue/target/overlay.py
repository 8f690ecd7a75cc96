"""A throw-away copy-on-write layer over a disk: a journal is replayed into the layer, and the disk stays as it is.

qemu-storage-daemon (QEMU 6.0 or newer, root, FUSE) shows disk and layer as one raw file, which a loop device takes.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from pathlib import Path
from subprocess import Popen

from rescue.target.resources import ProgramError, Resources, ensure_device, run, unmount_for_sure

_PATIENCE = 20.0
"""Seconds that the daemon may take to show the file; it takes a twentieth of one."""


def available() -> bool:
    """Whether this machine has what it takes."""
    programs = ("qemu-storage-daemon", "qemu-img")
    return all(shutil.which(program) for program in programs) and ensure_device("/dev/fuse", "fuse")


def virtual_size(path: Path, image_format: str) -> int:
    """The size of the disk in bytes, as its machine sees it. Raises ProgramError."""
    if image_format == "raw":
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.lseek(descriptor, 0, os.SEEK_END)
        finally:
            os.close(descriptor)
    told = json.loads(run("qemu-img", "info", "-U", "-f", image_format, "--output=json", "--", str(path)))
    return int(told["virtual-size"])


def shown_as_raw(resources: Resources, path: Path, image_format: str, *, write: bool = False) -> Path:
    """The disk or image at `path` as a raw file: through a throw-away layer, or, with `write`, itself.

    `path` holds a disk of that format, whatever its content looks like. Raises ProgramError.
    """
    directory = resources.directory()
    shown = directory / "disk"
    shown.touch(mode=0o600)
    nodes = [_disk(path, image_format, write=write)]
    if not write:
        layer = directory / "layer"
        run("qemu-img", "create", "-q", "-f", "qcow2", str(layer), str(virtual_size(path, image_format)))
        below = {"driver": "file", "filename": str(layer)}
        nodes.append({"driver": "qcow2", "node-name": "layer", "file": below, "backing": "disk"})
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


def _disk(path: Path, image_format: str, *, write: bool) -> dict[str, object]:
    device = stat.S_ISBLK(path.stat().st_mode)
    below: dict[str, object] = {"driver": "host_device" if device else "file", "filename": str(path.absolute())}
    node: dict[str, object] = {"driver": image_format, "node-name": "disk", "file": below}
    if image_format == "qcow2":
        # Checked before (rescue.target.image); said again to the one that opens it.
        node["backing"] = None
    if not write:
        # A machine that runs meanwhile is no reason not to look.
        below |= {"read-only": True, "force-share": True}
        node |= {"read-only": True, "force-share": True}
    return node


def _wait_until_shown(process: Popen[bytes], shown: Path) -> None:
    own = shown.parent.stat().st_dev
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = process.stderr.read().decode("utf-8", "replace").strip() if process.stderr else ""
            raise ProgramError(f"qemu-storage-daemon failed: {said}")
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

"""What QEMU needs to boot a lab's server without its boot loader."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rescue.labs.image import Image
from rescue.labs.initramfs import debian_initramfs, initramfs, kernel_version

LZ4_MAGIC = b"\x02\x21\x4c\x18"
"""The legacy frame of lz4, in which Debian's amd64 kernel is packed."""


@dataclass(frozen=True, slots=True)
class BootFiles:
    """A kernel and an initial file system, on this computer."""

    kernel: Path
    initrd: Path


def boot_files(image: Image, into: Path) -> BootFiles:
    """Put the image's kernel and an initramfs into the directory `into`."""
    initrd = into / "initrd"
    own = image.initrd_kind == "small"
    initrd.write_bytes(initramfs(image.root, image.layout.modules) if own else debian_initramfs(image.root))
    packed = image.root / "boot" / f"vmlinuz-{kernel_version(image.root)}"
    return BootFiles(_unpacked(packed, into / "vmlinux") or packed, initrd)


def _unpacked(packed: Path, into: Path) -> Path | None:
    """The kernel without its own unpacking, which an emulated processor does slowly; None where that can't be done.

    QEMU boots an ELF kernel by its PVH entry (Documentation/arch/x86/boot.rst; CONFIG_PVH).
    """
    program = shutil.which("lz4")
    data = packed.read_bytes()
    start = data.find(LZ4_MAGIC)
    if program is None or start < 0:
        return None
    # The status says nothing: what follows the frame is no lz4, and is complained of.
    ended = subprocess.run(
        [program, "-dc"], input=data[start:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    if not ended.stdout.startswith(b"\x7fELF"):
        return None
    into.write_bytes(ended.stdout)
    return into

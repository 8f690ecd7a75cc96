"""What QEMU needs to boot a lab's server without its boot loader."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rescue.labs.images.image import BuiltImage
from rescue.labs.machines.initramfs import debian_initramfs, initramfs, kernel_version
from rescue.targets.host.cache import cache_directory

LZ4_MAGIC = b"\x02\x21\x4c\x18"
"""The legacy frame of lz4, in which Debian's amd64 kernel is packed."""


@dataclass(frozen=True, slots=True)
class BootFiles:
    """A kernel and an initial file system, on this computer."""

    kernel: Path
    initrd: Path


def boot_files(image: BuiltImage) -> BootFiles:
    """The image's kernel and an initial file system, kept in the cache. Raises BootError."""
    into = cache_directory() / "boot" / image.directory.name
    version = kernel_version(image.root)
    packed = image.root / "boot" / f"vmlinuz-{version}"
    if not into.is_dir():
        _remove_orphans(into.parent)
        into.mkdir(parents=True, exist_ok=True)
    own = image.initrd_kind == "small"
    made = initramfs(image.root, image.layout.modules) if own else debian_initramfs(image.root)
    initrd = into / f"initrd-{sha256(made).hexdigest()[:12]}"
    if not initrd.exists():
        _appear(initrd, made)
    kernel = into / f"vmlinux-{version}"
    if not kernel.exists():
        if (unpacked := _unpacked(packed.read_bytes())) is None:
            return BootFiles(packed, initrd)
        _appear(kernel, unpacked)
    return BootFiles(kernel, initrd)


def _appear(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all, whoever else writes it at the same time."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as made:
        made.write(data)
    Path(made.name).rename(path)


def _remove_orphans(place: Path) -> None:
    """Remove what belongs to images that are no longer in the cache."""
    for path in place.glob("*"):
        if not (cache_directory() / path.name).is_dir():
            shutil.rmtree(path, ignore_errors=True)


def _unpacked(packed: bytes) -> bytes | None:
    """The kernel without its own unpacking, which an emulated processor does slowly; None where that can't be done.

    QEMU boots an ELF kernel by its PVH entry (Documentation/arch/x86/boot.rst; CONFIG_PVH).
    """
    program = shutil.which("lz4")
    start = packed.find(LZ4_MAGIC)
    if program is None or start < 0:
        return None
    # The status says nothing: what follows the frame is no lz4, and is complained of.
    ended = subprocess.run(
        [program, "-dc"], input=packed[start:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
    )
    return ended.stdout if ended.stdout.startswith(b"\x7fELF") else None

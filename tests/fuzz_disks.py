"""Disks with junk in the bytes that say what they hold: each is opened, or refused with a word, within seconds.

``python -m tests.fuzz_disks [SEED [COUNT]]`` runs that many (a thousand) from a seed, and prints those that fail.
"""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from rescue.targets.open import open_target
from rescue.targets.protocol import TargetError
from rescue.tree import Read
from tests.contract import images

PATIENCE = 5.0
"""Seconds after which an opening counts as hanging."""
_MIB = 1 << 20

Range = tuple[int, int]
"""Where junk goes: from, to."""


def originals(into: Path) -> dict[str, tuple[Path, tuple[Range, ...]]]:
    """Small disks, with the places at which they tell what they are."""
    into.mkdir(exist_ok=True)
    gpt = _partitioned(into / "gpt.img", "label: gpt\nstart=1MiB, size=12MiB, name=root\nsize=2MiB\n", _MIB)
    dos = "label: dos\n1: start=1MiB, size=2MiB\n2: type=5\n5: size=12MiB\n"
    mbr = _partitioned(into / "mbr.img", dos, 4 * _MIB)
    lvm = images.lvm_disk(into / "lvm.img")
    qcow2 = into / "disk.qcow2"
    images.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", gpt, qcow2)
    return {
        "gpt": (gpt, ((440, 1024), (1024, 1024 + 512), (_MIB + 1024, _MIB + 1024 + 264))),
        "mbr": (mbr, ((440, 512), (3 * _MIB + 440, 3 * _MIB + 512))),
        "lvm": (lvm, ((2 * _MIB + 512, 2 * _MIB + 1024), (2 * _MIB + 4096, 2 * _MIB + 4096 + 8192))),
        "qcow2": (qcow2, ((0, 112), (112, 600), (65536, 65536 + 64), (3 * 65536, 3 * 65536 + 64))),
    }


def _partitioned(path: Path, table: str, start: int) -> Path:
    with path.open("wb") as stream:
        stream.truncate(16 * _MIB)
    subprocess.run(["sfdisk", "-q", path], input=table, text=True, check=True, capture_output=True)
    images.run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", f"offset={start}", path, "8m")
    with images.mounted(path, "ext4", path.with_suffix(".mnt"), offset=start, size=8 * _MIB) as point:
        (point / "etc").mkdir()
        (point / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    return path


def mutate(path: Path, places: tuple[Range, ...], rng: random.Random) -> None:
    """Put junk into one to three places; of LVM's text, the checksum is made to fit again."""
    with path.open("r+b") as disk:
        for _ in range(rng.randint(1, 3)):
            low, high = rng.choice(places)
            at = rng.randrange(low, high)
            width = rng.choice((1, 1, 2, 4, 8))
            junk = rng.choice((b"\0" * width, b"\xff" * width, rng.randbytes(width), b"\x01" + b"\0" * (width - 1)))
            disk.seek(at)
            disk.write(junk)
        if rng.random() < 0.5:
            _seal(disk, 2 * _MIB + 4096)
        if rng.random() < 0.1:
            disk.truncate(rng.randrange(1, path.stat().st_size))


def _seal(disk: BinaryIO, area: int) -> None:
    """Make the checksums of LVM's metadata fit what is there."""

    def crc(data: bytes) -> int:
        return zlib.crc32(data, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    disk.seek(area)
    header = bytearray(disk.read(512))
    if header[4:9] != b" LVM2":
        return
    offset, length = struct.unpack_from("<QQ", header, 40)
    if not 512 <= offset < _MIB or length > _MIB:
        return
    disk.seek(area + offset)
    struct.pack_into("<I", header, 56, crc(disk.read(length)))
    struct.pack_into("<I", header, 0, crc(bytes(header[4:])))
    disk.seek(area)
    disk.write(header)


def outcome(path: Path, clock: Callable[[], float] = time.monotonic) -> str:
    """ "opened", or "refused"; anything else is a fault."""
    started = clock()
    try:
        target = open_target(str(path), write=False, backend="kernel", root=None, progress=lambda message: None)
        try:
            target.capture([Read("/etc")])
        finally:
            target.close()
        told = "opened"
    except TargetError as problem:
        told = "refused" if problem.hint and str(problem) else f"refused without a hint: {problem}"
    except Exception as problem:
        told = f"{type(problem).__name__}: {problem}"
    seconds = clock() - started
    return told if seconds < PATIENCE else f"{told}, after {seconds:.1f} s"


def run(seed: int, count: int, into: Path, say: Callable[[str], None] = print) -> list[str]:
    """The faults of that many mutated disks."""
    made = originals(into / "originals")
    faults = []
    for number in range(seed, seed + count):
        rng = random.Random(number)
        name = rng.choice(sorted(made))
        original, places = made[name]
        path = into / f"mutated{original.suffix}"
        shutil.copyfile(original, path)
        mutate(path, places, rng)
        before = images.digest(path) if path.stat().st_size else ""
        told = outcome(path)
        if told not in ("opened", "refused") or (before and images.digest(path) != before):
            faults.append(f"seed {number} ({name}): {told}")
            say(faults[-1])
    return faults


if __name__ == "__main__":
    first = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 30)
    print(f"seed {first}")
    with tempfile.TemporaryDirectory(prefix="rescue-mutated-") as directory:
        sys.exit(1 if run(first, int(sys.argv[2]) if len(sys.argv) > 2 else 1000, Path(directory)) else 0)

"""A btrfs over several disks is one file system: looked at without a byte changed, written to, missed if one lacks."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from rescue.targets.open import open_target
from rescue.targets.opening import Opening
from rescue.targets.protocol import Target, TargetError
from rescue.tree import Read, file
from tests.contract import images

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.skipif(shutil.which("mkfs.btrfs") is None, reason="btrfs-progs is not installed"),
]

BIG = b"x" * (20 << 20)
HOSTNAME = PurePosixPath("/etc/hostname")


@pytest.fixture(params=["single", "raid1"])
def disks(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """Two disks of 160 MiB, a file on them that is larger than the first piece of either."""
    paths = (tmp_path / "one.img", tmp_path / "two.img")
    for path in paths:
        with path.open("wb") as stream:
            stream.truncate(160 << 20)
    images.run("mkfs.btrfs", "-q", "-f", "-d", request.param, "-m", "raid1", *paths)
    loops = [images.run("losetup", "--find", "--show", path).strip() for path in paths]
    point = tmp_path / "mnt"
    point.mkdir()
    try:
        images.run("mount", "-t", "btrfs", "-o", f"device={loops[1]}", loops[0], point)
        (point / "etc").mkdir()
        (point / "etc/hostname").write_text("two-disks\n")
        (point / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        (point / "big").write_bytes(BIG)
        images.run("umount", point)
    finally:
        images.run("btrfs", "device", "scan", "--forget")
        for loop in loops:
            images.run("losetup", "--detach", loop)
    # Whoever lists this machine's disks may still look into one.
    for _ in range(500):
        if not any(images.left_behind(path) for path in paths):
            break
        time.sleep(0.01)
    return paths


def opened(path: Path, *others: Path, write: bool = False) -> Target:
    opening = Opening(disks=others)
    return open_target(str(path), write=write, backend="kernel", root=None, progress=print, opening=opening)


def read(path: Path, *others: Path) -> bytes | None:
    with closing(opened(path, *others)) as target:
        assert target.notes == ()
        tree = target.capture([Read("/etc/hostname"), Read("/big", depth=0, limit=len(BIG))])
        assert tree.data("/big") == BIG
        return tree.data("/etc/hostname")


def test_two_disks_are_one_file_system(disks: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = disks
    before = [images.digest(path) for path in disks]
    for _ in range(2):
        assert read(one, two) == b"two-disks\n"
        assert read(two, one) == b"two-disks\n"
    copies = [tmp_path / f"{path.stem}.qcow2" for path in disks]
    for path, copy in zip(disks, copies, strict=True):
        images.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", path, copy)
    assert read(*copies) == b"two-disks\n"
    # What the kernel had seen of the copies' layers is no matter for the disks themselves.
    assert read(one, two) == b"two-disks\n"
    assert [images.digest(path) for path in disks] == before
    with closing(opened(one, two, write=True)) as target:
        entry = target.capture([Read("/etc/hostname")]).lentry(HOSTNAME)
        assert entry is not None
        target.put(HOSTNAME, replace(file(b"changed\n"), mode=entry.mode))
        target.sync()
    assert read(two, one) == b"changed\n"
    for path in disks:
        assert images.left_behind(path) == []


def test_a_disk_that_is_not_there_is_asked_for(disks: tuple[Path, Path]) -> None:
    for path in disks:
        with pytest.raises(TargetError, match="it spans 2 devices, and only one is here") as told:
            opened(path).close()
        assert "--disk" in told.value.hint
        assert images.left_behind(path) == []

"""The disks of this machine are listed with what is on them; a scan counts as du does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from rescue.targets import host_disks
from rescue.targets.appliance import launch
from rescue.targets.disks import lvm_report
from rescue.targets.files.directory import DirectoryTarget
from rescue.targets.host_disks import Disk, find_disks
from rescue.targets.open import open_target
from rescue.targets.protocol import TargetBusy, TargetError
from rescue.targets.usage import scan_usage
from rescue.tree import Read, file
from tests.conftest import LoadImage
from tests.contract import assembled, images, sample

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="attaching and mounting needs root"),
]


@pytest.fixture
def attached(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An image with the sample, and the block device that it is attached as."""
    image = images.image_with(tmp_path / "disk.img", "ext4")
    device = images.run("losetup", "--find", "--show", image).strip()
    yield image, device
    images.run("losetup", "--detach", device)


def disk_at(device: str) -> Disk:
    return next(disk for disk in find_disks(("loop", "disk", "part")) if disk.path == device)


def test_the_running_systems_own_disk_is_known() -> None:
    own = [disk for disk in find_disks(("disk", "part", "lvm", "loop")) if disk.is_own]
    if os.major(Path("/").stat().st_dev) == 0:
        pytest.skip("the root of this machine is on no block device")
    assert [disk.mountpoint for disk in own if disk.mountpoint == "/"]
    assert all(disk.next_commands in ((), (("rescue", "inspect", "/"),)) for disk in own)


def test_a_disk_with_a_root_is_looked_at_and_left_as_it_is(attached: tuple[Path, str]) -> None:
    image, device = attached
    before = images.digest(image)
    disk = disk_at(device)
    content = disk.content
    assert (content.is_root, disk.is_own, content.hostname, content.fstype) == (True, False, "lab", "ext4")
    assert content.release == "Debian GNU/Linux 12 (bookworm)"
    assert 0 < content.used < content.size <= disk.size
    assert disk.next_commands == (("rescue", "inspect", device),)
    assert images.digest(image) == before
    assert device not in Path("/proc/self/mountinfo").read_text()


def test_a_mounted_disk_is_looked_at_where_it_is(attached: tuple[Path, str], tmp_path: Path) -> None:
    _, device = attached
    point = tmp_path / "mnt"
    point.mkdir()
    images.run("mount", device, point)
    try:
        (point / "etc/hostname").write_text("changed\n")
        disk = disk_at(device)
        assert disk.content.hostname == "changed"
        assert disk.next_commands == (("rescue", "inspect", str(point)),)
        target = open_target(device, write=False, backend=None, root=None, progress=print)
        try:
            assert target.capture([Read("/etc/hostname")]).data("/etc/hostname") == b"changed\n"
            assert [note for note in target.notes if str(point) in note]
        finally:
            target.close()
        with pytest.raises(TargetBusy) as refused:
            open_target(device, write=True, backend=None, root=None, progress=print)
        assert str(point) in refused.value.hint
    finally:
        images.run("umount", point)


def test_a_device_that_has_gone_since_it_was_listed_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"path": "/dev/gone", "pkname": None, "type": "disk", "size": 1 << 20, "fstype": "ext4", "label": None,
            "uuid": None, "pttype": None}  # fmt: skip
    monkeypatch.setattr(host_disks, "run", lambda *words: json.dumps({"blockdevices": [gone]}))
    monkeypatch.setattr(lvm_report, "report", lambda: None)
    (disk,) = find_disks()
    assert "No such file" in disk.problem
    assert not disk.is_own


def test_a_block_device_is_read_and_written(attached: tuple[Path, str]) -> None:
    image, device = attached
    before = images.digest(image)
    target = open_target(device, write=False, backend=None, root=None, progress=print)
    try:
        assert sample.seen(target.capture(sample.READS)) == sample.literal()
    finally:
        target.close()
    assert images.digest(image) == before
    target = open_target(device, write=True, backend=None, root=None, progress=print)
    try:
        target.put(PurePosixPath("/etc/hostname"), file(b"written\n"))
        target.sync()
    finally:
        target.close()
    again = open_target(device, write=False, backend=None, root=None, progress=print)
    try:
        assert again.capture([Read("/etc/hostname")]).data("/etc/hostname") == b"written\n"
    finally:
        again.close()


def test_an_image_that_is_attached_elsewhere_is_not_written(attached: tuple[Path, str]) -> None:
    image, device = attached
    with pytest.raises(TargetBusy, match=device):
        open_target(str(image), write=True, backend="kernel", root=None, progress=print)


def test_a_volume_that_the_kernel_can_not_mount_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "lvm.img"
    path.write_bytes(bytes(512) + b"LABELONE" + bytes(1 << 20))
    with pytest.raises(TargetError) as refused:
        open_target(str(path), write=False, backend="kernel", root=None, progress=print)
    assert "LVM label is damaged" in str(refused.value)
    assert "--backend guestfs" in refused.value.hint


# -- usage ----------------------------------------------------------------------------------------------------------


def du(*words: str | Path) -> dict[str, int]:
    told = subprocess.run(["du", *words], capture_output=True, text=True, check=True).stdout
    return {line.partition("\t")[2]: int(line.partition("\t")[0]) for line in told.splitlines()}


def test_a_scan_counts_as_du_does(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("a", "b/c", "b/d"):
        (root / name).mkdir(parents=True)
    (root / "a/big").write_bytes(bytes(3 << 20))
    (root / "b/c/small").write_bytes(b"x" * 5000)
    os.link(root / "a/big", root / "b/d/big-again")
    with (root / "b/sparse").open("wb") as stream:
        stream.truncate(1 << 30)
    (root / "b/link").symlink_to("/")
    other = root / "other"
    other.mkdir()
    images.run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", other)
    try:
        (other / "not-ours").write_bytes(bytes(1 << 20))
        target = DirectoryTarget(str(root))
        usage = scan_usage(target)
        target.close()
        sizes, inodes = du("-x", "-B1", root), du("-x", "--inodes", root)
    finally:
        images.run("umount", other)
    assert usage.complete
    assert (usage.bytes, usage.inodes) == (sizes[str(root)], inodes[str(root)])
    # Which of two names of one file is met first is the file system's affair: only their sums are told by both.
    assert usage.files[0].bytes == 3 << 20
    assert usage.files[0].path in (PurePosixPath("/a/big"), PurePosixPath("/b/d/big-again"))
    told = {str(use.path): (use.bytes, use.inodes) for use in usage.directories}
    assert told["/"] == (usage.bytes, usage.inodes)
    assert told["/b/c"] == (sizes[f"{root}/b/c"], inodes[f"{root}/b/c"])


def test_a_scan_of_very_deep_directories_comes_to_an_end(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("deep-name", dir_fd=here)
        below = os.open("deep-name", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    target = DirectoryTarget(str(tmp_path))
    usage = scan_usage(target)
    target.close()
    assert usage.complete
    assert usage.inodes == 1_501
    images.run("rm", "-rf", tmp_path / "deep-name")


@pytest.mark.skipif(shutil.which("lvm") is None, reason="LVM is not installed")
@pytest.mark.skipif(lvm_report.report() is None, reason="LVM sees no disks here")
def test_what_is_read_from_the_bytes_of_volume_groups_is_what_lvm_says(lab_image: LoadImage, tmp_path: Path) -> None:
    paths = [lab_image("debian12-lvm").disk]
    if launch.available():
        paths += assembled.disks(tmp_path, ("lvm-a", "lvm-b")).values()
    devices: list[str] = []
    try:
        for path in paths:
            devices.append(images.run("losetup", "--find", "--show", "--read-only", path).strip())
            # This kernel may make no devices of the partitions, and LVM looks at devices.
            if len(devices) > 1:
                part = ("--read-only", "--offset=1048576")
                devices.append(images.run("losetup", "--find", "--show", *part, path).strip())
        told = lvm_report.report()
        assert told is not None
        mine = {
            (volume.name, volume.size) for disk in find_disks(("loop",)) if disk.path in devices and disk.group
            for volume in disk.inside
        }  # fmt: skip
        groups = {told.physicals[device].group for device in devices if device in told.physicals}
        theirs = {(f"/dev/{each.group}/{each.name}", each.size) for each in told.logicals if each.group in groups}
        assert len(theirs) >= 2
        assert mine == theirs
        # Sizes of what is read by ourselves are our own; only what LVM alone can put together has its from LVM.
        read = [volume for disk in find_disks(("loop",)) if disk.path in devices for volume in disk.inside]
        assert [volume for volume in read if volume.content.is_root]
    finally:
        for device in reversed(devices):
            images.run("losetup", "--detach", device)

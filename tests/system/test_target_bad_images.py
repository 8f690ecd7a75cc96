"""Images that are broken or made to harm: one clear word, the next command, and no file of this machine is read."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from rescue.status import Status
from rescue.targets.kernel import KernelTarget
from rescue.targets.open import open_target
from rescue.targets.opening import Opening
from rescue.targets.protocol import Target, TargetError
from rescue.tree import Read
from tests import fuzz_disks
from tests.contract import images

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]

MIB = 1 << 20


def opened(path: Path, *, write: bool = False, format: str | None = None, allow_backing: bool = False) -> Target:
    return open_target(
        str(path),
        write=write,
        backend="kernel",
        root=None,
        progress=print,
        opening=Opening(format=format, allow_backing=allow_backing),
    )


def refused(path: Path, match: str, format: str | None = None, allow_backing: bool = False) -> TargetError:
    """The error, which says what to do next."""
    with pytest.raises(TargetError, match=match) as told:
        opened(path, format=format, allow_backing=allow_backing).close()
    assert told.value.hint
    assert images.left_behind(path) == []
    return told.value


def little_root(point: Path) -> None:
    (point / "etc").mkdir()
    (point / "etc" / "hostname").write_text("server\n")
    (point / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")


def qcow2(raw: Path, path: Path) -> Path:
    images.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path)
    return path


def hostname(target: Target) -> bytes | None:
    return target.capture([Read("/etc/hostname")]).data("/etc/hostname")


def test_junk_where_disks_say_what_they_are_harms_nobody(tmp_path: Path) -> None:
    assert fuzz_disks.run(7, 10, tmp_path) == []


@pytest.mark.parametrize("kept", [3, 60, 100, 512, 70_000])
def test_a_qcow2_that_is_cut_off(tmp_path: Path, kept: int) -> None:
    path = qcow2(images.image_with(tmp_path / "raw.img", "ext4", little_root), tmp_path / "disk.qcow2")
    os.truncate(path, kept)
    refused(path, "cut off" if kept > 3 else "holds nothing")


def test_backing_files_are_read_only_where_that_was_agreed_to(tmp_path: Path) -> None:
    base = images.image_with(tmp_path / "base.img", "ext4", little_root)
    over = tmp_path / "over.qcow2"
    images.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.img", "-F", "raw", over)
    before = images.digest(base), images.digest(over)
    assert "--allow-backing" in refused(over, "on its own").hint
    with closing(opened(over, allow_backing=True)) as target:
        assert hostname(target) == b"server\n"
    assert (images.digest(base), images.digest(over)) == before


@pytest.mark.parametrize(
    "name", ['json:{"driver":"raw","file":{"driver":"file","filename":"/etc/passwd"}}', "nbd://127.0.0.1:1/x", "none"]
)
def test_a_backing_file_that_is_no_file_is_refused_even_then(tmp_path: Path, name: str) -> None:
    over = tmp_path / "over.qcow2"
    images.run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", name, "-F", "raw", over, "8M")
    refused(over, "not a file|missing", allow_backing=True)


def test_backing_files_in_a_circle_end(tmp_path: Path) -> None:
    one, two = tmp_path / "one.qcow2", tmp_path / "two.qcow2"
    for path, other in ((one, two), (two, one)):
        images.run("qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", other.name, "-F", "qcow2", path, "8M")
    refused(one, "never end", allow_backing=True)


def test_a_vmdk_that_hides_its_parent_from_its_own_header_is_refused(tmp_path: Path) -> None:
    raw = images.image_with(tmp_path / "raw.img", "ext4", little_root)
    others, path = tmp_path / "others.vmdk", tmp_path / "mine.vmdk"
    images.run("qemu-img", "convert", "-f", "raw", "-O", "vmdk", raw, others)
    images.run("qemu-img", "create", "-q", "-f", "vmdk", "-b", others, "-F", "vmdk", path)
    disk = bytearray(path.read_bytes())
    innocent = b'# Disk DescriptorFile\nRW 131072 SPARSE "mine.vmdk"\n'.ljust(512, b"\0")
    disk = disk.ljust(-(-len(disk) // 512) * 512, b"\0")
    struct.pack_into("<QQ", disk, 28, len(disk) // 512, 1)
    path.write_bytes(disk + innocent)
    refused(path, "on its own")


def test_external_data_are_read_only_where_that_was_agreed_to(tmp_path: Path) -> None:
    raw = images.image_with(tmp_path / "raw.img", "ext4", little_root)
    path = tmp_path / "disk.qcow2"
    images.run(
        "qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", f"data_file={tmp_path / 'data'}", raw, path
    )  # fmt: skip
    refused(path, "external file")
    with closing(opened(path, allow_backing=True)) as target:
        assert hostname(target) == b"server\n"


def test_a_raw_disk_that_carries_a_qcow2_header_is_what_the_person_says(tmp_path: Path) -> None:
    # A server writes to the first kilobyte of its own raw disk, which ext4 leaves free, that it is a qcow2.
    for name in ("server.raw", "server.img"):
        path = images.image_with(tmp_path / name, "ext4", little_root)
        with path.open("r+b") as disk:
            header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 3, 600, 11, 16, 64 * MIB, 0, 1, 1024, 2048, 1, 0, 0)
            disk.write(header)
            disk.seek(600)
            disk.write(b"/etc/shadow")
        error = refused(path, "may be a raw disk or a qcow2")
        assert "--format raw" in error.hint
        with closing(opened(path, format="raw")) as target:
            assert hostname(target) == b"server\n"
        refused(path, "on its own", format="qcow2")
    refused(path, "not a vmdk image", format="vmdk")


def test_a_name_in_the_form_of_json_is_the_name_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = 'json:{"driver":"qcow2","file.filename":"other.qcow2"}'
    path = Path(name)
    qcow2(images.image_with(tmp_path / "raw.img", "ext4", little_root), tmp_path / "plain.qcow2")
    (tmp_path / "plain.qcow2").rename(path)
    with closing(opened(path)) as target:
        assert hostname(target) == b"server\n"


def test_a_file_system_that_does_not_mount_is_named_with_its_check(tmp_path: Path) -> None:
    path = images.image_with(tmp_path / "disk.img", "ext4", little_root)
    with path.open("r+b") as disk:
        disk.seek(1024 + 24)
        disk.write(b"\xff\xff\xff\xff")
    before = images.digest(path)
    assert "e2fsck" in refused(path, "can't be mounted").hint
    assert images.digest(path) == before


def test_a_file_system_that_mounts_and_can_not_be_read_is_named_with_its_check(tmp_path: Path) -> None:
    path = images.image_with(tmp_path / "disk.img", "xfs", little_root)
    with path.open("r+b") as disk:
        # The magic of the first free space header: it is looked at only after the mount, which then shuts down.
        disk.seek(512)
        disk.write(b"\0\0")
    assert "xfs_repair" in refused(path, "can't be mounted").hint


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_copy_that_was_interrupted_is_said_to_be_cut_off(tmp_path: Path, kind: str) -> None:
    path = images.image_with(tmp_path / "disk.img", kind, little_root)
    os.truncate(path, images.SIZES[kind] // 2)
    assert "Copy the disk again" in refused(path, f"cut off: it should have {images.SIZES[kind]} bytes").hint


def test_a_file_system_that_asks_for_a_panic_does_not_get_it(tmp_path: Path) -> None:
    path = images.image_with(tmp_path / "disk.img", "ext4", little_root)
    images.run("tune2fs", "-e", "panic", path)
    for write in (False, True):
        with closing(opened(path, write=write)) as target:
            assert isinstance(target, KernelTarget)
            told = Path("/proc/self/mounts").read_text().split("\n")
            (line,) = [each for each in told if f" {target.path} " in each]
        assert "errors=remount-ro" in line
        assert "panic" not in line


def test_what_is_write_protected_is_not_called_damaged(tmp_path: Path) -> None:
    path = images.image_with(tmp_path / "disk.img", "ext4", little_root)
    device = images.run("losetup", "--find", "--show", "--read-only", path).strip()
    try:
        with pytest.raises(TargetError, match="write-protected") as told:
            opened(Path(device), write=True)
        assert f"blockdev --setrw {device}" in told.value.hint
    finally:
        images.run("losetup", "--detach", device)


def test_a_devices_name_without_its_directory_is_recognised(tmp_path: Path) -> None:
    path = images.image_with(tmp_path / "disk.img", "ext4", little_root)
    device = images.run("losetup", "--find", "--show", "--read-only", path).strip()
    try:
        with pytest.raises(TargetError) as told:
            opened(Path(Path(device).name))
        assert told.value.hint == f"Did you mean {device}?"
    finally:
        images.run("losetup", "--detach", device)


def test_disks_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/null")):
        done = subprocess.run(
            [sys.executable, "-m", "rescue", "disks", path], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, "neither a disk nor an image" in done.stderr) == (Status.TARGET, True)


def test_disks_proposes_nothing_for_swap(tmp_path: Path) -> None:
    path = tmp_path / "swap.img"
    with path.open("wb") as disk:
        disk.truncate(16 * MIB)
    images.run("mkswap", "--quiet", path)
    done = subprocess.run(
        [sys.executable, "-m", "rescue", "disks", path], capture_output=True, text=True, timeout=60, check=True
    )
    assert "No server's root was found on it." in done.stdout
    assert "rescue inspect" not in done.stdout


def test_an_image_that_is_marked_corrupt_is_looked_at_and_not_written_to(tmp_path: Path) -> None:
    path = qcow2(images.image_with(tmp_path / "raw.img", "ext4", little_root), tmp_path / "disk.qcow2")
    with path.open("r+b") as disk:
        disk.seek(79)
        disk.write(b"\2")
    with closing(opened(path)) as target:
        assert hostname(target) == b"server\n"
    with pytest.raises(TargetError, match=r"can't be written to as a qcow2 image: .*corrupt") as told:
        opened(path, write=True)
    assert f"qemu-img check {path}" in told.value.hint
    assert images.left_behind(path) == []


def test_zfs_is_named_with_what_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    with path.open("wb") as disk:
        disk.truncate(16 * MIB)
        disk.seek((128 << 10) + 3 * 1024)
        disk.write(0x00BAB10C.to_bytes(8, "little"))
    assert "zpool import" in refused(path, "found: ZFS").hint


def test_every_refusal_has_its_status_and_no_traceback(tmp_path: Path) -> None:
    text, empty, mounted = tmp_path / "text.img", tmp_path / "empty.img", tmp_path / "used.img"
    text.write_bytes(b"not a disk\n" * 1000)
    empty.touch()
    images.image_with(mounted, "ext4", little_root)

    def status(verb: str, *words: str | Path) -> int:
        done = subprocess.run(
            [sys.executable, "-m", "rescue", verb, "--backend", "kernel", *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert len(done.stderr.rstrip().split("\n")) >= 2, done.stderr
        return done.returncode

    assert status("inspect", text) == Status.TARGET
    assert status("inspect", empty) == Status.TARGET
    assert status("inspect", tmp_path / "none") == Status.TARGET
    assert status("inspect", mounted, "--disk", tmp_path / "none") == Status.TARGET
    assert status("inspect", mounted, "--format", "qcow2") == Status.TARGET
    assert status("inspect", mounted, "--key-file", empty) == Status.USAGE
    with images.mounted(mounted, "ext4", tmp_path / "mnt"):
        assert status("fix", mounted, "--yes") == Status.REFUSED
        with closing(opened(mounted)) as target:
            assert [note for note in target.notes if "attached as /dev/loop" in note]


def test_what_holds_nothing_that_is_known_is_not_called_a_disk(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(b"what I did last summer\n" * 1000)
    refused(path, "holds nothing that rescue knows: no partitions, no file system")

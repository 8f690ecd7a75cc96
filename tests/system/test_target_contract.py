"""Every target that this machine's kernel mounts is held to the one contract."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from rescue.targets.open import open_target
from rescue.targets.protocol import Target
from rescue.tree import Read, file
from tests.contract import checks, images, sample

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]

KINDS = ("directory", "ext4", "xfs", "btrfs", "gpt", "mbr", "lvm", "qcow2", "vmdk", "vhdx", "lvm in qcow2")
WRITTEN = ("directory", "ext4", "xfs", "btrfs", "gpt", "qcow2", "lvm in qcow2")
"""vmdk and vhdx are written through the same daemon as qcow2, and take half a minute of it."""
MADE = {"gpt": images.disk_with_home, "mbr": images.mbr_disk, "lvm": images.lvm_disk}


def make(kind: str, where: Path) -> Path:
    """The sample on a target of this kind."""
    if kind == "directory":
        root = where / "root"
        root.mkdir()
        sample.write_sample(root)
        return root
    if kind in MADE:
        return MADE[kind](where / "disk.img")
    content, _, image_format = kind.rpartition(" in ")
    if image_format in ("qcow2", "vmdk", "vhdx"):
        raw = MADE[content](where / "raw.img") if content else images.image_with(where / "raw.img", "ext4")
        path = where / f"disk.{image_format}"
        images.run("qemu-img", "convert", "-f", "raw", "-O", image_format, raw, path)
        raw.unlink()
        return path
    return images.image_with(where / f"{kind}.img", kind)


def opened(path: Path, *, write: bool = False) -> Target:
    return open_target(str(path), write=write, backend="kernel", root=None, progress=print)


@pytest.fixture(scope="module", params=KINDS)
def looked_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    path = make(request.param, tmp_path_factory.mktemp(request.param))
    before = None if path.is_dir() else images.digest(path)
    yield request.param, path
    if before is None:
        sample.free_sample(path)
    else:
        assert images.digest(path) == before, "looking has changed the image"


@pytest.mark.parametrize("check", checks.LOOKING, ids=lambda check: check.__name__)
def test_looking(looked_at: tuple[str, Path], check: Callable[[Target], None]) -> None:
    kind, path = looked_at
    target = opened(path)
    try:
        if kind == "gpt" and check is checks.capture_equals_what_was_written:
            found = sample.seen(target.capture(sample.READS))
            written = sample.literal()
            assert found.pop("/etc/fstab").data != written.pop("/etc/fstab").data
            assert found == written
        else:
            check(target)
        assert target.notes == ()
    finally:
        target.close()
        target.close()
    if kind != "directory":
        assert images.left_behind(path) == []


@pytest.mark.parametrize("kind", WRITTEN)
def test_writing(kind: str, tmp_path: Path) -> None:
    path = make(kind, tmp_path)
    target = opened(path, write=True)
    try:
        for check in checks.WRITING:
            check(target)
        wanted = sample.seen(target.capture(sample.READS))
    finally:
        target.close()
    again = opened(path)
    try:
        assert sample.seen(again.capture(sample.READS)) == wanted
    finally:
        again.close()
        sample.free_sample(path)
    if kind != "directory":
        assert images.left_behind(path) == []


def test_a_directory_keeps_every_access_time(tmp_path: Path) -> None:
    root = make("directory", tmp_path)
    try:
        # Known names: to list a directory would change its access time.
        known = [os.fsencode(root), *(os.fsencode(root) + os.fsencode(path) for path in sample.literal())]
        for each in known:
            if not each.endswith((b"immutable", b"append")):
                # Long ago, so that relatime renews it with the first look.
                os.utime(each, ns=(1, os.lstat(each).st_mtime_ns), follow_symlinks=False)
        before = {each: os.lstat(each) for each in known}
        target = opened(root)
        target.capture(sample.READS)
        target.close()
        for each, told in before.items():
            now = os.lstat(each)
            assert (now.st_atime_ns, now.st_ctime_ns) == (told.st_atime_ns, told.st_ctime_ns), each
    finally:
        sample.free_sample(root)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_an_unreplayed_journal_is_seen_and_stays(kind: str, tmp_path: Path) -> None:
    path = images.dirty_image(tmp_path / "dirty.img", kind)
    before = images.digest(path)
    target = opened(path)
    try:
        tree = target.capture(sample.READS)
        assert tree.data("/etc/hostname") == b"renamed\n"
        assert tree.data("/etc/new-49") == b"new\n"
        assert target.notes == ()
    finally:
        target.close()
    assert images.digest(path) == before
    assert images.left_behind(path) == []


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_without_the_storage_daemon_a_stale_snapshot_is_called_stale(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = images.dirty_image(tmp_path / "dirty.img", kind)
    before = images.digest(path)
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    target = opened(path)
    try:
        tree = target.capture(sample.READS)
        assert tree.data("/etc/new-49") is None
        assert [note for note in target.notes if "journal" in note]
    finally:
        target.close()
    assert images.digest(path) == before
    assert shutil.which("qemu-storage-daemon") is None


def test_a_disk_with_partition_devices_is_seen_as_it_was_left(tmp_path: Path) -> None:
    path = images.disk_with_home(tmp_path / "disk.img")
    before = images.digest(path)
    device = Path(images.run("losetup", "--find", "--show", path).strip())
    try:
        # The kernel's caches of a disk and of its partitions are two: what is written to one is not seen in the other.
        with device.open("rb"):
            images.run("partx", "--add", device)
            for written in (None, b"one\n", b"two\n"):
                target = opened(device, write=written is not None)
                try:
                    assert target.notes == ()
                    if written is not None:
                        target.put(PurePosixPath("/etc/hostname"), file(written))
                        target.put(PurePosixPath("/home/alice/new"), file(written))
                        target.sync()
                finally:
                    target.close()
                if written is None:
                    assert images.digest(path) == before
                    continue
                target = opened(device)
                try:
                    tree = target.capture([Read("/etc/hostname"), Read("/home/alice")])
                    assert tree.data("/etc/hostname") == tree.data("/home/alice/new") == written
                finally:
                    target.close()
            images.run("partx", "--delete", device)
    finally:
        images.run("losetup", "--detach", device)


def test_what_was_taken_from_another_disk_by_its_name_alone_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = images.disk_with_home(tmp_path / "disk.img")
    mib = 1 << 20
    root = images.run("losetup", "-f", "--show", f"-o{17 * mib}", f"--sizelimit={128 * mib}", path).strip()
    home = images.run("losetup", "-f", "--show", f"-o{145 * mib}", f"--sizelimit={64 * mib}", path).strip()
    try:
        # Loop devices are nobody's disks: these two are this machine's, for once.
        monkeypatch.setattr("rescue.targets.disks.server_disks.other_disks", lambda: (Path(root), Path(home)))
        target = opened(Path(root))
        try:
            assert target.capture([Read("/home")]).children("/home") == ("alice",)
            assert [note for note in target.notes if home in note and "another disk" in note] == list(target.notes)
            assert len(target.notes) == 1
        finally:
            target.close()
    finally:
        for device in (root, home):
            images.run("losetup", "--detach", device)

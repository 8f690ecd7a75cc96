"""Disks of each layout, made from a small tree and read back by the kernel."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from stat import S_ISDIR

import pytest

from rescue.labs.images.disks import FREE, MIB, PARTITION_START, make_disk, make_ext4, make_gpt
from rescue.labs.images.layout import LAYOUTS, stable_uuid
from rescue.labs.images.recipe import parse_size
from rescue.labs.programs import missing_packages
from tests.machines.broken import BrokenRoot, Manifest
from tests.machines.mounts import mounted

pytestmark = pytest.mark.system

UUID = stable_uuid("a test")
SIZE = "1G"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One of each thing that a server's files can be."""
    root = tmp_path / "root"
    for directory in ("etc", "home/alice/.ssh", "usr/bin", "var/log"):
        (root / directory).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (root / "etc/shadow").write_text("root:*:19000:0:99999:7:::\n")
    (root / "etc/shadow").chmod(0o640)
    os.chown(root / "etc/shadow", 0, 42)
    (root / "usr/bin/sudo").write_bytes(b"\x7fELF" * 2000)
    (root / "usr/bin/sudo").chmod(0o4755)
    (root / "usr/bin/sudoedit").hardlink_to(root / "usr/bin/sudo")
    (root / "bin").symlink_to("usr/bin")
    os.chown(root / "home/alice/.ssh", 1000, 1000)
    (root / "home/alice/.ssh").chmod(0o700)
    os.setxattr(root / "etc/passwd", "user.note", b"kept")
    os.mkfifo(root / "var/fifo")
    os.mknod(root / "null", 0o020666, os.makedev(1, 3))
    (root / "var/log/lastlog").touch()
    os.truncate(root / "var/log/lastlog", 3 * MIB)
    (root / "var/log/caf\udce9").write_text("a name that is no UTF-8")
    for path in sorted(root.rglob("*"), reverse=True):
        os.utime(path, (1686355200, 1686355200), follow_symlinks=False)
    return root


def same(mount: Path, root: Path) -> None:
    assert manifest(mount).differences(manifest(root), times=True) == set()


def manifest(root: Path) -> Manifest:
    """Everything; but btrfs counts no links of directories."""
    found = BrokenRoot(root).manifest().facets
    return Manifest({path: replace(each, nlink=1) if S_ISDIR(each.mode) else each for path, each in found.items()})


@pytest.mark.parametrize("name", ["ext4", "btrfs", "xfs"])
def test_a_disk_holds_the_files_with_all_that_they_have(name: str, root: Path, tmp_path: Path) -> None:
    layout, disk = LAYOUTS[name], tmp_path / "disk.raw"
    if missing := missing_packages(layout.programs):
        pytest.skip(f"not installed: {' '.join(missing)}")
    make_disk(layout, root, disk, SIZE, uuid=UUID)
    assert disk.stat().st_size == parse_size(SIZE)
    options = ",".join(("loop", "ro", *filter(None, [layout.flags])))
    with mounted("-t", layout.filesystem, "-o", options, str(disk), at=tmp_path / "mnt") as mount:
        same(mount, root)
    assert blkid(disk) == (UUID, layout.filesystem)


def test_a_volume_group_holds_the_root_and_var_apart(root: Path, tmp_path: Path) -> None:
    layout, disk = LAYOUTS["lvm"], tmp_path / "disk.raw"
    if missing := missing_packages(layout.programs):
        pytest.skip(f"not installed: {' '.join(missing)}")
    make_disk(layout, root, disk, SIZE, uuid=UUID)
    whole = parse_size(SIZE)
    # The extents begin after the first MiB, and the volumes are made one after the other.
    places = {"root": MIB, "var": MIB + whole - whole // 4 - FREE}
    with mounted("-o", f"loop,ro,offset={places['root']}", str(disk), at=tmp_path / "mnt") as mount:
        expected = {path: facet for path, facet in manifest(root).facets.items() if not path.startswith("var/")}
        found = manifest(mount).facets
        assert found.keys() == expected.keys()
        assert not list((mount / "var").iterdir())
    with mounted("-o", f"loop,ro,offset={places['var']}", str(disk), at=tmp_path / "mnt") as mount:
        same(mount, root / "var")
    assert blkid(disk)[1] == "LVM2_member"


def test_making_a_volume_group_leaves_no_loop_device(root: Path, tmp_path: Path) -> None:
    if missing := missing_packages(LAYOUTS["lvm"].programs):
        pytest.skip(f"not installed: {' '.join(missing)}")
    disk = tmp_path / "disk.raw"
    make_disk(LAYOUTS["lvm"], root, disk, SIZE, uuid=UUID)
    left = subprocess.run(["losetup", "--associated", str(disk)], capture_output=True, text=True, check=True)
    assert left.stdout == ""


def test_the_partition_of_a_gpt_disk_is_the_file_system(root: Path, tmp_path: Path) -> None:
    disk, gpt = tmp_path / "disk.raw", tmp_path / "gpt.raw"
    make_ext4(root, disk, "64M", uuid=UUID)
    make_gpt(disk, gpt)
    told = subprocess.run(["sfdisk", "--dump", str(gpt)], capture_output=True, text=True, check=True).stdout
    assert "label: gpt" in told
    assert f"start= {PARTITION_START // 512:11}" in told
    with mounted("-o", f"loop,ro,offset={PARTITION_START}", str(gpt), at=tmp_path / "mnt") as mount:
        same(mount, root)
    checked = subprocess.run(["e2fsck", "-fn", str(disk)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def blkid(disk: Path) -> tuple[str, str]:
    """The UUID and the type of what is on the disk."""
    command = ["blkid", "--probe", "--output", "export", str(disk)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    values = dict(line.partition("=")[::2] for line in told.splitlines())
    return values["UUID"], values["TYPE"]

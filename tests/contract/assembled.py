"""Disks that take LVM, software RAID or encryption to make: made once inside an appliance, kept in the cache.

The kernel under the tests may know none of the three; the appliance's does. Whoever uses them makes a copy.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterable
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import NamedTuple

from rescue.targets.appliance import launch
from rescue.targets.disks.image import DiskImage
from rescue.targets.host.cache import cache_directory

PASSPHRASE = "correct horse battery staple"
MIB = 1 << 20
NAMES = (
    "lvm-a", "lvm-b", "luks", "md-1.2-a", "md-1.2-b", "md-1.0-a", "md-1.0-b", "md-0.90-a", "md-0.90-b",
)  # fmt: skip
_SIZES = {"lvm-a": 160, "lvm-b": 96, "luks": 128}
_LETTERS = "abcdefghi"

LVM_FSTAB = """\
/dev/mapper/vg--0-root / ext4 defaults 0 1
/dev/vg-0/var /var ext4 defaults 0 2
LABEL=logs /var/log ext4 defaults 0 2
/dev/vg-0/home /home ext4 defaults 0 2
"""
LUKS_FSTAB = "/dev/mapper/vg1-root / ext4 defaults 0 1\nUUID={boot} /boot ext4 defaults 0 2\n"


def disks(into: Path, names: Iterable[str]) -> dict[str, Path]:
    """Copies of these disks in the directory `into`."""
    kept = _ensured()
    found = {}
    for name in names:
        found[name] = into / f"{name}.img"
        shutil.copyfile(kept / f"{name}.img", found[name])
    return found


def _ensured() -> Path:
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"test-disks-{own}"
    with (cache / "test-disks.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not kept.is_dir():
            for older in cache.glob("test-disks-????????????"):
                shutil.rmtree(older)
            building = cache / "test-disks.building"
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir()
            _build(building)
            building.rename(kept)
    return kept


def _build(into: Path) -> None:
    images = []
    for name in NAMES:
        path = into / f"{name}.img"
        with path.open("wb") as stream:
            stream.write(name.encode())
            stream.truncate(_SIZES.get(name, 64) * MIB)
        images.append(DiskImage(path, "raw", 0))
    handles: list[launch.Handle] = []
    try:
        handle = launch.launched(images, write=True, progress=print, keep=handles.append)
        device = _names(handle)
        _lvm(handle, device["lvm-a"], device["lvm-b"])
        _luks(handle, device["luks"])
        for number, version in enumerate(("1.2", "1.0", "0.90")):
            _raid(
                handle, version, f"/dev/md{number}", device[f"md-{version}-a"].kernel, device[f"md-{version}-b"].kernel
            )
        handle.shutdown()
    finally:
        for each in handles:
            each.close()


class DiskName(NamedTuple):
    """What libguestfs calls a disk, and what the appliance's kernel does."""

    api: str
    kernel: str


def _names(handle: launch.Handle) -> dict[str, DiskName]:
    """The names of each disk, found by the mark at its start, which is removed.

    The kernel may find several disks in any order. libguestfs translates the names in its own calls, but not in a
    command of the appliance's shell.
    """
    told = _sh(
        handle,
        r"""
        for disk in /dev/sd?; do
            echo "$disk $(head -c 16 "$disk" | tr -d '\0')"
            dd if=/dev/zero of="$disk" bs=512 count=1 conv=notrunc,fsync 2>/dev/null
        done
        """,
    )
    found = {mark: disk for disk, mark in (line.split() for line in told.splitlines() if len(line.split()) == 2)}
    return {name: DiskName(f"/dev/sd{letter}", found[name]) for name, letter in zip(NAMES, _LETTERS, strict=True)}


def _lvm(handle: launch.Handle, first: DiskName, second: DiskName) -> None:
    """A root on the first of two disks, a /var in three pieces on both, /var/log on the second, a mirrored /home."""
    for disk in (first, second):
        handle.part_init(disk.api, "gpt")
        handle.part_add(disk.api, "primary", 2048, -2048)
    _sh(
        handle,
        f"""
        lvm pvcreate -q {first.kernel}1 {second.kernel}1
        lvm vgcreate -q -s 1m vg-0 {first.kernel}1 {second.kernel}1
        lvm lvcreate -q -y -n root -L 48m vg-0 {first.kernel}1
        lvm lvcreate -q -y -n var -L 16m vg-0 {first.kernel}1
        lvm lvcreate -q -y -n gap -L 4m vg-0 {first.kernel}1
        lvm lvextend -q -L 24m vg-0/var {first.kernel}1
        lvm lvextend -q -L 40m vg-0/var {second.kernel}1
        lvm lvremove -q -y vg-0/gap
        lvm lvcreate -q -y -n logs -L 16m vg-0 {second.kernel}1
        lvm lvcreate -q -y --type raid1 -m 1 --nosync -n home -L 16m vg-0 {first.kernel}1 {second.kernel}1
        lvm lvcreate -q -y -i 2 -n striped -L 16m vg-0
        udevadm settle
        """,
    )
    for name in ("root", "var", "home"):
        handle.mkfs("ext4", f"/dev/vg-0/{name}")
    handle.mkfs("ext4", "/dev/vg-0/logs", label="logs")
    handle.mount("/dev/vg-0/root", "/")
    _fill(handle, root_files("lvm", LVM_FSTAB))
    for name, point in (("var", "/var"), ("logs", "/var/log"), ("home", "/home")):
        handle.mkdir_p(point)
        handle.mount(f"/dev/vg-0/{name}", point)
    _fill(handle, {"var/lib/state": b"state\n" * 3_000_000, "var/log/auth.log": b"log\n", "home/alice/key": b"key\n"})
    handle.umount_all()


def _luks(handle: launch.Handle, disk: DiskName) -> None:
    """/boot, and beside it LUKS2 with LVM in it: as the installers make it."""
    handle.part_init(disk.api, "gpt")
    handle.part_add(disk.api, "primary", 2048, 34815)
    handle.part_add(disk.api, "primary", 34816, -2048)
    handle.mkfs("ext4", f"{disk.api}1", label="boot")
    _sh(
        handle,
        f"""
        printf '%s' '{PASSPHRASE}' | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 \\
            --pbkdf-force-iterations 1000 --key-file - {disk.kernel}2
        printf '%s' '{PASSPHRASE}' | cryptsetup open --key-file - {disk.kernel}2 opened
        lvm pvcreate -q /dev/mapper/opened
        lvm vgcreate -q -s 1m vg1 /dev/mapper/opened
        lvm lvcreate -q -y -n root -L 64m vg1
        udevadm settle
        """,
    )
    handle.mkfs("ext4", "/dev/vg1/root")
    handle.mount("/dev/vg1/root", "/")
    handle.mkdir("/boot")
    handle.mount(f"{disk.api}1", "/boot")
    _fill(
        handle,
        root_files("luks", LUKS_FSTAB.format(boot=handle.vfs_uuid(f"{disk.api}1"))) | {"boot/vmlinuz": b"kernel"},
    )
    handle.umount_all()
    _sh(handle, "lvm vgchange -q -an vg1; cryptsetup close opened")


def _raid(handle: launch.Handle, version: str, array: str, *members: str) -> None:
    """A mirror of two whole disks."""
    _sh(
        handle,
        f"""
        mdadm --create {array} --run --metadata={version} --level=1 --raid-devices=2 --assume-clean {" ".join(members)}
        udevadm settle
        """,
    )
    handle.mkfs("ext4", array)
    handle.mount(array, "/")
    _fill(handle, root_files(f"md-{version}", ""))
    handle.umount_all()
    _sh(handle, f"mdadm --stop {array}")


def root_files(hostname: str, fstab: str) -> dict[str, bytes]:
    return {
        "etc/os-release": b'PRETTY_NAME="A server"\n',
        "etc/hostname": f"{hostname}\n".encode(),
        "etc/passwd": b"root:x:0:0::/root:/bin/sh\n",
        "etc/fstab": fstab.encode(),
    }


def _fill(handle: launch.Handle, files: dict[str, bytes]) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            told = tarfile.TarInfo(name)
            told.size, told.mode = len(content), 0o644
            archive.addfile(told, io.BytesIO(content))
    packed = Path(f"/tmp/rescue-test-{id(stream)}.tar")
    try:
        packed.write_bytes(stream.getvalue())
        handle.tar_in(str(packed), "/")
    finally:
        packed.unlink()


def _sh(handle: launch.Handle, script: str) -> str:
    """Run it in the appliance itself, not in a guest, and return what it printed; its status counts."""
    told: str = handle.debug("sh", [f"( set -e\n{script}\n) 2>&1; echo status=$?"])
    assert told.rstrip().endswith("status=0"), told
    return told

"""Raw disks with a server's files on them, in each layout.

ext4 is written by mke2fs(8) itself, which needs neither a loop device nor the kernel. btrfs and XFS are mounted from
a loop device to be filled, in a mount namespace of their own. Of LVM only the metadata is needed, which lvm(8) writes
without the device mapper; the file systems are written where its extents lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rescue.labs.images.layout import ROOT_SUBVOLUME, VOLUME_GROUP, Layout, stable_uuid
from rescue.labs.images.recipe import parse_size
from rescue.labs.images.roots import EPOCH
from rescue.labs.programs import ImageError, run

MIB = 1 << 20
PARTITION_START = MIB
"""Bytes before the first partition: where every partitioning tool puts it."""

SECTOR = 512

VAR_SHARE = 4
"""/var in a volume of its own gets this part of the disk."""
FREE = 256 * MIB
"""What of a volume group is left for a volume to grow into."""

FILL = r"""
set -eu
disk=$1 root=$2 subvolume=$3
at=$(mktemp -d)
trap 'rmdir "$at"' EXIT
mount -o loop "$disk" "$at"
trap 'umount "$at"; rmdir "$at"' EXIT
into=$at
if [ -n "$subvolume" ]; then
    btrfs -q subvolume create "$at/$subvolume" > /dev/null
    into=$at/$subvolume
fi
cp -a "$root/." "$into"
"""
"""A shell script: fill the file system in a file. It runs in a mount namespace of its own."""

WITHOUT_VAR = r"""
set -eu
root=$1; shift
mount -t tmpfs -o mode=755 var "$root/var"
exec "$@"
"""
"""A shell script: run a program that finds /var of the root empty; for others it is as it was."""

LVM_SETTINGS = (
    "backup { backup = 0 archive = 0 } "
    'devices { use_devicesfile = 0 global_filter = [ "a|^DEVICE$|", "r|.*|" ] } '
    "activation { udev_sync = 0 udev_rules = 0 monitoring = 0 } "
    'global { event_activation = 0 use_lvmpolld = 0 locking_dir = "PLACE" }'
)
"""lvm.conf(5): nothing but the one device is looked at, and nothing is kept of it on this machine."""


def make_disk(layout: Layout, root: Path, disk: Path, size: str, *, uuid: str) -> None:
    """Make `disk` a raw disk of `size` ("2G") with the files of `root`. uuid: of the root file system."""
    match layout.name:
        case "ext4":
            make_ext4(root, disk, size, uuid=uuid)
        case "btrfs":
            _blank(disk, parse_size(size))
            run("mkfs.btrfs", "--quiet", "--uuid", uuid, str(disk))
            _fill(disk, root, ROOT_SUBVOLUME)
        case "xfs":
            _blank(disk, parse_size(size))
            run("mkfs.xfs", "-q", "-m", f"uuid={uuid}", str(disk))
            _fill(disk, root)
        case "lvm":
            make_lvm(root, disk, size, uuid=uuid)
        case other:
            raise ImageError(f"nobody has written how a disk is made with the layout {other}")


def _fill(disk: Path, root: Path, subvolume: str = "") -> None:
    try:
        run("sh", "-c", FILL, "sh", str(disk), str(root), subvolume, alone=True)
    except ImageError as problem:
        hint = "This computer's kernel has to know the file system, and to have a free loop device."
        raise ImageError(str(problem), hint) from None


def make_ext4(root: Path, disk: Path, size: str, *, uuid: str = "", offset: int = 0, inodes: int | None = None) -> None:
    """Make `disk` an ext4 file system of `size` ("2G") with the files of `root`, starting at byte `offset`.

    inodes: how many it shall have at most (mke2fs -N); None for mke2fs' own choice.
    """
    run(*_mke2fs(root, disk, size, uuid=uuid, offset=offset, inodes=inodes), environment=_FAKE_TIME)


_FAKE_TIME = {"E2FSPROGS_FAKE_TIME": str(EPOCH)}


def _mke2fs(root: Path, disk: Path, size: str, *, uuid: str, offset: int, inodes: int | None = None) -> list[str]:
    extended = ["lazy_itable_init=0", "lazy_journal_init=0"]
    if uuid:
        extended.append(f"hash_seed={uuid}")
    if offset:
        extended.append(f"offset={offset}")
    return [
        "mke2fs",
        "-q",
        "-F",
        *("-t", "ext4"),
        *(("-U", uuid) if uuid else ()),
        *(("-N", str(inodes)) if inodes else ()),
        *("-E", ",".join(extended)),
        *("-d", str(root)),
        str(disk),
        size,
    ]


def make_gpt(file_system: Path, disk: Path) -> None:
    """Make `disk` a GPT disk with one partition, which holds a copy of the file system in the file `file_system`."""
    length = file_system.stat().st_size
    # A MiB before the partition, one behind it for the second table.
    _blank(disk, PARTITION_START + length + MIB)
    table = (
        f"label: gpt\nlabel-id: {stable_uuid('gpt')}\n"
        f"start={PARTITION_START // SECTOR}, size={length // SECTOR}, type=L, name=root, uuid={stable_uuid('gpt.1')}\n"
    )
    run("sfdisk", "--quiet", str(disk), given=table)
    run("dd", f"if={file_system}", f"of={disk}", "bs=1M", f"seek={PARTITION_START // MIB}", "conv=sparse,notrunc",
        "status=none")  # fmt: skip


def make_lvm(root: Path, disk: Path, size: str, *, uuid: str) -> None:
    """Make `disk` one physical volume with the volumes "root" and "var", and some room left."""
    whole = parse_size(size)
    var = whole // VAR_SHARE
    volumes = {"root": whole - var - FREE, "var": var}
    _blank(disk, whole)
    with _loop(disk) as device:
        _lvm(disk, device, "pvcreate", "--quiet", "--zero", "y", device)
        _lvm(disk, device, "vgcreate", "--quiet", VOLUME_GROUP, device)
        for name, length in volumes.items():
            _lvm(disk, device, "lvcreate", "--quiet", "--activate", "n", "--zero", "n", "--wipesignatures", "n",
                 "--name", name, "--size", f"{length}b", VOLUME_GROUP)  # fmt: skip
        starts = {name: _start_of(disk, device, name) for name in volumes}
    made = _mke2fs(root, disk, f"{volumes['root'] // 1024}K", uuid=uuid, offset=starts["root"])
    run("sh", "-c", WITHOUT_VAR, "sh", str(root), *made, environment=_FAKE_TIME, alone=True)
    var_uuid = stable_uuid(f"{uuid}.var")
    make_ext4(root / "var", disk, f"{volumes['var'] // 1024}K", uuid=var_uuid, offset=starts["var"])


def _start_of(disk: Path, device: str, volume: str) -> int:
    """The byte of the disk at which a volume begins, that has to lie in one piece."""
    told = _lvm(disk, device, "lvs", "--noheadings", "--units=b", "--nosuffix", "--separator=;", "--segments",
                "--options=vg_extent_size,seg_pe_ranges", f"{VOLUME_GROUP}/{volume}")  # fmt: skip
    lines = [line.strip() for line in told.strip().split("\n") if ";" in line]
    if len(lines) != 1:
        raise ImageError(f"the volume {volume} does not lie in one piece: {lines}")
    extent, _, ranges = lines[0].partition(";")
    first = int(ranges.rpartition(":")[2].partition("-")[0])
    begin = _lvm(disk, device, "pvs", "--noheadings", "--units=b", "--nosuffix", "--options=pe_start", device)
    return int(begin.strip().split("\n")[-1]) + first * int(extent)


def _lvm(disk: Path, device: str, *words: str) -> str:
    """Call lvm(8) without the device mapper; returns what it printed."""
    settings = LVM_SETTINGS.replace("DEVICE", device).replace("PLACE", str(disk.parent))
    return run("lvm", *words, "--driverloaded", "n", "--config", settings)


@contextmanager
def _loop(disk: Path) -> Iterator[str]:
    """A loop device for `disk`, detached afterwards, even if this process is killed."""
    device = run("losetup", "--find", "--show", str(disk)).strip()
    with ExitStack() as stack:
        try:
            stack.enter_context(Path(device).open("rb"))
        finally:
            # One that is in use goes when nobody has it open any more (loop(4), LO_FLAGS_AUTOCLEAR).
            run("losetup", "--detach", device)
        yield device


def _blank(disk: Path, length: int) -> None:
    """A file of `length` bytes that is one hole."""
    with disk.open("wb") as stream:
        stream.truncate(length)

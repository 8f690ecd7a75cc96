"""Disk images with the sample on them, made with the system's own tools."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rescue.labs.images.disks import LVM_SETTINGS
from tests.contract.sample import write_sample

SIZES = {"ext4": 64 << 20, "xfs": 320 << 20, "btrfs": 128 << 20}
_MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-I", "256", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
}


def run(*words: str | Path) -> str:
    done = subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout


@contextmanager
def mounted(image: Path, kind: str, point: Path, *, offset: int = 0, size: int = 0) -> Iterator[Path]:
    """The file system in `image`, mounted for writing."""
    point.mkdir(exist_ok=True)
    limit = [f"--sizelimit={size}"] if size else []
    device = run("losetup", "--find", "--show", f"--offset={offset}", *limit, image).strip()
    try:
        run("mount", "-t", kind, device, point)
        try:
            yield point
        finally:
            run("umount", point)
    finally:
        run("losetup", "--detach", device)
        _wait_until_free(device, image)


def _wait_until_free(device: str, image: Path) -> None:
    """Until no other mount namespace that was made meanwhile holds the file system, and may still write to it."""
    told = Path("/sys/class/block") / Path(device).name / "loop" / "backing_file"
    for _ in range(600):
        if not told.exists() or told.read_text().strip() != str(image):
            return
        time.sleep(0.1)
    raise TimeoutError(f"{device} is still in use")


def image_with(path: Path, kind: str, write: Callable[[Path], None] = write_sample) -> Path:
    """A raw image that is one file system."""
    with path.open("wb") as stream:
        stream.truncate(SIZES[kind])
    run(*_MAKE[kind], path)
    with mounted(path, kind, path.with_suffix(".mnt")) as point:
        write(point)
    return path


def disk_with_home(path: Path) -> Path:
    """A raw image with a GPT: a system partition, the sample's root, and its /home on a third, named in fstab."""
    mib = 1 << 20
    with path.open("wb") as stream:
        stream.truncate(256 * mib)
    table = "label: gpt\nsize=16MiB, type=U\nstart=17MiB, size=128MiB, type=L, name=root\nsize=64MiB, type=L\n"
    subprocess.run(["sfdisk", "-q", path], input=table, text=True, check=True, capture_output=True)
    for start, size, label in ((17, 128, "root"), (145, 64, "home")):
        run("mkfs.ext4", "-q", "-F", "-L", label, "-E", f"offset={start * mib},lazy_itable_init=0", path, f"{size}m")
    with mounted(path, "ext4", path.with_suffix(".mnt"), offset=17 * mib, size=128 * mib) as point:
        write_sample(point)
        home = point / "home"
        with mounted(path, "ext4", path.with_suffix(".mnt2"), offset=145 * mib, size=64 * mib) as other:
            run("cp", "-a", f"{home}/.", other)
            (other / "lost+found").rmdir()
        shutil.rmtree(home / "alice")
        fstab = point / "etc" / "fstab"
        told = fstab.stat()
        fstab.write_text("LABEL=root / ext4 defaults 0 1\nLABEL=home /home ext4 defaults 0 2\n")
        os.utime(fstab, ns=(told.st_mtime_ns, told.st_mtime_ns))
    return path


def dirty_image(path: Path, kind: str) -> Path:
    """An image as a power cut leaves it: its newest files are in the journal alone."""
    clean = image_with(path.with_suffix(".clean"), kind)
    with mounted(clean, kind, path.with_suffix(".mnt")) as point:
        run("sync", "--file-system", point)
        for number in range(50):
            with (point / "etc" / f"new-{number}").open("wb") as stream:
                stream.write(b"new\n")
                stream.flush()
                os.fsync(stream.fileno())
        hostname = point / "etc" / "hostname.tmp"
        with hostname.open("wb") as stream:
            stream.write(b"renamed\n")
            stream.flush()
            os.fsync(stream.fileno())
        hostname.rename(point / "etc" / "hostname")
        directory = os.open(point / "etc", os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
        shutil.copyfile(clean, path)
    clean.unlink()
    return path


def digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def left_behind(image: Path) -> list[str]:
    """What is still open of `image` on this machine: daemons, loop devices, and with them mounts."""
    found = [line for line in run("losetup", "--list", "--noheadings").splitlines() if str(image) in line]
    for told in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = told.read_bytes()
        except OSError:
            continue
        if b"qemu" in words and os.fsencode(image) in words:
            found.append(words.decode(errors="replace"))
    return found


def lvm_disk(path: Path, group: str = "server-vg") -> Path:
    """A GPT disk with a volume group in it, whose volume "root" lies in two pieces and holds the sample.

    lvm(8) writes the metadata without device-mapper, and says itself where the pieces are.
    """
    mib = 1 << 20
    whole = image_with(path.with_suffix(".whole"), "ext4")
    with path.open("wb") as stream:
        stream.truncate(128 * mib)
    table = "label: gpt\nstart=2MiB, size=120MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928\n"
    subprocess.run(["sfdisk", "-q", path], input=table, text=True, check=True, capture_output=True)
    device = run("losetup", "--find", "--show", f"--offset={2 * mib}", f"--sizelimit={120 * mib}", path).strip()
    try:
        lvm = _Lvm(path, device, group)
        lvm("pvcreate", "-q", device)
        lvm("vgcreate", "-q", "-s", "1m", group, device)
        lvm.create("root", 40)
        lvm.create("gap", 4)
        lvm("lvextend", "-q", "--size", "64m", f"{group}/root")
        lvm("lvremove", "-q", "-y", f"{group}/gap")
        told = json.loads(
            lvm("pvs", "--segments", "--units=b", "--nosuffix", "--reportformat=json",
                "-o", "pe_start,pvseg_start,pvseg_size,lv_name,seg_start", device)
        )["report"][0]["pvseg"]  # fmt: skip
    finally:
        run("losetup", "--detach", device)
    pieces = [each for each in told if each["lv_name"] == "root"]
    assert len(pieces) == 2
    with whole.open("rb") as source, path.open("r+b") as disk:
        for piece in pieces:
            source.seek(int(piece["seg_start"]))
            disk.seek(2 * mib + int(piece["pe_start"]) + int(piece["pvseg_start"]) * mib)
            disk.write(source.read(int(piece["pvseg_size"]) * mib))
    whole.unlink()
    return path


class _Lvm:
    """lvm(8) on one device, which asks nothing of the kernel and keeps nothing on this machine."""

    def __init__(self, path: Path, device: str, group: str) -> None:
        self._group = group
        self._settings = LVM_SETTINGS.replace("DEVICE", device).replace("PLACE", str(path.parent))

    def __call__(self, *words: str) -> str:
        return run("lvm", *words, "--driverloaded", "n", "--config", self._settings)

    def create(self, name: str, mib: int) -> None:
        quiet = ("-q", "--activate", "n", "--zero", "n", "--wipesignatures", "n")
        self("lvcreate", *quiet, "--name", name, "--size", f"{mib}m", self._group)


def mbr_disk(path: Path) -> Path:
    """An MBR disk whose second logical partition holds the sample on XFS."""
    whole = image_with(path.with_suffix(".whole"), "xfs")
    size = SIZES["xfs"]
    with path.open("wb") as stream:
        stream.truncate(size + (32 << 20))
    table = f"label: dos\n1: size=4MiB, type=83\n2: type=5\n5: size=4MiB\n6: size={size // 512}\n"
    subprocess.run(["sfdisk", "-q", path], input=table, text=True, check=True, capture_output=True)
    told = json.loads(run("sfdisk", "--json", path))["partitiontable"]["partitions"]
    start = next(each["start"] for each in told if each["node"].endswith("6"))
    run("dd", f"if={whole}", f"of={path}", "bs=1M", f"seek={start * 512}", "oflag=seek_bytes", "conv=notrunc,sparse")
    whole.unlink()
    return path

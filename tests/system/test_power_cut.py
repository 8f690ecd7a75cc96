"""The power goes in the middle of a fix: whatever of its writes reached the disk, no file is torn.

A real ext4 lies on a device that logs every write and every flush (blklogwrites of qemu-storage-daemon, in the format
of the kernel's dm-log-writes). The log is replayed up to some write, and of the writes since the last flush only
some, as a drive's cache may choose. Each such disk is mounted, which replays ext4's own journal, and judged as after
a kill. A kill can't show a missing fsync: this does, as the control shows.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rescue.apply import apply_changes, undo
from tests.system.real_root import free_of_flags, opened, snapshot
from tests.system.test_crash import POINTS, SEED, changes, ended, fresh, old_or_new

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("qemu-storage-daemon") is None, reason="needs qemu-storage-daemon"),
    pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="needs FUSE"),
]

SECTOR = 512
FLUSH, DISCARD = 1, 4
MAGIC = 0x6A736677736872
MIB = 24


@dataclass(frozen=True)
class Write:
    """One entry of the log. offset in bytes; data is empty for a flush that writes nothing."""

    offset: int
    data: bytes
    flush: bool


def read_log(path: Path) -> list[Write]:
    """The log's entries, as in drivers/md/dm-log-writes.c."""
    found = []
    with path.open("rb") as stream:
        magic, version, count, size = struct.unpack("<QQQI", stream.read(28))
        assert (magic, version, size) == (MAGIC, 1, SECTOR)
        stream.seek(SECTOR)
        for _ in range(count):
            sector, sectors, flags, _ = struct.unpack("<QQQQ", stream.read(SECTOR)[:32])
            data = b"" if flags & DISCARD else stream.read(sectors * SECTOR)
            found.append(Write(sector * SECTOR, data, bool(flags & FLUSH)))
    return found


@contextmanager
def logged(image: Path, log: Path) -> Iterator[Path]:
    """The image as a file that logs what is written to it."""
    exported, pidfile = image.with_suffix(".logged"), image.with_suffix(".pid")
    exported.touch()
    daemon = subprocess.Popen(
        [
            "qemu-storage-daemon",
            "--blockdev", f"driver=file,node-name=disk,filename={image}",
            "--blockdev", f"driver=file,node-name=log,filename={log}",
            "--blockdev", f"driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size={SECTOR}",
            "--export", f"type=fuse,id=export,node-name=logged,mountpoint={exported},writable=on",
            "--pidfile", str(pidfile),
        ]
    )  # fmt: skip
    try:
        while not pidfile.exists():
            assert daemon.poll() is None, "qemu-storage-daemon ended"
            time.sleep(0.02)
        yield exported
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=60)


@contextmanager
def mounted(image: Path, *options: str) -> Iterator[Path]:
    """The image, mounted. On return nothing holds it any more."""
    mount = image.with_suffix(".mount")
    mount.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", ",".join(["loop", *options]), str(image), str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=True)
        # The loop device goes when its last user closes it, which may be one that only probes it.
        while subprocess.run(["losetup", "-j", str(image)], check=True, capture_output=True).stdout:
            time.sleep(0.02)


def disks(base: Path, writes: list[Write], wanted: int, chance: random.Random) -> Iterator[bytes]:
    """Disks as a power cut may leave them: whole prefixes of the log, and prefixes with a part of their last writes."""
    pristine = base.read_bytes()
    numbers = range(1, len(writes) + 1)
    chosen = numbers if wanted == 0 else sorted(chance.sample(numbers, min(wanted, len(numbers))))
    for end in chosen:
        durable = max((at + 1 for at in range(end) if writes[at].flush), default=0)
        lossy = chance.random() < 0.6
        disk = bytearray(pristine)
        for at, write in enumerate(writes[:end]):
            if at < durable or not lossy or chance.random() < 0.5:
                disk[write.offset : write.offset + len(write.data)] = write.data
        yield bytes(disk)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A disk with a broken server, cleanly unmounted."""
    image = tmp_path / "base.img"
    with image.open("wb") as stream:
        stream.truncate(MIB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", str(image)], check=True)
    with mounted(image) as place:
        fresh(place).rename(place / "server")
    return image


def recorded(base: Path, work: object, *options: str) -> list[Write]:
    """The writes of `work`, a function of the mounted server."""
    image, log = base.with_name("work.img"), base.with_name("work.log")
    shutil.copyfile(base, image)
    with log.open("wb") as stream:
        stream.truncate(512 << 20)
    with logged(image, log) as device, mounted(device, *options) as place:
        assert callable(work)
        work(place / "server")
    return read_log(log)


def test_a_power_cut_leaves_every_file_old_or_new_and_the_next_run_ends_the_fix(base: Path, tmp_path: Path) -> None:
    shutil.copyfile(base, tmp_path / "new.img")
    with mounted(tmp_path / "new.img") as place:
        old = snapshot(place / "server")
        with opened(place / "server") as target:
            apply_changes(target, changes(place / "server"))
        new = snapshot(place / "server")

    def fix_and_undo(root: Path) -> None:
        with opened(root) as target:
            apply_changes(target, changes(root))
            undo(target)

    writes = recorded(base, fix_and_undo)
    assert sum(write.flush for write in writes) > 20
    outcomes: Counter[str] = Counter()
    for number, disk in enumerate(disks(base, writes, POINTS, random.Random(f"{SEED} power"))):
        image = tmp_path / f"cut{number}.img"
        image.write_bytes(disk)
        with mounted(image) as place:
            outcomes[ended(place / "server", old, new)] += 1
        checked = subprocess.run(["e2fsck", "-fn", str(image)], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout
        image.unlink()
    print(f"seed {SEED}, {len(writes)} writes: {dict(outcomes)}")
    assert any(outcome.startswith("was") for outcome in outcomes)


def test_the_same_cut_tears_a_file_that_is_written_carelessly(base: Path, tmp_path: Path) -> None:
    """The control: without it, the test above might pass because it can't fail."""
    with mounted(base) as place:
        old = snapshot(place / "server")
    options = ("noauto_da_alloc", "data=writeback")

    def careless(root: Path) -> None:
        free_of_flags(root)
        for number in range(4):
            temporary = root / f"etc/ssh/new{number}"
            temporary.write_bytes(b"Port 22\n" * 2000)
            temporary.rename(root / "etc/ssh/sshd_config")
            # Somebody else's fsync writes the names down, and not the content.
            with (root / "etc/other").open("wb") as stream:
                stream.write(b"%d" % number)
                os.fsync(stream.fileno())

    writes = recorded(base, careless, *options)
    new = {**old, b"etc/ssh/sshd_config": (*old[b"etc/ssh/sshd_config"][:4], b"Port 22\n" * 2000, (), 0, 0)}
    torn = 0
    for number, disk in enumerate(disks(base, writes, 40, random.Random("control"))):
        image = tmp_path / f"cut{number}.img"
        image.write_bytes(disk)
        with mounted(image, *options) as place:
            now = {path: what for path, what in snapshot(place / "server").items() if path in old}
            try:
                old_or_new(now, old, new)
            except AssertionError:
                torn += 1
        image.unlink()
    assert torn > 0

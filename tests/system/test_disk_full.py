"""A real file system, really full, gets its room back, and the newest part of its log stays."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rescue.checks import disk_full
from rescue.facts import Facts
from rescue.model import Finding, Safety, Severity
from rescue.space.room import shortages
from rescue.survey import complete
from rescue.targets.files.directory import DirectoryTarget
from rescue.tree import Action, Tree

pytestmark = [pytest.mark.system, pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems: needs root")]

MIB = 1 << 20
MIBS = {"ext4": 64, "xfs": 320, "btrfs": 128}
"""The smallest sizes that these file systems are comfortable with, in MiB."""

Mounted = Callable[..., Path]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    """Makes a file system in a sparse image and mounts it; all are unmounted afterwards."""
    points: list[Path] = []

    def mount(kind: str, *options: str) -> Path:
        image, point = tmp_path / f"{len(points)}.img", tmp_path / f"root{len(points)}"
        with image.open("wb") as stream:
            stream.truncate(MIBS[kind] * MIB)
        subprocess.run([f"mkfs.{kind}", *options, image], check=True, capture_output=True)
        point.mkdir()
        done = subprocess.run(["mount", "-o", "loop", image, point], check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"this kernel does not mount {kind}: {done.stderr.strip()}")
        points.append(point)
        for each in ("etc", "var/log", "var/cache/apt/archives"):
            (point / each).mkdir(parents=True)
        return point

    yield mount
    for point in points:
        subprocess.run(["umount", point], check=True)


def fill(path: Path, wanted: int | None = None) -> bytes:
    """Write numbered lines to `path`, `wanted` bytes or until nothing more fits; what was written."""
    lines = b"".join(b"%015d\n" % number for number in range(MIB // 16))
    with path.open("ab", buffering=0) as stream:
        number = 0
        for piece in (lines, lines[:4096], lines[:16]):
            while wanted is None or number < wanted:
                try:
                    stream.write(piece if wanted is None else piece[: wanted - number])
                    os.fsync(stream.fileno())
                except OSError as problem:
                    if problem.errno != errno.ENOSPC:
                        raise
                    break
                number += len(piece)
    return path.read_bytes()


def examined(root: Path) -> tuple[Tree, list[Finding]]:
    target = DirectoryTarget(str(root))
    try:
        return complete(target, target.capture(disk_full.READS), lambda tree: list(disk_full.find(Facts(tree))))
    finally:
        target.close()


def mend(root: Path) -> Tree:
    """Find the full disk, make its repair (it deletes, and needs your word), and see that nothing is left to find. The
    tree that was promised."""
    before, (finding,) = examined(root)
    repair = finding.repairs[0]
    assert repair.safety is Safety.UNSAFE
    assert repair.edit is not None
    after = repair.edit(before)
    target = DirectoryTarget(str(root), write=True)
    try:
        for change in after.since(before):
            if change.action is Action.SHORTEN:
                assert change.after is not None
                target.shorten(change.path, change.after.size)
            else:
                assert change.action is Action.REMOVE
                target.remove(change.path)
        target.sync()
    finally:
        target.close()
    _, left = examined(root)
    assert left == []
    return after


def available(root: Path) -> int:
    found = os.statvfs(root)
    return found.f_bavail * found.f_frsize


@pytest.mark.parametrize("kind", MIBS)
def test_rotated_logs_that_fill_a_disk_go_oldest_first(mounted: Mounted, kind: str) -> None:
    root = mounted(kind)
    log = root / "var/log/app.log"
    log.write_text("live\n")
    for turn in (3, 2):
        fill(root / f"var/log/app.log.{turn}", MIBS[kind] * MIB // 4)
        os.utime(root / f"var/log/app.log.{turn}", (1000 - turn, 1000 - turn))
    fill(root / "var/log/app.log.1")
    (finding,) = examined(root)[1]
    assert (finding.severity, finding.subject) == (Severity.BROKEN, "/")
    mend(root)
    assert not (root / "var/log/app.log.3").exists()
    assert (root / "var/log/app.log.1").exists()
    assert log.read_text() == "live\n"
    assert available(root) >= MIBS[kind] * MIB // 10


@pytest.mark.parametrize("kind", MIBS)
def test_one_huge_log_loses_its_head_and_keeps_its_tail(mounted: Mounted, kind: str) -> None:
    root = mounted(kind)
    log = root / "var/log/app.log"
    log.touch(0o640)
    os.chown(log, 33, 4)
    written = fill(log)
    before = log.stat()
    promised = mend(root).entry("/var/log/app.log")
    assert promised is not None
    assert promised.size >= MIB
    kept = log.read_bytes()
    assert written.endswith(kept)
    assert promised.size <= len(kept) < promised.size + 2 * 4096
    after = log.stat()
    assert (after.st_ino, after.st_mode, after.st_uid, after.st_gid) == (before.st_ino, before.st_mode, 33, 4)
    assert available(root) >= MIBS[kind] * MIB // 10


def test_the_reserve_of_root_alone_is_a_full_disk(mounted: Mounted) -> None:
    root = mounted("ext4", "-m", "10")
    fill(root / "var/log/app.log", os.statvfs(root).f_bavail * os.statvfs(root).f_frsize)
    assert available(root) == 0
    (finding,) = examined(root)[1]
    assert finding.severity is Severity.BROKEN
    assert "reserved for root" in finding.message
    mend(root)


def test_a_disk_without_inodes_gets_some_back(mounted: Mounted) -> None:
    root = mounted("ext4", "-N", "2048")
    (root / "var/log/app.log").touch()
    for number in range(4096):
        try:
            (root / f"var/log/app.log.{number}").touch()
        except OSError as problem:
            if problem.errno != errno.ENOSPC:
                raise
            break
    assert os.statvfs(root).f_ffree == 0
    (finding,) = examined(root)[1]
    assert "no inodes left" in finding.message
    mend(root)
    assert os.statvfs(root).f_ffree == os.statvfs(root).f_files // 10
    (root / "etc/new").touch()


def test_data_that_fills_a_disk_is_left_to_the_person(mounted: Mounted) -> None:
    root = mounted("ext4")
    (root / "home/alice").mkdir(parents=True)
    fill(root / "home/alice/app.log.1")
    (finding,) = examined(root)[1]
    assert [each.safety for each in finding.repairs] == [Safety.MANUAL]


def test_an_empty_disk_is_no_finding(mounted: Mounted) -> None:
    tree, found = examined(mounted("ext4"))
    assert found == []
    assert all(shortages(each) == () for each in tree.filesystems)

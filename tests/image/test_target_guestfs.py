"""libguestfs is held to the same contract. One launch takes half a minute: each test makes many assertions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

import pytest

from rescue.targets.appliance import launch
from rescue.targets.open import open_target
from rescue.targets.protocol import Target, TargetError
from rescue.targets.usage import scan_usage
from rescue.tree import Read
from tests.contract import checks, images, sample

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(not launch.available(), reason="the bindings of libguestfs are not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="making the sample needs root"),
]


def opened(path: Path, *, write: bool = False, root: str | None = None) -> Target:
    return open_target(str(path), write=write, backend="guestfs", root=root, progress=print)


def test_looking_with_a_dirty_journal_and_beside_the_kernel(tmp_path: Path) -> None:
    path = images.image_with(tmp_path / "disk.img", "ext4")
    before = images.digest(path)
    target = opened(path)
    try:
        for check in checks.LOOKING:
            check(target)
        assert target.notes == ()
        tree = target.capture(sample.READS)
        usage = scan_usage(target)
    finally:
        target.close()
        target.close()
    assert images.digest(path) == before
    assert images.left_behind(path) == []
    other = open_target(str(path), write=False, backend="kernel", root=None, progress=print)
    try:
        beside = other.capture(sample.READS)
        assert sample.seen(tree) == sample.seen(beside)
        assert tree.reads == beside.reads
        for each in tree.paths():
            one, two = tree.lentry(each), beside.lentry(each)
            assert one is not None
            assert two is not None
            # The device's number is the machine's; all else is the disk's.
            assert (one.nlink, one.ident[1], one.allocated, one.mtime, one.size) == (
                two.nlink,
                two.ident[1],
                two.allocated,
                two.mtime,
                two.size,
            ), each
        mine, theirs = tree.filesystem("/etc"), beside.filesystem("/etc")
        assert mine is not None
        assert theirs is not None
        assert (mine.size, mine.free, mine.available, mine.inodes, mine.inodes_free) == (
            theirs.size,
            theirs.free,
            theirs.available,
            theirs.inodes,
            theirs.inodes_free,
        )
        counted = scan_usage(other)
        assert (usage.bytes, usage.inodes) == (counted.bytes, counted.inodes)
        assert {use.path: use for use in usage.directories}.items() >= {
            use.path: use for use in counted.directories
        }.items()
        # Of two names of one file, either may be told.
        assert [use.bytes for use in usage.files] == [use.bytes for use in counted.files]
        assert {use.path for use in usage.files} ^ {use.path for use in counted.files} <= {
            PurePosixPath("/etc/hard-1"),
            PurePosixPath("/etc/hard-2"),
        }
    finally:
        other.close()


def test_a_dirty_journal_in_a_qcow2_is_seen_and_stays(tmp_path: Path) -> None:
    raw = images.dirty_image(tmp_path / "dirty.img", "ext4")
    path = tmp_path / "disk.qcow2"
    images.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path)
    before = images.digest(path)
    target = opened(path)
    try:
        tree = target.capture([Read("/etc", depth=1)])
        assert tree.data("/etc/hostname") == b"renamed\n"
        assert tree.data("/etc/new-49") == b"new\n"
    finally:
        target.close()
    assert images.digest(path) == before


def test_writing_to_a_disk_with_partitions(tmp_path: Path) -> None:
    path = images.disk_with_home(tmp_path / "disk.img")
    target = opened(path, write=True)
    try:
        assert target.notes == ()
        assert target.capture([Read("/home")]).children("/home") == ("alice",)
        for check in checks.WRITING:
            check(target)
        wanted = sample.seen(target.capture(sample.READS))
    finally:
        target.close()
    again = open_target(str(path), write=False, backend="kernel", root=None, progress=print)
    try:
        found = sample.seen(again.capture(sample.READS))
        assert found.keys() == wanted.keys()
        for each, entry in wanted.items():
            assert found[each] == entry, each
    finally:
        again.close()


def test_an_image_without_a_root_is_refused(tmp_path: Path) -> None:
    path = images.image_with(tmp_path / "data.img", "ext4", lambda point: (point / "data").touch())
    with pytest.raises(TargetError, match="no Linux system") as refused:
        opened(path)
    assert "ext4" in str(refused.value)


def test_a_raw_copy_that_was_interrupted_is_said_to_be_cut_off(tmp_path: Path) -> None:
    # Its partition ends behind the disk, and so the appliance shows none.
    path = images.disk_with_home(tmp_path / "disk.img")
    os.truncate(path, 100 << 20)
    with pytest.raises(TargetError, match="is cut off: it should have 134217728 bytes") as refused:
        open_target(str(path), write=False, backend=None, root=None, progress=print)
    assert "Copy the disk again" in refused.value.hint


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_an_interrupted_launch_leaves_no_machine(tmp_path: Path, number: signal.Signals) -> None:
    path = images.image_with(tmp_path / "disk.img", "ext4")
    program = (
        "import sys; from rescue.targets.open import open_target\n"
        "say = lambda word: print(word, flush=True)\n"
        "open_target(sys.argv[1], write=True, backend='guestfs', root=None, progress=say)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=dict(os.environ, RESCUE_APPLIANCE="launch"),
    )  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    while not images.left_behind(path):
        time.sleep(0.1)
        assert child.poll() is None
    child.send_signal(number)
    assert child.wait(30) != 0
    child.stdout.close()
    assert images.left_behind(path) == []

"""Disks of servers with LVM, software RAID and encryption, read and written without this kernel knowing any of them."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path, PurePosixPath

import pytest

from rescue.targets.appliance import launch
from rescue.targets.host.resources import Resources
from rescue.targets.open import open_target
from rescue.targets.opening import Opening
from rescue.targets.protocol import SeveralRoots, Target, TargetError, TargetUnsafe
from rescue.tree import Read, file
from tests.contract import assembled, images

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.skipif(not launch.available(), reason="the disks are made with libguestfs, which is not installed"),
]

MIB = 1 << 20
READS = (Read("/etc"), Read("/var/lib", limit=64 * MIB), Read("/var/log"), Read("/home"))


def opened(path: Path, *others: Path, write: bool = False, root: str | None = None) -> Target:
    return open_target(
        str(path), write=write, backend="kernel", root=root, progress=print, opening=Opening(disks=others)
    )


def test_lvm_over_two_disks_in_any_number_of_pieces(tmp_path: Path) -> None:
    disks = assembled.disks(tmp_path, ("lvm-a", "lvm-b"))
    paths = list(disks.values())
    before = [images.digest(path) for path in paths]
    with closing(opened(*paths)) as target:
        tree = target.capture(READS)
        assert target.notes == ()
        assert tree.data("/etc/hostname") == b"lvm\n"
        assert tree.data("/var/lib/state") == b"state\n" * 3_000_000
        assert tree.data("/var/log/auth.log") == b"log\n"
        assert tree.data("/home/alice/key") == b"key\n"
    assert [images.digest(path) for path in paths] == before

    with closing(opened(*paths, write=True)) as target:
        # One side of a mirror alone must not be written.
        assert [note.partition(" is")[0] for note in target.notes] == ["/home"]
        target.put(PurePosixPath("/var/lib/state"), file(b"new\n" * MIB))
        target.put(PurePosixPath("/var/log/auth.log"), file(b"new\n"))
        target.put(PurePosixPath("/etc/hostname"), file(b"new\n"))
        target.sync()
    with closing(opened(*paths)) as target:
        tree = target.capture(READS)
        assert tree.data("/var/lib/state") == b"new\n" * MIB
        assert tree.data("/var/log/auth.log") == tree.data("/etc/hostname") == b"new\n"
    assert [images.left_behind(path) for path in paths] == [[], []]


def test_of_two_disks_one_is_enough_to_find_the_root_and_the_rest_is_named(tmp_path: Path) -> None:
    disks = assembled.disks(tmp_path, ("lvm-a", "lvm-b"))
    with closing(opened(disks["lvm-a"])) as target:
        assert target.capture(READS).data("/etc/hostname") == b"lvm\n"
        told = "\n".join(target.notes)
        assert "/var is on" in told
        assert "/var/log is on" in told
        assert "other disks" in told
        assert target.capture(READS).data("/home/alice/key") == b"key\n"
    with pytest.raises(TargetError, match="striped"):
        opened(disks["lvm-b"])


@pytest.mark.parametrize("version", ["1.2", "1.0", "0.90"])
def test_one_side_of_a_mirror_is_looked_at_and_not_written(tmp_path: Path, version: str) -> None:
    one, other = assembled.disks(tmp_path, (f"md-{version}-a", f"md-{version}-b")).values()
    before = images.digest(one)
    for disks in ((one,), (other,), (one, other)):
        with closing(opened(*disks)) as target:
            assert target.capture(READS).data("/etc/hostname") == f"md-{version}\n".encode()
            assert [note for note in target.notes if "mirror" not in note] == []
            assert len(target.notes) == (0 if len(disks) == 2 else 1)
    with pytest.raises(TargetUnsafe, match="mirror"):
        opened(one, write=True)
    assert images.digest(one) == before
    assert images.left_behind(one) == []


def test_two_volume_groups_of_one_name_are_told_apart(tmp_path: Path) -> None:
    one = assembled.disks(tmp_path, ("lvm-a", "lvm-b"))
    other = tmp_path / "other.img"
    images.lvm_disk(other, group="vg-0")
    with pytest.raises(TargetError, match=r"more than one.*'lvm'") as refused:
        opened(one["lvm-a"], one["lvm-b"], other)
    assert isinstance(refused.value, SeveralRoots)
    word = next(word for word, what in refused.value.roots if "'lvm'" in what)
    assert word.startswith("UUID=")
    with closing(opened(one["lvm-a"], one["lvm-b"], other, root=word)) as target:
        assert target.notes == ()
        assert target.capture(READS).data("/var/log/auth.log") == b"log\n"


def test_an_encrypted_disk_is_named_with_what_opens_it(tmp_path: Path) -> None:
    path = assembled.disks(tmp_path, ("luks",))["luks"]
    with pytest.raises(TargetError, match=r"no Linux system.*LUKS") as refused:
        opened(path)
    assert "guestfs" in refused.value.hint


def test_a_block_devices_other_disk_is_found_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disks = assembled.disks(tmp_path, ("lvm-a", "lvm-b"))
    with closing(Resources()) as resources:
        one, other = (resources.loop(path, 0, path.stat().st_size) for path in disks.values())
        # Loop devices are nobody's disks: these two are this machine's, for once.
        monkeypatch.setattr("rescue.targets.disks.server_disks.other_disks", lambda: (one, other))
        with closing(opened(one)) as target:
            tree = target.capture(READS)
            assert target.notes == ()
            assert tree.data("/var/lib/state") == b"state\n" * 3_000_000
            assert tree.data("/var/log/auth.log") == b"log\n"
    assert [images.left_behind(path) for path in disks.values()] == [[], []]


def test_an_encrypted_disk_is_opened_by_the_appliance(tmp_path: Path) -> None:
    path = assembled.disks(tmp_path, ("luks",))["luks"]
    before = images.digest(path)
    asked: list[str] = []

    def passphrase(name: str, again: bool) -> bytes:
        asked.append(name)
        return b"mistyped" if not again else assembled.PASSPHRASE.encode()

    with closing(in_appliance(path, Opening(passphrase=passphrase, asks=True))) as target:
        tree = target.capture((*READS, Read("/boot")))
        assert target.notes == ()
        assert tree.data("/etc/hostname") == b"luks\n"
        assert tree.data("/boot/vmlinuz") == b"kernel"
    assert asked == ["/dev/sda2", "/dev/sda2"]
    assert images.digest(path) == before
    assert images.left_behind(path) == []


def test_a_mirror_that_lost_a_disk_is_written_to_by_the_appliance(tmp_path: Path) -> None:
    path = assembled.disks(tmp_path, ("md-1.2-a",))["md-1.2-a"]
    with closing(in_appliance(path, Opening(), write=True)) as target:
        assert [note for note in target.notes if "--re-add" in note]
        target.put(PurePosixPath("/etc/hostname"), file(b"new\n"))
        target.sync()
    with closing(opened(path)) as target:
        assert target.capture(READS).data("/etc/hostname") == b"new\n"
    assert images.left_behind(path) == []


def in_appliance(path: Path, opening: Opening, *, write: bool = False) -> Target:
    return open_target(str(path), write=write, backend="guestfs", root=None, progress=print, opening=opening)

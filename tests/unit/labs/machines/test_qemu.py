"""How QEMU is called, and what its complaints mean to a person. The complaints are QEMU 7.2's own words."""

from itertools import pairwise
from pathlib import Path

import pytest

from rescue.labs.images.layout import EXT4, LAYOUTS, Layout
from rescue.labs.machines.accelerate import TCG
from rescue.labs.machines.boot import BootFiles
from rescue.labs.machines.network import UserNetwork
from rescue.labs.machines.qemu import Hardware, drive, explained

pytestmark = pytest.mark.unit

FILES = BootFiles(Path("/cache/vmlinux"), Path("/cache/initrd"))


def call(tmp_path: Path, layout: Layout = EXT4, root: str = "", disks: tuple[Path, ...] = ()) -> list[str]:
    hardware = Hardware(TCG, FILES, layout, root or layout.root_device, disks or (tmp_path / "disk",), 1024)
    return hardware.command(UserNetwork(), tmp_path)


def kernel_words(command: list[str]) -> list[str]:
    return command[command.index("-append") + 1].split()


def drives(command: list[str]) -> list[str]:
    return [word for option, word in pairwise(command) if option == "-drive"]


def test_the_kernel_is_told_where_and_what_its_root_is(tmp_path: Path) -> None:
    words = kernel_words(call(tmp_path, LAYOUTS["btrfs"]))
    assert {"root=/dev/vda", "rootfstype=btrfs", "rootflags=subvol=@rootfs"} <= set(words)


def test_a_root_in_a_partition_may_be_named(tmp_path: Path) -> None:
    assert "root=/dev/vda1" in kernel_words(call(tmp_path, root="/dev/vda1"))


def test_a_boot_is_whole_where_it_is_asked_for(tmp_path: Path) -> None:
    hardware = Hardware(TCG, FILES, EXT4, EXT4.root_device, (tmp_path / "disk",), 1024, whole=True)
    assert "lab.whole" in kernel_words(hardware.command(UserNetwork(), tmp_path))
    assert "lab.whole" not in kernel_words(call(tmp_path))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_whether_the_root_can_be_written_to_is_left_to_fstab(tmp_path: Path, layout: Layout) -> None:
    words = kernel_words(call(tmp_path, layout))
    assert "ro" in words
    assert "rw" not in words


def test_the_servers_disk_comes_first_and_others_behind_it(tmp_path: Path) -> None:
    own, other = tmp_path / "own.raw", tmp_path / "other.raw"
    assert [word.split(",")[0] for word in drives(call(tmp_path, disks=(own, other)))] == [
        f"file={own}",
        f"file={other}",
    ]


def test_a_comma_in_a_disks_name_is_none_of_qemus(tmp_path: Path) -> None:
    assert drive(tmp_path / "a,b.raw").startswith(f"file={tmp_path}/a,,b.raw,if=virtio")


@pytest.mark.parametrize(("head", "kind"), [(b"QFI\xfb\0\0\0\3", "qcow2"), (b"\0" * 8, "raw"), (b"", "raw")])
def test_a_disks_kind_is_seen_from_its_first_bytes(tmp_path: Path, head: bytes, kind: str) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(head)
    assert f"format={kind}" in drive(disk).split(",")


SAID = {
    'qemu-system-x86_64: -drive file=d.raw: Failed to get "write" lock\nIs another process using it?': "in use",
    "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory": "not enough memory",
    "qemu-system-x86_64: -netdev user,id=net0: Could not set up host forwarding rule 'tcp:127.0.0.1:22-:22'": "port",
    "qemu-system-x86_64: could not open kernel file '/cache/vmlinux'": "can't be opened",
    "setpriv: failed to execute qemu-system-x86_64: No such file or directory": "missing",
}


@pytest.mark.parametrize("said", SAID)
def test_a_complaint_is_told_with_what_to_do(said: str) -> None:
    problem, hint = explained(said, [Path("d.raw")], 1024)
    assert SAID[said] in problem
    assert hint


def test_a_complaint_that_nobody_knows_is_left_to_qemus_own_words() -> None:
    assert explained("qemu-system-x86_64: something new", [], 1024) == ("", "")

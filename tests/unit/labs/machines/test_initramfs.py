"""The lab's initial file system, unpacked again by a reader of its own."""

import subprocess
from pathlib import Path

import pytest

from rescue.labs.images.image import BuiltImage
from rescue.labs.machines import left_out, saved
from rescue.labs.machines.accelerate import TCG
from rescue.labs.machines.initramfs import CONTROL, TRIGGER, BootError, initramfs, kernel_version, module_files
from rescue.labs.machines.machine import Machine
from rescue.labs.machines.network import UserNetwork

pytestmark = pytest.mark.unit

VERSION = "6.1.0-1-cloud-amd64"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    modules = tmp_path / "lib/modules" / VERSION
    for path in (tmp_path / "boot", tmp_path / "bin", modules):
        path.mkdir(parents=True)
    (tmp_path / "boot" / f"vmlinuz-{VERSION}").write_bytes(b"kernel")
    (tmp_path / "bin/busybox").write_bytes(b"\x7fELF busybox")
    (modules / "modules.dep").write_text(
        "kernel/fs/ext4/ext4.ko: kernel/fs/jbd2.ko kernel/lib/crc16.ko\n"
        "kernel/fs/jbd2.ko:\n"
        "kernel/lib/crc16.ko:\n"
        "kernel/drivers/virtio-pci.ko: kernel/drivers/virtio.ko\n"
        "kernel/drivers/virtio.ko:\n"
    )
    for name in ("fs/ext4/ext4", "fs/jbd2", "lib/crc16", "drivers/virtio-pci", "drivers/virtio"):
        path = modules / "kernel" / f"{name}.ko"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 7)
    return tmp_path


def unpacked(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Name -> mode and content, by the format's description."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        mode, size, length = (int(archive[at + 6 + 8 * field : at + 14 + 8 * field], 16) for field in (1, 6, 11))
        name = archive[at + 110 : at + 110 + length - 1].decode()
        at += -(-(110 + length) // 4) * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (mode, archive[at : at + size])
        at += -(-size // 4) * 4


def test_everything_that_a_boot_needs_is_in_the_archive(root: Path) -> None:
    found = unpacked(initramfs(root))
    assert found["bin/busybox"] == (0o100755, b"\x7fELF busybox")
    assert found["init"][0] == 0o100755
    assert found["init"][1].startswith(b"#!/bin/busybox sh\n")
    assert found["overrides/systemd/system.control/timers.target.wants/fstrim.timer"] == (0o120777, b"/dev/null")


def test_a_directory_comes_before_what_is_in_it(root: Path) -> None:
    seen: set[str] = {""}
    for name in unpacked(initramfs(root)):
        assert name.rpartition("/")[0] in seen
        seen.add(name)


def test_a_module_comes_after_those_that_it_needs(root: Path) -> None:
    names = [path.name for path in module_files(root, VERSION, ("virtio_pci", "ext4"))]
    assert names == ["virtio.ko", "virtio-pci.ko", "crc16.ko", "jbd2.ko", "ext4.ko"]


def test_a_module_that_is_built_into_the_kernel_is_left_out(root: Path) -> None:
    assert module_files(root, VERSION, ("crc32c_generic",)) == ()


def test_the_newest_kernel_is_booted(root: Path) -> None:
    for number in (9, 10):
        (root / f"boot/vmlinuz-6.1.0-{number}-cloud-amd64").write_bytes(b"newer")
    assert kernel_version(root) == "6.1.0-10-cloud-amd64"


@pytest.mark.parametrize("lost", [f"boot/vmlinuz-{VERSION}", "bin/busybox"])
def test_a_root_that_can_not_boot_says_so(root: Path, lost: str) -> None:
    (root / lost).unlink()
    with pytest.raises(BootError):
        initramfs(root)


def test_the_console_listens_early_and_is_there_in_the_emergency_shell(root: Path) -> None:
    found = unpacked(initramfs(root))
    units = "overrides/systemd/system"
    assert found[f"{units}/sysinit.target.wants/lab-console.service"] == (0o120777, b"../lab-console.service")
    assert b"IgnoreOnIsolate=yes" in found[f"{units}/lab-console.service"][1]
    assert b"/dev/ttyS1" in found["overrides/lab/console"][1]


def test_a_boot_that_stops_says_so(root: Path) -> None:
    found = unpacked(initramfs(root))
    for target in ("emergency", "rescue"):
        assert f"overrides/systemd/system/{target}.target.wants/lab-stopped.service" in found


def test_nothing_of_the_server_is_masked_and_no_generator_skipped(root: Path) -> None:
    links = {name: data for name, (mode, data) in unpacked(initramfs(root)).items() if mode == 0o120777}
    nowhere = {name for name, data in links.items() if data == b"/dev/null"}
    assert nowhere == {f"{CONTROL}/{each.target}.wants/{each.unit}" for each in left_out.UNITS}


@pytest.mark.parametrize(("words", "left"), [("quiet ro", True), ("quiet lab.whole ro", False)])
def test_a_whole_boot_takes_away_all_that_leaves_something_out(
    root: Path, tmp_path: Path, words: str, left: bool
) -> None:
    there, cmdline = tmp_path / "unpacked", tmp_path / "cmdline"
    files = unpacked(initramfs(root))
    for name in (CONTROL, TRIGGER):
        assert name in files
        (there / name).mkdir(parents=True)
    cmdline.write_text(words)
    script = (
        files["prepare"][1]
        .decode()
        .replace("/proc/cmdline", str(cmdline))
        .replace("/overrides/", f"{there}/overrides/")
    )
    assert f"rm -rf {there}/" in script
    subprocess.run(["sh", "-c", script], check=True)
    assert {(there / name).exists() for name in (CONTROL, TRIGGER)} == {left}


def test_a_machine_saved_with_another_table_is_not_gone_on_with(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "root").symlink_to(root)
    monkeypatch.setenv("RESCUE_CACHE", str(root / "cache"))
    monkeypatch.setattr("rescue.labs.machine.accelerator", lambda files: TCG)
    monkeypatch.setattr("rescue.labs.saved.version", lambda: "QEMU emulator version 7.2.0")
    image = BuiltImage("server", root, root / "key")

    def key(whole: bool = False) -> str:
        with Machine(image, root / "disk", network=UserNetwork(), whole=whole) as machine:
            return saved._key(machine, "")

    keys = [key(), key(), key(whole=True)]
    monkeypatch.setattr(left_out, "UNITS", left_out.UNITS[1:])
    keys.append(key())
    monkeypatch.setattr(left_out, "DEVICES", {"tty": ""})
    keys.append(key())
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4

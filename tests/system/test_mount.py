"""mount, umount and shell on real disks: what is written is on the disk, and nothing stays open, however it ends."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import LoadImage
from tests.contract import images
from tests.fuzz_interrupted import Field
from tests.machines.broken import layered
from tests.machines.world import PATIENCE, World, made_disk, new_world

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.skipif(shutil.which("nsenter") is None, reason="nsenter(1) is not installed"),
]

KERNEL = ("--backend", "kernel")
SAMPLE = 8
"""Interrupted runs of each day."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with new_world(tmp_path) as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return made_disk(tmp_path)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(world: World, disk: Path, name: str) -> str:
    """A file of the disk, as it is there once all is closed."""
    at = world.document("mount", disk, "--read-only", *KERNEL)["mounted"]["point"]
    text = world.run("cat", f"{at}/{name}").stdout
    world.rescue("umount")
    return text


def test_what_is_written_is_on_the_disk_and_nothing_stays_open(world: World, disk: Path) -> None:
    before = world.open_things(disk)
    told = world.document("mount", disk, *KERNEL)["mounted"]
    assert told["point"] == "/mnt/rescue-lab"
    assert told["writable"]
    world.run("sh", "-c", "echo by hand >/mnt/rescue-lab/etc/motd")
    assert world.open_things(disk) != before
    refused = world.rescue("mount", disk, *KERNEL, status=5)
    assert "rescue umount /mnt/rescue-lab" in refused.stderr
    assert "rescue fix /mnt/rescue-lab" in world.rescue("fix", disk, "--yes", *KERNEL, status=5).stderr
    assert "is unmounted" in world.rescue("umount", disk).stdout
    assert world.open_things(disk) <= before
    assert read(world, disk, "etc/motd") == "by hand\n"
    assert world.open_things(disk) <= before


def test_read_only_changes_no_byte_and_lets_nobody_write(world: World, disk: Path, tmp_path: Path) -> None:
    was, place = digest(disk), tmp_path / "a place"
    world.rescue("mount", disk, place, "--read-only", *KERNEL)
    assert world.run("cat", place / "etc/hostname").stdout == "lab\n"
    assert world.run("touch", place / "etc/new").returncode != 0
    world.rescue("umount", place)
    assert digest(disk) == was
    assert not place.exists()


@pytest.mark.skipif(shutil.which("qemu-storage-daemon") is None, reason="qemu-storage-daemon is not installed")
def test_a_qcow2_is_mounted_and_a_killed_holder_is_cleaned_up_after(world: World, disk: Path, tmp_path: Path) -> None:
    image = tmp_path / "server.qcow2"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(disk), str(image)], check=True)
    before = world.open_things(image)
    world.rescue("mount", image, *KERNEL)
    world.run("sh", "-c", "echo by hand >/mnt/rescue-lab/etc/motd; sync")
    record = next((tmp_path / "run/rescue/mounted").iterdir())
    os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)
    assert "ended process" in world.rescue("umount").stdout
    assert world.open_things(image) <= before
    assert read(world, image, "etc/motd") == "by hand\n"
    assert "Nothing is mounted." in world.rescue("umount").stdout


def test_a_device_in_use_is_refused_and_so_is_a_folder_that_somebody_is_in(
    world: World, disk: Path, tmp_path: Path
) -> None:
    # A whole disk as the kernel shows it: the partition alone, as this kernel may not find it itself.
    whole = subprocess.run(
        ["losetup", "--find", "--show", "--offset", str(1 << 20), str(disk)], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        world.rescue("mount", whole)
        assert world.rescue("mount", whole, tmp_path / "other", status=5).stderr
        assert "is mounted at" in world.rescue("fix", whole, "--yes", status=5).stderr
        (tmp_path / "full").mkdir()
        (tmp_path / "full/file").touch()
        sleeper = subprocess.Popen(world.command("sh", "-c", "cd /mnt/rescue-lab/etc && echo in && exec sleep 600"),
                                   stdout=subprocess.PIPE, text=True)  # fmt: skip
        try:
            assert sleeper.stdout is not None
            assert sleeper.stdout.readline() == "in\n"
            busy = world.rescue("umount", status=5)
            assert f"sleep (process {sleeper.pid})" in busy.stderr
            assert world.run("cat", "/mnt/rescue-lab/etc/hostname").stdout == "lab\n"
        finally:
            sleeper.kill()
            sleeper.wait()
        world.rescue("umount", whole)
        assert "not empty" in world.rescue("mount", whole, tmp_path / "full", status=5).stderr
    finally:
        subprocess.run(["losetup", "--detach", whole], check=True)


def test_a_btrfs_that_somebody_is_in_is_not_unmounted(world: World, tmp_path: Path) -> None:
    # Its files have other device numbers than its mount, each subvolume's its own.
    def fill(point: Path) -> None:
        subprocess.run(["btrfs", "-q", "subvolume", "create", str(point / "@")], check=True)
        subprocess.run(["btrfs", "-q", "subvolume", "create", str(point / "@/srv")], check=True)
        (point / "@/etc").mkdir()
        (point / "@/etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")

    disk = images.image_with(tmp_path / "disk.img", "btrfs", fill)
    at = world.document("mount", disk, *KERNEL)["mounted"]["point"]
    for place in ("etc", "srv"):
        sleeper = subprocess.Popen(world.command("sh", "-c", f"cd {at}/{place} && echo in && exec sleep 600"),
                                   stdout=subprocess.PIPE, text=True)  # fmt: skip
        try:
            assert sleeper.stdout is not None
            assert sleeper.stdout.readline() == "in\n"
            assert f"sleep (process {sleeper.pid})" in world.rescue("umount", status=5).stderr
        finally:
            sleeper.kill()
            sleeper.wait()
    world.rescue("umount", disk)


def test_what_can_not_be_mounted_is_said(world: World, disk: Path, tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(os.urandom(1 << 20))
    before = world.open_things(disk)
    assert "is a folder" in world.rescue("mount", tmp_path, status=2).stderr
    assert "is not there" in world.rescue("mount", tmp_path / "none", status=4).stderr
    world.rescue("mount", tmp_path / "junk", *KERNEL, status=4)
    assert "has not mounted" in world.rescue("umount", tmp_path, status=2).stderr
    for words in (("shell", "/"), ("shell", disk, "--json")):
        world.rescue(*words, status=2)
    # A shell to type in, on this machine's kernel, is begun for a disk that is trusted alone.
    assert "--backend kernel" in world.rescue("shell", disk, "--backend", "guestfs", status=5).stderr
    assert "on the server" in world.rescue("shell", disk, *KERNEL, "--", "true", status=127).stderr
    assert world.open_things(disk) <= before


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")
def test_nothing_is_left_after_runs_that_were_interrupted(world: World, tmp_path: Path) -> None:
    """A sample, others each day; scripts/fuzz-interrupted makes as many as one likes."""
    field = Field.laid(world, tmp_path)
    first = datetime.now(UTC).date().toordinal() * SAMPLE
    for seed in range(first, first + SAMPLE):
        told, left = field.run(seed)
        print(told)
        assert left == set(), f"{told} (again: scripts/fuzz-interrupted {seed} 1)"


# -- shell ------------------------------------------------------------------------------------------------------------


def test_the_servers_programs_run_in_its_root_and_cannot_reach_this_machine(
    lab_image: LoadImage, tmp_path: Path
) -> None:
    with layered(lab_image("debian12").root) as server, new_world(tmp_path) as world:
        before = world.open_things(server.path)

        def said(*words: str, status: int = 0, options: tuple[str, ...] = ()) -> str:
            return world.rescue("shell", server.path, *options, "--", *words, status=status).stdout

        assert said("hostname") == server.text("etc/hostname")
        assert said("sh", "-c", "exit 7", status=7) == ""
        said("sh", "-c", "kill -9 $$", status=137)
        said("no-such-program", status=127)
        said("/etc/passwd", status=126)
        # The nodes are its own: this machine's null stays as it is.
        said("sh", "-c", "chmod 600 /dev/null; sleep 12345 & exit 0")
        assert Path("/dev/null").stat().st_mode & 0o777 == 0o666
        # No other process, no other mount, and nothing to be done to this kernel's network, clock or settings.
        seen = said("sh", "-c", "ls -d /proc/[0-9]*; cat /proc/mounts")
        assert seen.count("/proc/") - seen.count("/proc/sys") <= 4
        assert str(world.home) not in seen
        for_others = ("iptables -F", "nft flush ruleset", "ip link add x type dummy", "date -s 2020-01-01",
                      "echo 1 >/proc/sys/net/ipv4/ip_forward", "touch /sys/x")  # fmt: skip
        script = "; ".join(f"({each}) >/dev/null 2>&1 && echo '{each}'" for each in for_others)
        assert said("sh", "-c", f"{script}; true") == ""
        # In an empty network the firewall can be worked on.
        firewall = ("iptables -A INPUT -j DROP", "iptables -S INPUT")
        assert "-A INPUT -j DROP" in said("sh", "-c", " && ".join(firewall), options=("--no-network",))
        # What was started there has ended with it.
        assert subprocess.run(["pgrep", "-f", "^sleep 12345"], check=False).returncode == 1
        # A password is set as on the server itself.
        said("sh", "-c", "echo alice:correcthorse | chpasswd")
        assert "alice:$y$" in server.text("etc/shadow")
        assert world.open_things(server.path) <= before


def test_a_shell_reads_what_is_typed_and_nothing_stays_mounted(lab_image: LoadImage, tmp_path: Path) -> None:
    with layered(lab_image("debian12").root) as server, new_world(tmp_path) as world:
        before = world.open_things(server.path)
        script = "echo $PS1; echo typed >/root/typed; readlink /proc/1/root; cat /etc/resolv.conf; exit 3\n"
        world.rescue("shell", server.path, typed=script)
        assert server.text("root/typed") == "typed\n"
        assert world.rescue("shell", server.path, "--read-only", "--", "touch", "/root/x", status=1)
        assert not (server.path / "root/x").exists()
        # A shell that is none, and links that lead out, keep nobody out and let nothing out.
        server.replace("etc/passwd", "root:x:0:0:root:/root:/bin/bash", "root:x:0:0:root:/root:/usr/sbin/nologin")
        (server.path / "etc/resolv.conf").unlink(missing_ok=True)
        (server.path / "etc/resolv.conf").symlink_to("../../../../../../run/systemd/resolve/stub-resolv.conf")
        done = world.rescue("shell", server.path, typed="cat /etc/resolv.conf >/root/resolver\n")
        assert done.returncode == 0
        assert server.text("root/resolver") == Path("/etc/resolv.conf").read_text()
        assert world.open_things(server.path) <= before


def test_at_a_terminal_the_prompt_says_whose_root_it_is_and_ctrl_c_is_for_what_runs_inside(
    lab_image: LoadImage, tmp_path: Path
) -> None:
    with layered(lab_image("debian12").root) as server, new_world(tmp_path) as world:
        before = world.open_things(server.path)
        prompt = "(server server) root@server:~# "
        status, screen = world.typed(
            "shell", server.path,
            answers=((prompt, "sleep 600\n"), ("sleep 600", "\x03"), (prompt, "echo got $?\n"), ("got 130", ""),
                     (prompt, "exit 5\n")),
        )  # fmt: skip
        assert status == 0, screen
        assert "passwd NAME" in screen
        assert "--no-network" in screen
        assert screen.rstrip().endswith("you have left it"), screen
        assert world.open_things(server.path) <= before


def test_a_disk_is_entered_and_a_killed_shell_leaves_nothing(world: World, lab_image: LoadImage) -> None:
    image = lab_image("debian12")
    disk = next(path for path in (image.root.parent / "disk.raw", image.root.parent / "gpt.raw") if path.exists())
    before, was = world.open_things(disk), disk.stat().st_mtime_ns
    words = ("shell", disk, "--read-only", *KERNEL, "--")
    assert world.rescue(*words, "cat", "/etc/hostname").stdout == "server\n"
    for how in (signal.SIGTERM, signal.SIGKILL):
        process = world.started(*words, "sleep", "54321")
        for _ in range(1000):
            if subprocess.run(["pgrep", "-f", "^sleep 54321"], check=False, stdout=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.02)
        process.send_signal(how)
        process.wait(PATIENCE)
        world.rescue("umount")
        assert subprocess.run(["pgrep", "-f", "^sleep 54321"], check=False).returncode == 1
        assert world.open_things(disk) <= before
    assert disk.stat().st_mtime_ns == was


def test_a_server_for_another_processor_is_said_to_be_one(lab_image: LoadImage, tmp_path: Path) -> None:
    with layered(lab_image("debian12").root) as server, new_world(tmp_path) as world:
        for shell in ("bash", "dash"):
            path = server.path / "usr/bin" / shell
            data = bytearray(path.read_bytes())
            data[18:20] = (183 if os.uname().machine != "aarch64" else 62).to_bytes(2, "little")
            path.write_bytes(data)
        done = world.rescue("shell", server.path, status=4)
        assert "programs are built for" in done.stderr


# -- disks ------------------------------------------------------------------------------------------------------------


def test_an_image_is_listed_without_being_mounted_unless_asked_for(world: World, disk: Path) -> None:
    before, was = world.open_things(disk), digest(disk)
    (plain,) = world.document("disks", disk)["disks"]
    (part,) = plain["volumes"]
    assert (plain["type"], plain["is_root"], part["fstype"], part["is_root"]) == ("file", False, "ext4", False)
    screen = world.rescue("disks", disk).stdout
    assert f"rescue inspect {disk}\n" in screen
    (looked,) = world.document("disks", disk, *KERNEL)["disks"]
    (part,) = looked["volumes"]
    assert (looked["is_root"], looked["hostname"], looked["next"]) == (
        True, "lab", f"rescue inspect {disk} --backend kernel",
    )  # fmt: skip
    assert 0 < part["filesystem_used"] < part["filesystem_size"] <= part["size"]
    screen = world.rescue("disks", disk, *KERNEL).stdout
    assert "a server: Debian GNU/Linux 12" in screen
    assert "lab" in screen
    assert [line for line in screen.split("\n") if len(line) > 80 and str(disk) not in line] == []
    assert [line for line in screen.split("\n") if line != line.rstrip()] == []
    assert digest(disk) == was
    assert world.open_things(disk) <= before


def test_of_several_images_one_that_can_not_be_opened_hides_none(world: World, disk: Path, tmp_path: Path) -> None:
    bad = tmp_path / "empty.img"
    bad.touch()
    good, told = world.document("disks", disk, bad, *KERNEL)["disks"]
    assert (good["hostname"], told["next"]) == ("lab", "")
    assert "is empty" in told["problem"]
    screen = world.rescue("disks", bad, disk, *KERNEL).stdout
    assert "is empty" in screen
    assert f"rescue inspect {bad}" not in screen
    assert "is empty" in world.rescue("disks", bad, status=4).stderr


def test_two_roots_on_one_disk_each_have_their_command(world: World, disk: Path, tmp_path: Path) -> None:
    both, start, size = tmp_path / "both.raw", 1 << 20, 64 << 20
    with both.open("wb") as stream:
        stream.truncate(3 * start + 2 * size)
    places = [f"start={at // 512}, size={size // 512}" for at in (start, start + size)]
    layout = "\n".join(("label: gpt", *places))
    subprocess.run(["sfdisk", "--quiet", str(both)], input=layout, text=True, check=True)
    with disk.open("rb") as one, both.open("r+b") as stream:
        one.seek(start)
        content = one.read(size)
        for at in (start, start + size):
            stream.seek(at)
            stream.write(content)
    (found,) = world.document("disks", both, *KERNEL)["disks"]
    more = "--backend kernel"
    assert found["commands"] == [f"rescue inspect {both} --root {number} {more}" for number in (1, 2)]
    for words in found["commands"]:
        world.rescue(*words.split()[1:], "--json", status=3)


def test_a_device_is_listed_with_what_is_on_it(world: World, disk: Path, tmp_path: Path) -> None:
    device = subprocess.run(
        ["losetup", "--find", "--show", "--read-only", str(disk)], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        (found,) = world.document("disks", device)["disks"]
        assert (found["path"], found["type"], found["hostname"]) == (device, "loop", "lab")
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
    assert "is a folder" in world.rescue("disks", tmp_path, status=2).stderr
    world.rescue("disks", tmp_path / "none", status=4)

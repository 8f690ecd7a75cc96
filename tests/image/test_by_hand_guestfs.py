"""mount, umount and shell for images that libguestfs opens: this machine's kernel sees none of their file systems."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rescue.targets.appliance import launch
from tests.conftest import LoadImage
from tests.contract import images
from tests.machines.world import World, made_disk, new_world

pytestmark = [
    pytest.mark.image,
    pytest.mark.skipif(not launch.available(), reason="the bindings of libguestfs are not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a rescue system of its own needs root"),
    pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="this kernel has no FUSE"),
]

POINT = "/mnt/rescue-lab"
RESCUE = (sys.executable, "-m", "rescue")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with new_world(tmp_path) as made:
        yield made


def converted(source: Path, target: Path) -> Path:
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(source), str(target)], check=True)
    return target


def point_type(world: World) -> str:
    """What the kernel has mounted for it."""
    lines = Path(f"/proc/{world.pid}/mountinfo").read_text().split("\n")
    return next((line.partition(" - ")[2].split()[0] for line in lines if f" {POINT} " in line), "")


def left_open(world: World, image: Path, before: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What is open that was not before. libguestfs' own guard looks after its machine every two seconds, and goes."""
    for _ in range(100):
        # A folder of libguestfs' for temporary files stays after a kill: its name is known to nobody else.
        left = {each for each in world.open_things(image) - before if each[0] != "file"}
        if not left:
            break
        time.sleep(0.1)
    return left


def test_an_image_is_mounted_by_libguestfs_written_to_and_closed_again_after_a_kill(
    world: World, tmp_path: Path
) -> None:
    image = converted(made_disk(tmp_path), tmp_path / "server.qcow2")
    before = world.open_things(image)
    told = world.document("mount", image)["mounted"]
    assert (told["point"], told["writable"]) == (POINT, True)
    assert point_type(world) == "fuse"
    assert world.run("sh", "-c", f"echo by hand >{POINT}/etc/motd && mkdir {POINT}/made").returncode == 0
    assert "rescue umount" in world.rescue("mount", image, status=5).stderr
    # Nothing of it is run here, by whoever may write to it.
    world.run("sh", "-c", f"echo '#!/bin/sh' >{POINT}/run-me; chmod 755 {POINT}/run-me")
    assert world.run(f"{POINT}/run-me").returncode != 0
    assert "is unmounted" in world.rescue("umount").stdout
    assert world.open_things(image) <= before
    was = images.digest(image)
    assert not world.document("mount", image, "--read-only")["mounted"]["writable"]
    assert world.run("cat", f"{POINT}/etc/motd").stdout == "by hand\n"
    assert world.run("touch", f"{POINT}/etc/new").returncode != 0
    # The verbs take the folder as they take any other.
    assert json.loads(world.run(*RESCUE, "inspect", POINT, "--json").stdout)["target"]["method"] == "directory"
    record = next((tmp_path / "run/rescue/mounted").iterdir())
    os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)
    assert POINT in world.rescue("umount").stdout
    assert left_open(world, image, before) == set()
    assert images.digest(image) == was


def test_a_command_of_the_server_runs_in_the_appliance(world: World, lab_image: LoadImage, tmp_path: Path) -> None:
    disk = lab_image("debian12").root.parent / "gpt.raw"
    if not disk.exists():
        disk = disk.with_name("disk.raw")
    image = converted(disk, tmp_path / "server.qcow2")
    before = world.open_things(image)
    script = "; ".join((
        "hostname", "cat", "echo to the errors >&2", "uname -r", "ls -d /proc/[0-9]* | wc -l", "touch /root/made",
        "echo alice:correcthorse | chpasswd", "(sleep 600 &)", "head -c 3000000 /dev/zero | tr '\\0' x", "exit 7",
    ))  # fmt: skip
    done = world.rescue("shell", image, "--", "sh", "-c", script, status=7, typed="typed\n")
    host, typed, kernel, processes, many = done.stdout.split("\n")
    assert (host, typed) == ("server", "typed")
    assert kernel != os.uname().release
    # Itself, its shell, and what it runs: none of this machine's, nor the appliance's own.
    assert int(processes) <= 4
    assert many == "x" * 3_000_000
    assert "to the errors\n" in done.stderr
    assert world.open_things(image) <= before
    was = images.digest(image)
    script = "ls /root; grep -c 'alice:[$]y[$]' /etc/shadow; touch /root/more && exit 9; exit 3"
    told = world.rescue("shell", image, "--read-only", "--", "sh", "-c", script, status=3)
    assert told.stdout == "made\n1\n"
    world.rescue("shell", image, "--read-only", "--", "no such program", status=127)
    assert images.digest(image) == was
    assert world.open_things(image) <= before


def test_a_shell_to_type_in_is_not_begun_apart_from_this_machine(world: World, tmp_path: Path) -> None:
    disk = made_disk(tmp_path)
    refused = world.rescue("shell", disk, status=5).stderr
    assert f"rescue shell {disk} -- COMMAND" in refused
    assert f"rescue shell {disk} --backend kernel" in refused
    (tmp_path / "large").write_bytes(b"x" * ((1 << 20) + 1))
    with (tmp_path / "large").open("rb") as stream:
        command = world.command(*RESCUE, "shell", disk, "--", "cat")
        done = subprocess.run(command, stdin=stream, capture_output=True, text=True, env=world.environment, check=False)
    assert done.returncode == 2
    assert "rescue mount" in done.stderr


@pytest.mark.skipif(not all(map(shutil.which, ("setpriv", "fusermount"))), reason="no setpriv(1) or fusermount(1)")
def test_no_root_is_needed(world: World, tmp_path: Path) -> None:
    nobody = 65534
    with tempfile.TemporaryDirectory() as place:
        image = converted(made_disk(tmp_path), Path(place) / "server.qcow2")
        for path in (Path(place), image):
            os.chown(path, nobody, nobody)
        words = [
            "setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups", "env", f"HOME={place}",
            f"TMPDIR={place}", *RESCUE,
        ]  # fmt: skip
        if world.run(*words, "--version").returncode:
            pytest.skip("this checkout is closed to other users")
        done = world.run(*words, "mount", image)
        assert done.returncode == 0, done.stderr
        point = Path(place) / "rescue-lab"
        assert str(point) in done.stdout
        # FUSE shows it to that user alone, not to root either.
        read = world.run(*words[:5], "cat", point / "etc/hostname")
        assert read.stdout == "lab\n", read.stderr
        done = world.run(*words, "umount")
        assert done.returncode == 0, done.stderr
        assert not point.exists()
        assert [path.name for path in Path(place).iterdir() if not path.name.startswith((".", "rescue-65534"))] == [
            "server.qcow2"
        ]

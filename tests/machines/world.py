"""A rescue system of its own for a test, and all that a run of the program may leave open in it."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rescue.labs.images.disks import make_ext4, make_gpt
from rescue.labs.images.layout import stable_uuid
from tests.system.test_bad_input import plant

UUID = stable_uuid("mounted in a test")
REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 120
WORLD = 'mount --bind "$0" /run && mount -t tmpfs mnt /mnt && echo ready && exec sleep infinity'


@dataclass
class World:
    """A rescue system of its own: its mounts, its /run, its /mnt and its place for temporary files."""

    pid: int
    home: Path

    def command(self, *words: str | Path) -> list[str]:
        return ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "--wd=/", "--", *map(str, words)]

    @property
    def environment(self) -> dict[str, str]:
        # libguestfs' appliance is built once for all, not in the place for temporary files.
        cache = os.environ.get("LIBGUESTFS_CACHEDIR", "/var/tmp")
        return dict(
            os.environ, PYTHONPATH=str(REPOSITORY), TMPDIR=str(self.home / "tmp"), TERM="dumb",
            LIBGUESTFS_CACHEDIR=cache,
        )  # fmt: skip

    def run(self, *words: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words), input=typed, capture_output=True, text=True, timeout=PATIENCE, check=False,
            env=self.environment,
        )  # fmt: skip

    def rescue(self, *words: str | Path, status: int = 0, typed: str = "") -> subprocess.CompletedProcess[str]:
        done = self.run(sys.executable, "-m", "rescue", *words, typed=typed)
        assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def document(self, *words: str | Path) -> dict[str, Any]:
        made = json.loads(self.rescue(*words, "--json").stdout)
        assert isinstance(made, dict)
        return made

    def started(self, *words: str | Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(sys.executable, "-m", "rescue", *words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=self.environment, start_new_session=True,
        )  # fmt: skip

    def typed(self, *words: str | Path, answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
        """At a terminal of its own: each answer is typed after its prompt. The exit status and the screen."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *self.command(sys.executable, "-m", "rescue", *words)],
            stdin=slave, stdout=slave, stderr=slave, env=self.environment,
        )  # fmt: skip
        os.close(slave)
        seen, after, waiting, until = b"", 0, list(answers), time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if waiting and (at := seen.find(waiting[0][0].encode(), after)) >= 0:
                after = at + len(waiting[0][0])
                time.sleep(0.3)  # until it reads
                os.write(master, waiting.pop(0)[1].encode())
            if not select.select([master], [], [], 0.2)[0]:
                continue
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
        os.close(master)
        screen = seen.decode("utf-8", "replace").replace("\r\n", "\n")
        assert not waiting, screen
        return process.wait(PATIENCE), screen

    def open_things(self, disk: Path) -> set[tuple[str, str]]:
        """All that a run may leave: mounts, loop devices, processes, temporary files, lists of what is open."""
        loops = subprocess.run(["losetup", "--associated", str(disk)], capture_output=True, text=True, check=True)
        here = (os.getpid(), self.pid)
        mounts = Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()
        found = {
            # Networks of other tests come and go everywhere.
            "mount": [line for line in mounts if "/run/netns/" not in line],
            "loop": loops.stdout.splitlines(),
            "process": [
                path.parent.name
                for path in Path("/proc").glob("[0-9]*/cmdline")
                if str(self.home).encode() in _bytes(path) and int(path.parent.name) not in here
            ],
            "file": [path.name for path in (self.home / "tmp").iterdir()],
            "list": [str(path) for path in (self.home / "run/rescue").glob("*/*")],
            "point": [path.name for path in Path(f"/proc/{self.pid}/root/mnt").iterdir()],
        }
        return {(kind, each) for kind, things in found.items() for each in things}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@contextmanager
def new_world(tmp_path: Path) -> Iterator[World]:
    """It sees the mounts that are there when it is made, and no later ones."""
    for name in ("run", "tmp"):
        (tmp_path / name).mkdir()
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", WORLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        made = World(process.pid, tmp_path)
        try:
            yield made
        finally:
            made.run(sys.executable, "-m", "rescue", "umount")
            process.kill()


def made_disk(place: Path) -> Path:
    """A GPT disk with the healthy server's files; what is on it needs no program."""
    root = place / "root"
    root.mkdir()
    plant(root)
    for name in ("proc", "sys", "dev", "run"):
        (root / name).mkdir(exist_ok=True)
    made, disk = place / "ext4.raw", place / "server.raw"
    make_ext4(root, made, "64M", uuid=UUID)
    make_gpt(made, disk)
    made.unlink()
    shutil.rmtree(root)
    return disk


SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGHUP)


def interrupt(
    world: World, disk: Path, words: Sequence[str | Path], how: signal.Signals, seconds: float, *,
    first: Sequence[str | Path] = (),
) -> set[tuple[str, str]]:  # fmt: skip
    """Start ``rescue WORDS``, end it after `seconds`, then ``rescue umount``: what is open that was not before.

    first: the words of a run before it, to its end.
    """
    before = world.open_things(disk)
    if first:
        world.rescue(*first)
    process = world.started(*words)
    time.sleep(seconds)
    process.send_signal(how)
    process.wait(PATIENCE)
    # The holder of a mount whose caller was killed may still be at work.
    for _ in range(100):
        world.rescue("umount")
        if world.open_things(disk) <= before:
            break
        time.sleep(0.05)
    return world.open_things(disk) - before

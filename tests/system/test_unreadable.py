"""A disk that fails, for real: read errors and damaged inodes are named, and nothing is concluded from them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.test_bad_input import plant, run

pytestmark = [pytest.mark.system, pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")]

MACHINE = {"/etc/machine-id": "1" * 32 + "\n"}
BLOCK, SECTOR = 4096, 512
EXIT = 10


def image_of(root: Path, image: Path) -> Path:
    """An ext4 image with the files below `root`, a block of content each, without a journal."""
    with image.open("wb") as made:
        made.truncate(24 << 20)
    call("mkfs.ext4", "-q", "-O", "^has_journal", "-b", str(BLOCK), "-d", str(root), str(image))
    return image


def call(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def failing(image: Path, path: str, folder: Path) -> Iterator[Path]:
    """The image mounted, where every read of the file's first block is an error (EIO), by QEMU's blkdebug."""
    block = int(call("debugfs", "-R", f"blocks {path}", str(image)).split()[0])
    shown, point, pid = folder / "shown", folder / "point", folder / "pid"
    shown.touch()
    point.mkdir()
    sector = block * (BLOCK // SECTOR)
    inject = (
        f"inject-error.0.event=none,inject-error.0.sector={sector},inject-error.0.errno=5,inject-error.0.iotype=read"
    )
    daemon = subprocess.Popen(
        [
            "qemu-storage-daemon",
            *("--blockdev", f"driver=file,node-name=f,filename={image}"),
            *("--blockdev", f"driver=blkdebug,node-name=d,image=f,{inject}"),
            *("--export", f"type=fuse,id=e,node-name=d,mountpoint={shown},writable=on"),
            *("--pidfile", str(pid)),
        ]
    )
    try:
        for _ in range(100):
            if pid.exists() and shown.stat().st_size:
                break
            time.sleep(0.1)
        call("mount", "-o", "loop", str(shown), str(point))
        try:
            yield point
        finally:
            call("umount", str(point))
    finally:
        daemon.terminate()
        daemon.wait(EXIT)


def document(*words: str | Path) -> dict[str, Any]:
    done = run(*words, "--json")
    made: dict[str, Any] = json.loads(done.stdout)
    return made


@pytest.mark.parametrize(
    "path", ["/etc/ssh/sshd_config", "/etc/shadow", "/etc/ssh/ssh_host_ed25519_key", "/home/alice/.ssh/authorized_keys"]
)
def test_a_read_error_is_named_and_nothing_is_written(path: str, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    image = image_of(plant(tmp_path / "server", {**MACHINE}), tmp_path / "image")
    with failing(image, path, tmp_path) as point:
        found = document("inspect", point)
        assert found["verdict"] == "doubtful"
        assert {each["severity"] for each in found["findings"]} == {"doubtful"}
        (named,) = [each for each in found["findings"] if each["cause"] == "file-unreadable"]
        assert named["message"] == f"{path} could not be read: Input/output error."
        assert [each["title"] for each in named["repairs"]] == ["copy the disk first, and work on the copy"]
        before = {each: each.read_bytes() for each in _readable(point / "etc", point / path.lstrip("/"))}
        fixed = run("fix", point, "--yes", "--unsafe", "--json")
        assert fixed.returncode == 3
        assert json.loads(fixed.stdout)["changes"] == []
        assert {each: each.read_bytes() for each in before} == before


def _readable(folder: Path, but: Path) -> list[Path]:
    return [each for each in sorted(folder.rglob("*")) if each.is_file() and not each.is_symlink() and each != but]


@pytest.mark.parametrize("path", ["/etc/ssh/sshd_config", "/etc/ssh/ssh_host_ed25519_key"])
def test_a_damaged_inode_is_not_a_file_that_is_not_there(path: str, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    image = image_of(plant(tmp_path / "server", {**MACHINE}), tmp_path / "image")
    call("debugfs", "-w", "-R", f"sif {path} block[0] 0x11111111", str(image))
    found = document("inspect", image, "--backend", "kernel")
    assert [each["cause"] for each in found["findings"]] == ["file-unreadable"]
    assert path in found["findings"][0]["message"]
    assert found["verdict"] == "doubtful"

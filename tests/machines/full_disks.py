"""Disks that are full, in the ways in which they get full."""

from __future__ import annotations

import os
from pathlib import Path

from tests.machines.broken import BrokenRoot

CHUNK = 4 << 20

LINE = b"Nov 22 19:00:00 server app[812]: the same complaint as a second ago, word for word\n"


def one_log(server: BrokenRoot) -> None:
    """One log that grew until nothing was left."""
    _fill(server.path / "var/log/app.log")


def rotated_logs(server: BrokenRoot) -> None:
    """Logs that logrotate kept, and a small live one."""
    logs = server.path / "var/log"
    for number in range(1, 6):
        _fill(logs / f"app.log.{number}", limit=12 << 20)
    (logs / "app.log").write_bytes(LINE * 1000)
    _fill(logs / "app.log.6")


def many_files(server: BrokenRoot) -> None:
    """Crash reports, one file each, until no inode is left."""
    crashes = server.path / "var/crash"
    crashes.mkdir(exist_ok=True)
    number = 0
    while True:
        try:
            (crashes / f"_usr_bin_app.1000.{number}.crash").touch()
        except OSError:
            return
        number += 1


def _fill(path: Path, limit: int | None = None) -> None:
    """Write lines until `limit` bytes are there or the disk is full."""
    block = LINE * (CHUNK // len(LINE))
    with path.open("ab", buffering=0) as stream:
        written = 0
        while limit is None or written < limit:
            try:
                count = stream.write(block)
            except OSError:
                break
            written += count
        os.fsync(stream.fileno())

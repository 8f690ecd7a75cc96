"""When a server was last started, according to its files."""

from __future__ import annotations

import struct

from rescue.tree import Read, Tree

_WTMP = "/var/log/wtmp"
_SEEDS = ("/var/lib/systemd/random-seed", "/var/lib/random-seed", "/var/lib/urandom/random-seed")
_LIMIT = 4 << 20
_RECORD = 384
"""Bytes of a record of utmp(5) on the architectures that Linux servers have."""
_TYPE, _SECONDS = 0, 340
_BOOT_TIME = 2

READS = (Read(_WTMP, depth=0, limit=_LIMIT), *(Read(path, depth=0, content=False) for path in _SEEDS))
"""What `last_boot` looks at."""


def last_boot(tree: Tree) -> int:
    """Seconds since the epoch of the last start, 0 if unknown.

    wtmp(5) says so itself. Without it (Debian 13 keeps none) the random seed does, nearly: it is written by every start
    and every orderly end (systemd-random-seed.service(8)).
    """
    return max(_boots(tree.data_if_read(_WTMP) or b""), *(_written(tree, path) for path in _SEEDS))


def _boots(data: bytes) -> int:
    found = 0
    for at in range(0, len(data) - _RECORD + 1, _RECORD):
        kind, seconds = struct.unpack_from("<h", data, at + _TYPE)[0], struct.unpack_from("<I", data, at + _SECONDS)[0]
        if kind == _BOOT_TIME:
            found = seconds
    return found


def _written(tree: Tree, path: str) -> int:
    entry = tree.entry(path)
    return entry.modified // 10**9 if entry is not None and entry.is_file else 0

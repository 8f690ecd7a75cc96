"""Which files of a server remember what happened, and how much of them is read: the newest first, 64 MiB in all."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import lru_cache
from io import BytesIO
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from rescue.logs.lines import LIMIT
from rescue.machine_id import MACHINE_ID_READ, machine_id
from rescue.tree import Entry, LinkLoop, Read, Tree

JOURNALS = "/var/log/journal"
LOGS = "/var/log"
LOCALTIME = "/etc/localtime"
APT, ZYPP = "/var/log/apt", "/var/log/zypp"

BUDGET = 64 << 20
"""Bytes that are read in all, of journals and of text logs each."""
JOURNAL_LIMIT = 64 << 20
"""Bytes of one journal. journald begins a new file long before."""
MOST_JOURNALS, MOST_LOGS = 12, 24

_BASES = (
    r"auth\.log|secure|messages|syslog|kern\.log|dmesg|boot\.log|daemon\.log|ufw\.log|fail2ban\.log"
    r"|cloud-init\.log|cloud-init-output\.log|dpkg\.log|dnf\.rpm\.log"
)
_LOG = re.compile(rf"(?P<base>{_BASES})(?:[.-](?P<old>\d{{1,8}}))?(?:\.gz)?")
_PACKAGES = re.compile(r"history\.log(?:\.\d{1,3}(?:\.gz)?)?|history")

LISTING_READS = (
    Read(JOURNALS, depth=2, content=False), MACHINE_ID_READ, Read(LOGS, depth=1, content=False),
    Read(LOCALTIME, depth=0),
)  # fmt: skip
"""What is looked at before it is known which files are to be read."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """paths: the files to read, the newest first. unread: what is not, in words."""

    paths: tuple[PurePosixPath, ...]
    unread: tuple[str, ...] = ()


def journals(tree: Tree) -> Chosen:
    """The journals of this machine; another machine's (which came with an image) where there is none of its own."""
    tree.require(*LISTING_READS)
    own = machine_id(tree)
    found = []
    for folder in tree.children(JOURNALS):
        for name in tree.children(f"{JOURNALS}/{folder}"):
            if name == "system.journal" or (name.startswith("system@") and name.endswith((".journal", ".journal~"))):
                path = PurePosixPath(JOURNALS, folder, name)
                entry = tree.entry(path)
                if entry is not None and entry.is_file and entry.size:
                    found.append((folder == own, name == "system.journal", entry.modified, entry.size, path))
    found.sort(key=lambda each: each[:3], reverse=True)
    mine = [(size, path) for owned, _, _, size, path in found if owned == found[0][0]]
    return _bounded(tree, mine, MOST_JOURNALS, JOURNAL_LIMIT)


def text_logs(tree: Tree, bases: frozenset[str] | None = None, limit: int = LIMIT) -> Chosen:
    """The text logs whose names without a rotation's number are in `bases` (None: all), the newest first.

    limit: bytes of one log.
    """
    tree.require(*LISTING_READS)
    found, no_files = [], []
    for name in tree.children(LOGS):
        match = _LOG.fullmatch(name)
        if match is None or (bases is not None and match["base"] not in bases):
            continue
        path = PurePosixPath(LOGS, name)
        entry = _there(tree, path)
        if entry is None or not entry.is_file:
            no_files.append(f"{path} is not a file that can be read")
        elif entry.size:
            found.append((bool(match["old"]), -entry.modified, int(match["old"] or 0), entry.size, path))
    found.sort(key=lambda each: each[:3])
    chosen = _bounded(tree, [(size, path) for *_, size, path in found], MOST_LOGS, limit)
    return Chosen(chosen.paths, (*chosen.unread, *no_files))


def _there(tree: Tree, path: PurePosixPath) -> Entry | None:
    """What is at the path; None for a link that leads nowhere, or in a circle."""
    try:
        return tree.entry(path)
    except LinkLoop:
        return None


def package_logs(tree: Tree) -> Chosen:
    """The histories that apt and zypper keep in directories of their own."""
    tree.require(Read(APT, depth=1, content=False), Read(ZYPP, depth=1, content=False))
    found = []
    for folder in (APT, ZYPP):
        for name in tree.children(folder):
            path = PurePosixPath(folder, name)
            entry = tree.entry(path) if _PACKAGES.fullmatch(name) else None
            if entry is not None and entry.is_file and entry.size:
                found.append((-entry.modified, entry.size, path))
    found.sort(key=lambda each: each[0])
    return _bounded(tree, [(size, path) for _, size, path in found], 4, LIMIT)


def _bounded(tree: Tree, found: list[tuple[int, PurePosixPath]], most: int, limit: int) -> Chosen:
    """The first ones that are within the budget, which are captured; raises `NotCaptured` for all of them at once."""
    taken, unread, total = [], [], 0
    for size, path in found[:most]:
        if size > limit:
            unread.append(f"{path} was not read: it has {size:,} bytes")
        elif total + size > BUDGET:
            unread.append(f"{path} was not read: newer logs have {total:,} bytes")
        else:
            taken.append(path)
            total += size
    if len(found) > most:
        unread.append(f"{len(found) - most} older logs were not read")
    tree.require(*(Read(str(path), depth=0, limit=limit) for path in taken))
    return Chosen(tuple(taken), tuple(unread))


def zone_of(tree: Tree) -> tzinfo:
    """The server's time zone, by which its logs without one go; UTC where it has none, or one that can't be read."""
    return _zone(tree.data_if_read(LOCALTIME) or b"")


@lru_cache(maxsize=4)
def _zone(data: bytes) -> tzinfo:
    if not data.startswith(b"TZif"):
        return UTC
    try:
        return ZoneInfo.from_file(BytesIO(data))
    except (ValueError, IndexError, OverflowError, MemoryError, struct.error):
        return UTC


def is_log(path: str) -> bool:
    """Whether the file at the path is one of these, which say who logged in, and from where."""
    folder, _, name = path.rpartition("/")
    if folder in (APT, ZYPP):
        return _PACKAGES.fullmatch(name) is not None
    return path.startswith(f"{JOURNALS}/") or (folder == LOGS and _LOG.fullmatch(name) is not None)

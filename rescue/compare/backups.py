"""An earlier state made of the backups that lie beside the files: what editors, packages and programs keep. Pure.

A backup says what one file was, not what the server was: it is a candidate for an earlier state, and nothing more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from rescue.tree import Entry, Read, Tree

BACKUPS_READ = Read("/etc", depth=3)
_BACKUP = re.compile(
    r"(?P<base>.+?)"
    r"(?:\.(?:dpkg-old|dpkg-bak|ucf-old|rpmsave|bak\d{0,14}|backup|orig|old|save|\d{8}[_T-]?\d{0,6})|~|(?<=[a-z])-)"
)
"""Of Debian's and Red Hat's packages, of people, of ufw (user.rules.20261201_101010), of passwd(5)'s tools (shadow-).
Not among them are .dpkg-dist, .dpkg-new and .rpmnew, which hold what a package offered."""
MOST = 500


@dataclass(frozen=True, slots=True)
class Backup:
    """A file that has another content than the newest backup beside it."""

    path: PurePosixPath
    backup: PurePosixPath


def from_backups(tree: Tree) -> tuple[Tree, tuple[Backup, ...]]:
    """`tree` with each file's newest backup in its place, with the file's own mode and owner; and which those are."""
    newest: dict[str, tuple[int, str, Entry]] = {}
    for path, entry in tree.captured:
        if not path.startswith("/etc/") or not entry.is_file or entry.data is None:
            continue
        folder, _, name = path.rpartition("/")
        found = _BACKUP.fullmatch(name)
        if found is None:
            continue
        base = f"{folder}/{found['base']}"
        known = newest.get(base)
        if known is None or (entry.modified, path) > known[:2]:
            newest[base] = (entry.modified, path, entry)
    changed: dict[str, Entry | None] = {}
    made = []
    for base, (_, path, backup) in sorted(newest.items())[:MOST]:
        now = tree.lentry(base)
        if now is None or not now.is_file or now.data is None or now.data == backup.data or backup.data is None:
            continue
        changed[base] = replace(now, data=backup.data, size=len(backup.data))
        made.append(Backup(PurePosixPath(base), PurePosixPath(path)))
    return (tree.with_entries(changed, edited=False) if changed else tree), tuple(made)

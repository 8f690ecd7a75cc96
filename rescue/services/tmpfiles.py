"""The owners that systemd-tmpfiles gives existing files at each boot (tmpfiles.d(5))."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.model import Location
from rescue.tree import Read, Tree

FOLDERS = ("/etc/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d")
"""For each file name, the first directory that has it wins."""
TMPFILES_READS = tuple(Read(folder, depth=1) for folder in FOLDERS)
MOST_LINES = 2000

_OWNED = compile_pattern(r"[dDevqQzZfFw][-!=~^+$]*")


def tmpfile_lines(tree: Tree) -> Iterator[tuple[list[str], Location]]:
    """The fields of every line, in the order in which they count."""
    tree.require(*TMPFILES_READS)
    files: dict[str, str] = {}
    for folder in FOLDERS:
        for name in tree.children(folder):
            if name.endswith(".conf"):
                files.setdefault(name, f"{folder}/{name}")
    for name in sorted(files):
        for number, line in enumerate((tree.text_if_read(files[name]) or "").split("\n")[:MOST_LINES], start=1):
            if fields := line.split():
                yield fields, Location(PurePosixPath(files[name]), number, line)


def owner_given(tree: Tree, path: PurePosixPath) -> tuple[str, Location] | None:
    """The owner that a line gives to the file or directory of exactly that name, and the line; None if none does.

    A colon before the owner is for what is made anew only.
    """
    for fields, location in tmpfile_lines(tree):
        if len(fields) < 4 or not _OWNED.fullmatch(fields[0]):
            continue
        if fields[1].rstrip("/") == str(path) and fields[3][0] not in ":-":
            return fields[3], location
    return None

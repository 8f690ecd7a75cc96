"""The part of a snapshot that somebody sees after chroot(2) into a directory of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TypeVar

from rescue.tree.reads import NotCaptured, Read
from rescue.tree.snapshot import Tree

T = TypeVar("T")


def seen_from(tree: Tree, directory: PurePosixPath, look: Callable[[Tree], T]) -> T:
    """What `look` finds in the tree whose root is `directory`, which is real: links there never lead out of it.

    Raises NotCaptured with the paths as the whole tree has them.
    """
    base = str(directory) if str(directory) != "/" else ""
    try:
        return look(_rooted(tree, base) if base else tree)
    except NotCaptured as problem:
        if not base:
            raise
        raise NotCaptured(*(replace(read, path=f"{base}{read.path}".rstrip("/")) for read in problem.reads)) from None


def _rooted(tree: Tree, base: str) -> Tree:
    entries = {path[len(base) :] or "/": entry for path, entry in tree.captured if f"{path}/".startswith(f"{base}/")}
    reads = (_moved(read, base) for read in tree.reads)
    return Tree(entries, (read for read in reads if read is not None))


def _moved(read: Read, base: str) -> Read | None:
    """What a request covers below the directory."""
    if f"{read.path}/".startswith(f"{base}/"):
        return replace(read, path=read.path[len(base) :] or "/")
    above = read.path if read.path != "/" else ""
    if not base.startswith(f"{above}/"):
        return None
    depth = read.depth - base[len(above) :].count("/")
    return replace(read, path="/", depth=depth) if depth >= 0 else None

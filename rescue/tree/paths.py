"""Paths as keys of a tree's dictionary: absolute, normalised text."""

from __future__ import annotations

from fnmatch import translate
from functools import lru_cache
from pathlib import PurePosixPath
from re import Pattern
from re import compile as compile_pattern

AnyPath = str | PurePosixPath


def bytes_of(name: str) -> bytes:
    """A name as strcmp(3) compares it."""
    return name.encode("utf-8", "surrogateescape")


def key_of(path: AnyPath) -> str:
    """The dictionary's key for `path`. ValueError for a relative one, which is a bug of the caller."""
    text = path if isinstance(path, str) else str(path)
    if not text.startswith("/"):
        raise ValueError(f"a path in a tree is absolute, not {text!r}")
    return text.rstrip("/") or "/"


def parent_of(key: str) -> str:
    """The directory that holds `key`; the root is its own."""
    return key.rpartition("/")[0] or "/"


def parents_of(key: str) -> tuple[str, ...]:
    """Every directory above `key`, the root first."""
    parts = key.split("/")[1:-1]
    found, at = ["/"], ""
    for part in parts:
        at = f"{at}/{part}"
        found.append(at)
    return tuple(found) if key != "/" else ()


@lru_cache(maxsize=256)
def matcher(part: str) -> Pattern[str]:
    """What one component of a pattern of glob(7) matches."""
    return compile_pattern(translate(part))

"""A SQLite database of a tree, with the companions that a crash leaves beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rescue.formats.sqlite_image import JOURNAL, WAL, DatabaseImage, NotSqlite, image_of, is_hot
from rescue.tree import Read, Tree

LARGEST = 1 << 26
"""Bytes of a database, and of each of its companions, that are read."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database as its program will find it. `image` raises NotSqlite where it can't be read."""

    path: PurePosixPath
    data: bytes = field(repr=False)
    wal: bytes = field(repr=False, default=b"")
    journal: bytes = field(repr=False, default=b"")

    @property
    def image(self) -> DatabaseImage:
        return image_of(self.data, self.wal, self.journal)

    def written(self, tree: Tree, data: bytes) -> Tree:
        """The tree in which the database's file holds `data`, and nothing beside it says otherwise."""
        stale = [_beside(self.path, WAL)] if self.wal else []
        stale += [_beside(self.path, JOURNAL)] if is_hot(self.journal) else []
        return tree.remove(*stale).write(self.path, data)


def _beside(path: PurePosixPath, ending: str) -> PurePosixPath:
    return path.with_name(path.name + ending)


def open_database(tree: Tree, path: PurePosixPath) -> Database | None:
    """The database at `path`; None if there is none. Raises `NotCaptured`, and NotSqlite if it is too large."""
    # Links are followed first: SQLite looks for the companions beside the real file.
    tree.require(Read(str(path), depth=0, limit=LARGEST))
    if not path.name or tree.entry(path) is None:
        return None
    real = tree.resolve(path)
    beside = [_beside(real, ending) for ending in (WAL, JOURNAL)]
    tree.require(*(Read(str(each), depth=0, limit=LARGEST) for each in beside))
    found = []
    for each in (real, *beside):
        entry = tree.entry(each)
        data = tree.data_if_read(each)
        if data is None and entry is not None:
            raise NotSqlite(f"{each} could not be read" if entry.is_file else f"{each} is not a regular file")
        found.append(data or b"")
    return Database(real, *found)

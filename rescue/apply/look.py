"""What is at the paths of a fix now, in one capture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.formats.hostname import HOSTNAME, read_hostname
from rescue.targets.protocol import Target
from rescue.tree import Entry, LinkLoop, NotCaptured, Read, Tree
from rescue.undo_log import RecordedChange, Standing
from rescue.undo_log.record import KEPT_FLAGS


@dataclass(frozen=True, slots=True)
class Sight:
    """The entries at some paths.

    elsewhere: paths that now lead through a link, and so mean another file. homeless: paths whose directory does not
    exist. protected: immutable or append-only directories around the paths, with their flags.
    """

    entries: Mapping[PurePosixPath, Entry | None]
    elsewhere: frozenset[PurePosixPath]
    protected: tuple[tuple[PurePosixPath, int], ...] = ()
    hostname: str = ""
    homeless: frozenset[PurePosixPath] = frozenset()

    def standing(self, change: RecordedChange) -> Standing:
        """Whether the change's path is in the state before the change, after it, or neither."""
        if change.path in self.elsewhere:
            return Standing.OTHER
        return change.standing(self.entries[change.path])


def look(target: Target, changes: Iterable[RecordedChange]) -> Sight:
    """What is at the paths of the changes, with the content where it is needed for the comparison."""
    listed = tuple(changes)
    tree = target.capture([Read(HOSTNAME, depth=0, limit=4096), *(_read(change) for change in listed)])
    entries: dict[PurePosixPath, Entry | None] = {}
    elsewhere = set()
    for change in listed:
        if _leads_to(tree, change.path) == change.path:
            entries[change.path] = tree.lentry(change.path)
        else:
            elsewhere.add(change.path)
            entries[change.path] = None
    around = {change.path.parent for change in listed if change.path not in elsewhere} - entries.keys()
    protected = tuple(
        (path, entry.flags & KEPT_FLAGS)
        for path in sorted(around)
        if (entry := tree.lentry(path)) is not None and entry.is_dir and entry.flags & KEPT_FLAGS
    )
    homeless = {path for path in entries.keys() - elsewhere if not _is_directory(tree, path.parent)}
    return Sight(entries, frozenset(elsewhere), protected, _hostname(tree), frozenset(homeless))


def is_empty(target: Target, path: PurePosixPath) -> bool:
    """Whether the directory is empty."""
    return not target.capture([Read(str(path), depth=1, content=False)]).children(path)


def _read(change: RecordedChange) -> Read:
    sides = [side for side in (change.before, change.after) if side is not None and side.digest]
    return Read(
        str(change.path),
        depth=0,
        content=bool(sides),
        limit=max((side.size for side in sides), default=0),
    )


def _is_directory(tree: Tree, path: PurePosixPath) -> bool:
    entry = tree.lentry(path)
    return entry is not None and entry.is_dir


def _leads_to(tree: Tree, path: PurePosixPath) -> PurePosixPath | None:
    try:
        return tree.resolve(path, follow_last=False)
    except (LinkLoop, NotCaptured):
        return None


def _hostname(tree: Tree) -> str:
    try:
        name = read_hostname(tree)
    except NotCaptured:  # a link that leads far away: only the name shown to people is lost
        return ""
    return name if name.isascii() and name.isprintable() else ""

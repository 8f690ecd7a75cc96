"""Write one change, roll one back, or roll back a whole fix."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import PurePosixPath

from rescue.apply.errors import JournalError
from rescue.apply.look import Sight, is_empty, look
from rescue.apply.outcome import TakenBack, named
from rescue.targets.protocol import NoSpace, Target, TargetError
from rescue.tree import Action, Change, Entry, Kind
from rescue.undo_log import JournalStore, Record, RecordedChange, Standing
from rescue.undo_log.encoding import CONTENT_LIMIT
from rescue.undo_log.store import DIFF


def perform(target: Target, change: Change) -> None:
    """Write one change."""
    before, after = change.before, change.after
    if after is None:
        target.remove(change.path)
    elif change.action is Action.METADATA:
        target.set_metadata(change.path, after)
    elif change.action is Action.SHORTEN:
        target.shorten(change.path, after.size)
    else:
        if before is not None and before.is_dir != after.is_dir:
            target.remove(change.path)
        target.put(change.path, after)


def old_contents(store: JournalStore, record: Record, sight: Sight) -> dict[str, bytes]:
    """The saved contents that are needed, each verified. Raises JournalError if one is missing or damaged.

    A path that is already as before, or not to be touched, needs none: a missing file does not block the rest.
    """
    wanted = {
        change.kept: change
        for change in record.changes
        if change.kept and sight.standing(change) not in (Standing.BEFORE, Standing.OTHER)
    }
    found = store.read(record.id, wanted, CONTENT_LIMIT)
    bad = [
        change.path
        for name, change in wanted.items()
        if change.before is None or sha256(found.get(name, b"")).hexdigest() != change.before.digest
    ]
    if bad:
        raise JournalError(
            f"the old content of {named(bad)} is missing from the record of fix {record.id}, or damaged",
            f"Nothing was written. What is left of it is in fixes/{record.id}/before/ of the undo log.",
        )
    return found


def take_back(target: Target, store: JournalStore, record: Record, contents: Mapping[str, bytes]) -> TakenBack:
    """Restore every path of a fix that is in the state after the change or halfway. What was made is removed first.

    Durable on return. If there is no room, delete the diff for people first.
    """
    try:
        back = _take_back(target, record, contents)
    except NoSpace:
        store.discard(record.id, DIFF)
        target.sync()
        back = _take_back(target, record, contents)
    target.sync()
    return back


def _take_back(target: Target, record: Record, contents: Mapping[str, bytes]) -> TakenBack:
    sight = look(target, record.changes)
    restored: list[PurePosixPath] = []
    lost: list[PurePosixPath] = []
    differs: list[PurePosixPath] = []
    kept: list[PurePosixPath] = []
    # What was removed is restored last, into the room freed by what was made.
    backwards = record.changes[::-1]
    for change in sorted(backwards, key=lambda each: each.after is None):
        standing = sight.standing(change)
        if not change.reversible:
            if standing is Standing.AFTER:
                lost.append(change.path)
        elif standing is Standing.OTHER:
            differs.append(change.path)
        elif standing is not Standing.BEFORE:
            done = _restore(target, change, sight.entries[change.path], contents)
            (restored if done else kept).append(change.path)
    return TakenBack(tuple(restored), tuple(lost), tuple(differs), tuple(kept))


def not_back(sight: Sight, record: Record, back: TakenBack) -> list[PurePosixPath]:
    """The paths that should be as before but are not."""
    left = {*back.differs, *back.kept}
    return [
        change.path
        for change in record.changes
        if change.reversible and change.path not in left and sight.standing(change) is not Standing.BEFORE
    ]


def _restore(target: Target, change: RecordedChange, present: Entry | None, contents: Mapping[str, bytes]) -> bool:
    """Restore what was there; False if a directory is kept because it is not empty."""
    before, path = change.before, change.path
    if before is None:
        if present is not None and present.is_dir and not is_empty(target, path):
            return False
        target.remove(path)
        return True
    if change.action is Action.METADATA:
        target.set_metadata(path, before.entry())
        return True
    if present is not None and present.is_dir != (before.kind is Kind.DIR):
        target.remove(path)
    if change.kept and change.kept not in contents:
        raise TargetError(f"{named([path])} was changed by somebody else meanwhile", "Run the same command again.")
    target.put(path, before.entry(contents[change.kept] if change.kept else None))
    return True

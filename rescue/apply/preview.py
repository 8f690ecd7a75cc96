"""Preview an undo without writing anything, so that the user can decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from rescue.apply.look import Sight, look
from rescue.apply.past import choose, damaged, verified
from rescue.apply.write import old_contents
from rescue.targets.protocol import Target
from rescue.tree import Action, Change, Entry
from rescue.undo_log import InTarget, JournalStore, Record, RecordedChange, Standing, State, read_records


@dataclass(frozen=True, slots=True)
class Undoing:
    """What an undo would do.

    record: of the fix to undo. changes: from the present state to the one before the fix, where they differ. differs:
    paths that match neither the state before nor the one after, and would not be touched (only for an interrupted fix;
    else the undo is refused). interrupted: killed fixes that would be recovered first. damaged: fixes whose record
    can't be read, which would be skipped.
    """

    record: Record
    changes: tuple[Change, ...]
    differs: tuple[PurePosixPath, ...] = ()
    interrupted: tuple[Record, ...] = ()
    damaged: tuple[Record, ...] = ()


def undoing(target: Target, fix_id: str | None = None, *, store: JournalStore | None = None) -> Undoing:
    """What `undo` with the same arguments would do now. Writes nothing. Raises what `undo` raises before it writes."""
    journal = store or InTarget(target)
    records = read_records(journal)
    pending = [record for record in records if record.interrupted]
    records = tuple(_ended(target, record) for record in records)
    half = [record for record in records if record.interrupted and fix_id in (None, record.id)]
    if half:
        # Rolling back the interrupted fix is its undo.
        record = half[-1]
        sight = look(target, record.changes)
    else:
        record = choose(records, fix_id)
        sight = verified(target, record, records)
    contents = old_contents(journal, record, sight)
    return Undoing(
        record,
        tuple(
            _back(change, sight.entries[change.path], contents.get(change.kept))
            for change in record.changes[::-1]
            if change.reversible and sight.standing(change) in (Standing.AFTER, Standing.BETWEEN)
        ),
        tuple(change.path for change in record.changes if change.reversible and _is_other(sight, change)),
        tuple(each for each in pending if each.id != record.id),
        damaged(records),
    )


def _ended(target: Target, record: Record) -> Record:
    """Treat a fix that was killed after its last change as done."""
    if record.state is not State.STARTED:
        return record
    sight = look(target, record.changes)
    whole = {sight.standing(change) for change in record.changes} <= {Standing.AFTER}
    return record.at(State.DONE) if whole else record


def _is_other(sight: Sight, change: RecordedChange) -> bool:
    return sight.standing(change) is Standing.OTHER


def _back(change: RecordedChange, present: Entry | None, data: bytes | None) -> Change:
    """The changes from the present state to the one before the fix."""
    before = change.before
    if before is None:
        return Change(change.path, present, None)
    if change.action is Action.METADATA and present is not None:
        owner = replace(
            present, mode=before.mode, uid=before.uid, gid=before.gid, xattrs=before.xattrs, flags=before.flags
        )
        return Change(change.path, present, owner)
    return Change(change.path, present, before.entry(data))

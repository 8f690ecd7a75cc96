"""What an undo would do, without a byte being written: for whoever is asked whether it shall."""

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

    record: of the fix to be taken back. changes: from what is there now to what was before the fix, as far as they
    differ. differs: paths that would not be touched, as they are neither (of an interrupted fix alone; else the undo
    is refused). interrupted: fixes that were killed, which would be ended first. damaged: fixes whose record can't be
    read, which would be passed over.
    """

    record: Record
    changes: tuple[Change, ...]
    differs: tuple[PurePosixPath, ...] = ()
    interrupted: tuple[Record, ...] = ()
    damaged: tuple[Record, ...] = ()


def undoing(target: Target, fix_id: str | None = None, *, store: JournalStore | None = None) -> Undoing:
    """What `undo` would do now with the same words. Writes nothing. Raises what `undo` raises before it writes."""
    journal = store or InTarget(target)
    records = read_records(journal)
    pending = [record for record in records if record.interrupted]
    records = tuple(_ended(target, record) for record in records)
    half = [record for record in records if record.interrupted and fix_id in (None, record.id)]
    if half:
        # The undo of what was left half done is its end.
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
    """A fix that was killed after its last change is as good as done."""
    if record.state is not State.STARTED:
        return record
    sight = look(target, record.changes)
    whole = {sight.standing(change) for change in record.changes} <= {Standing.AFTER}
    return record.at(State.DONE) if whole else record


def _is_other(sight: Sight, change: RecordedChange) -> bool:
    return sight.standing(change) is Standing.OTHER


def _back(change: RecordedChange, present: Entry | None, data: bytes | None) -> Change:
    """From what is there to what was."""
    before = change.before
    if before is None:
        return Change(change.path, present, None)
    if change.action is Action.METADATA and present is not None:
        owner = replace(
            present, mode=before.mode, uid=before.uid, gid=before.gid, xattrs=before.xattrs, flags=before.flags
        )
        return Change(change.path, present, owner)
    return Change(change.path, present, before.entry(data))

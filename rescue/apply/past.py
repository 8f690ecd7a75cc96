"""List the fixes made so far, and undo one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.apply.errors import ApplyError, JournalError, NothingToUndo, UndoRefused, reason
from rescue.apply.look import Sight, look
from rescue.apply.outcome import Recovered, TakenBack, named
from rescue.apply.recovery import Clock, mark, recover_held, taken_back, utc_now
from rescue.apply.write import not_back, old_contents, take_back
from rescue.targets.protocol import Target, TargetError
from rescue.tree import Kind
from rescue.undo_log import InTarget, JournalStore, Record, Standing, State, read_records
from rescue.undo_log.encoding import damaged_hint
from rescue.undo_log.store import by_time


@dataclass(frozen=True, slots=True)
class Undone:
    """The result of an undo.

    record: as it is now. restored: paths that are as before the fix again. not_restorable: logs and caches that the
    fix removed or shortened. kept: directories that the fix made and that now hold something else. place: where the
    undo log is, which is kept. recovered: what had to be recovered first; the undo itself, if it had been interrupted.
    damaged: fixes whose record can't be read, none of them later than this one by its name.
    """

    record: Record
    restored: tuple[PurePosixPath, ...]
    not_restorable: tuple[PurePosixPath, ...]
    kept: tuple[PurePosixPath, ...]
    place: str
    recovered: tuple[Recovered, ...] = ()
    damaged: tuple[Record, ...] = ()


def history(target: Target, store: JournalStore | None = None) -> tuple[Record, ...]:
    """Every fix of the target, oldest first; a damaged record's state is UNREADABLE. Writes nothing."""
    return read_records(store or InTarget(target))


def interrupted(target: Target, store: JournalStore | None = None) -> Record | None:
    """The latest fix or undo that was killed and has not been recovered; None if there is none. Writes nothing."""
    return next((record for record in reversed(history(target, store)) if record.interrupted), None)


def recover(target: Target, store: JournalStore | None = None, *, now: Clock = utc_now) -> tuple[Recovered, ...]:
    """Finish or roll back what a kill or a power cut left half done, and return it; () if there was nothing.

    Raises TargetBusy, Conflict, ApplyError.
    """
    with target.lock():
        journal = store or InTarget(target)
        return recover_held(target, journal, read_records(journal), now)


def undo(
    target: Target, fix_id: str | None = None, *, store: JournalStore | None = None, now: Clock = utc_now
) -> Undone:
    """Undo a fix: the one named, else the latest. Its folder in the undo log is kept, and records the undo.

    Verifies first that every path is as the fix left it (or already as before it). Raises UndoRefused if one is not,
    NothingToUndo, JournalError if the record is damaged, TargetBusy; ApplyError if it fails midway, and then the next
    run continues.
    """
    with target.lock():
        journal = store or InTarget(target)
        records = read_records(journal)
        recovered = recover_held(target, journal, records, now)
        for each in recovered:
            if not each.finished and fix_id in (None, each.record.id):
                return _undone(each.record, each.back, journal, recovered, damaged(records))
        if recovered:
            records = read_records(journal)
        record = choose(records, fix_id)
        contents = old_contents(journal, record, verified(target, record, records))
        try:
            mark(journal, record.at(State.UNDOING))
            target.sync()
        except (TargetError, OSError) as problem:
            raise ApplyError(
                f"the undo of {record.id} can't be recorded, so nothing was restored: {reason(problem)}",
                f"Make {journal.place} writable, with free space, then run the same command again.",
            ) from problem
        try:
            back, record = _take_back(target, journal, record, contents, now)
        except (TargetError, OSError) as problem:
            raise ApplyError(
                f"the undo of {record.id} stopped halfway: {reason(problem)}",
                "Make the disk writable, with free space, then run rescue again: it continues the undo.",
            ) from problem
        return _undone(record, back, journal, recovered, damaged(records))


def _take_back(
    target: Target, journal: JournalStore, record: Record, contents: dict[str, bytes], now: Clock
) -> tuple[TakenBack, Record]:
    begun = record.at(State.UNDOING)
    back = take_back(target, journal, begun, contents)
    wrong = [*back.differs, *not_back(look(target, begun.changes), begun, back)]
    if wrong:
        raise TargetError(f"{named(wrong)} was written, but does not read back the same")
    return back, taken_back(journal, begun, back, now)


def _undone(
    record: Record,
    back: TakenBack,
    journal: JournalStore,
    recovered: tuple[Recovered, ...],
    damaged: tuple[Record, ...],
) -> Undone:
    return Undone(record, back.restored, record.not_restorable, back.kept, journal.place, recovered, damaged)


def choose(records: Sequence[Record], fix_id: str | None) -> Record:
    """The record of the fix to undo: the one named, else the latest in effect.

    Raises NothingToUndo; JournalError if its record, or that of a later fix, is damaged.
    """
    if fix_id is None:
        return _latest(records)
    record = next((each for each in records if each.id == fix_id), None)
    if record is None:
        raise ApplyError("there is no such fix in the undo log", "rescue history lists the fixes.")
    if record.state is State.UNREADABLE:
        raise JournalError(record.problem, damaged_hint(record.id))
    if record.state is not State.DONE:
        when = record.undone or record.finished
        raise NothingToUndo(f"there is nothing to undo: the fix of {record.id} was {record.state} ({when})")
    return record


def damaged(records: Sequence[Record]) -> tuple[Record, ...]:
    """The fixes whose record is unusable: they must be reported, never skipped silently."""
    return tuple(record for record in records if record.state is State.UNREADABLE)


def _latest(records: Sequence[Record]) -> Record:
    done = [record for record in records if record.state is State.DONE]
    bad = damaged(records)
    if not done and bad:
        raise JournalError(
            f"{'; '.join(each.problem for each in bad)}. No other fix of this server is in effect",
            damaged_hint(bad[-1].id),
        )
    if not done:
        raise NothingToUndo("there is nothing to undo: no fix of this server is in effect")
    later = [each for each in bad if by_time(each.id) > by_time(done[-1].id)]
    if later:
        it = "It is" if len(later) == 1 else "They are"
        raise JournalError(
            f"{'; '.join(each.problem for each in later)}. {it} later than the last fix that could be undone",
            f"To undo that one anyway, name it: {done[-1].id}.",
        )
    return done[-1]


def verified(target: Target, record: Record, records: Sequence[Record]) -> Sight:
    """What is at the paths of the fix. Raises UndoRefused unless each is as the fix left it, or as before it."""
    sight = look(target, record.changes)
    accepted = (Standing.AFTER, Standing.BEFORE)
    wrong = [change.path for change in record.changes if sight.standing(change) not in accepted]
    if wrong:
        later = [
            each.id
            for each in records
            if each.state is State.DONE
            and each.number > record.number
            and any(change.path in wrong for change in each.changes)
        ]
        raise UndoRefused(record.id, wrong, later)
    made = {change.path for change in record.changes if change.before and change.before.kind is Kind.DIR}
    lost = {
        change.path.parent
        for change in record.changes
        if change.before and sight.standing(change) is Standing.AFTER and change.path in sight.homeless
    } - made
    if lost:
        raise UndoRefused(record.id, sorted(lost), (), gone=True)
    return sight

"""Find what a kill or a power cut left of a fix or an undo, and finish it or roll it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from rescue.apply.errors import ApplyError, Conflict, reason
from rescue.apply.look import look
from rescue.apply.outcome import Recovered, TakenBack, named
from rescue.apply.write import not_back, old_contents, take_back
from rescue.targets.protocol import TEMPORARY, NoSpace, Target, TargetError
from rescue.tree import Read
from rescue.undo_log import JournalStore, Record, Standing, State, encode
from rescue.undo_log.record import KEPT_FLAGS
from rescue.undo_log.store import DIFF, RECORD

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """This machine's time, in UTC."""
    return datetime.now(UTC)


def moment(now: datetime) -> str:
    """A time in the format of records."""
    return now.astimezone(UTC).isoformat(timespec="seconds")


def mark(store: JournalStore, record: Record) -> None:
    """Record how far a fix got. If there is no room, delete the diff for people first."""
    try:
        store.write(record.id, RECORD, encode(record))
    except NoSpace:
        store.discard(record.id, DIFF)
        store.write(record.id, RECORD, encode(record))


def recover_held(target: Target, store: JournalStore, records: Sequence[Record], now: Clock) -> tuple[Recovered, ...]:
    """Recover every interrupted fix of `records`, the latest first. Needs the target's lock.

    Finishes a fix whose changes were all made, rolls back any other, and continues an interrupted undo. Then raises
    Conflict if a path matches neither the state before nor the one after; ApplyError if nothing can be written.
    """
    with suppress(TargetError, OSError):  # leftovers there do no harm
        store.sweep(TEMPORARY, [record.id for record in records if record.state is not State.UNREADABLE])
    done = []
    for record in reversed(records):
        if record.interrupted:
            try:
                done.append(_end(target, store, record, now))
            except (TargetError, OSError) as problem:
                raise ApplyError(
                    f"An earlier fix ({record.id}) was interrupted, and can't be rolled back now: {reason(problem)}",
                    "Make the disk writable, with free space, then run rescue again.",
                ) from problem
    if any(each.differs for each in done):
        raise Conflict(done)
    return tuple(done)


def _end(target: Target, store: JournalStore, record: Record, now: Clock) -> Recovered:
    _sweep(target, record)
    sight = look(target, record.changes)
    standings = {sight.standing(change) for change in record.changes}
    if record.state is State.STARTED and standings <= {Standing.AFTER}:
        _protect_again(target, record)
        target.sync()
        ended = record.at(State.DONE, finished=moment(now()))
        mark(store, ended)
        return Recovered(ended, record.state)
    back = take_back(target, store, record, old_contents(store, record, sight))
    _protect_again(target, record)
    wrong = not_back(look(target, record.changes), record, back)
    if wrong:
        raise TargetError(f"{named(wrong)} was written, but does not read back the same")
    return Recovered(taken_back(store, record, back, now), record.state, back)


def taken_back(store: JournalStore, record: Record, back: TakenBack, now: Clock) -> Record:
    """Mark a fix as rolled back, or undone. On a full disk, the record of a fix that changed nothing may be lost."""
    if record.state is State.UNDOING:
        ended = record.at(State.UNDONE, undone=moment(now()))
    else:
        ended = record.at(State.ROLLED_BACK, finished=moment(now()))
    ended = ended.leaving(back.differs)
    try:
        mark(store, ended)
    except NoSpace:
        if back.differs:
            raise
        store.clear(record.id)
    return ended


def _protect_again(target: Target, record: Record) -> None:
    """Set the immutable or append-only flag of directories again; it was cleared during a change in them."""
    if not record.protected:
        return
    tree = target.capture([Read(str(path), depth=0, content=False) for path, _ in record.protected])
    for path, flags in record.protected:
        entry = tree.lentry(path) if tree.resolve(path, follow_last=False) == path else None
        if entry is not None and entry.is_dir and entry.flags & KEPT_FLAGS != flags:
            target.set_metadata(path, replace(entry, flags=flags))


def _sweep(target: Target, record: Record) -> None:
    """Remove the temporary files that a killed `put` left next to the files of the fix; their names tell."""
    parents = {change.path.parent for change in record.changes}
    tree = target.capture([Read(str(parent), depth=1, content=False) for parent in sorted(parents)])
    for parent in sorted(parents):
        if tree.resolve(parent) != parent:
            continue
        for name in tree.children(parent):
            entry = tree.lentry(parent / name)
            if name.startswith(TEMPORARY) and entry is not None:
                with suppress(TargetError):  # also for a directory that is not empty, and so not ours
                    target.remove(parent / name)

"""What a kill or a power cut left of a fix or an undo: found and ended by the next run, whichever it is."""

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
    """The time by this machine's clock, in UTC."""
    return datetime.now(UTC)


def moment(now: datetime) -> str:
    """A time as records hold it."""
    return now.astimezone(UTC).isoformat(timespec="seconds")


def mark(store: JournalStore, record: Record) -> None:
    """Write how far a fix got. Where there is no room for that, the diff for people makes way."""
    try:
        store.write(record.id, RECORD, encode(record))
    except NoSpace:
        store.discard(record.id, DIFF)
        store.write(record.id, RECORD, encode(record))


def recover_held(target: Target, store: JournalStore, records: Sequence[Record], now: Clock) -> tuple[Recovered, ...]:
    """End every interrupted fix of `records`, the latest first. Needs the target's lock.

    One whose changes were all made is finished; any other is taken back, an interrupted undo is carried on. Raises
    Conflict, after that, where a path is neither as before nor as after; ApplyError where nothing can be written.
    """
    with suppress(TargetError, OSError):  # what is left there does no harm
        store.sweep(TEMPORARY, [record.id for record in records if record.state is not State.UNREADABLE])
    done = []
    for record in reversed(records):
        if record.interrupted:
            try:
                done.append(_end(target, store, record, now))
            except (TargetError, OSError) as problem:
                raise ApplyError(
                    f"An earlier fix ({record.id}) was interrupted, and can't be taken back now: {reason(problem)}",
                    "See to it that the disk can be written and has room, then run rescue again.",
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
    """Mark a fix as taken back, or undone. A full disk's record of a fix that changed nothing is no loss."""
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
    """Give directories their immutable or append-only flag back, which was off for the time of a change in them."""
    if not record.protected:
        return
    tree = target.capture([Read(str(path), depth=0, content=False) for path, _ in record.protected])
    for path, flags in record.protected:
        entry = tree.lentry(path) if tree.resolve(path, follow_last=False) == path else None
        if entry is not None and entry.is_dir and entry.flags & KEPT_FLAGS != flags:
            target.set_metadata(path, replace(entry, flags=flags))


def _sweep(target: Target, record: Record) -> None:
    """Remove what a killed `put` left beside the files of the fix: temporary files, known by their names."""
    parents = {change.path.parent for change in record.changes}
    tree = target.capture([Read(str(parent), depth=1, content=False) for parent in sorted(parents)])
    for parent in sorted(parents):
        if tree.resolve(parent) != parent:
            continue
        for name in tree.children(parent):
            entry = tree.lentry(parent / name)
            if name.startswith(TEMPORARY) and entry is not None:
                with suppress(TargetError):  # also of a directory that is not empty, and so none of ours
                    target.remove(parent / name)

"""What a kill or a power cut left of a fix or an undo: found and ended by the next run, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from rescue.apply.errors import ApplyError, Conflict, named, reason
from rescue.apply.look import look
from rescue.apply.write import TakenBack, not_back, old_contents, take_back
from rescue.targets.protocol import TEMPORARY, NoSpace, Target, TargetError
from rescue.tree import Read
from rescue.undo_log import JournalStore, Record, Standing, State, encode
from rescue.undo_log.record import KEPT_FLAGS
from rescue.undo_log.store import DIFF, RECORD

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done with one interrupted fix. record: as it is now. was: STARTED or UNDOING."""

    record: Record
    was: State
    back: TakenBack = field(default_factory=TakenBack)

    @property
    def finished(self) -> bool:
        """True if the fix had made all its changes, and only the record's last word was missing."""
        return self.record.state is State.DONE

    @property
    def differs(self) -> tuple[PurePosixPath, ...]:
        """Paths that were left untouched, as somebody else changed them."""
        return self.back.differs

    @property
    def words(self) -> str:
        """One sentence for people, without its full stop."""
        what = "undo" if self.was is State.UNDOING else "fix"
        begun = f"An earlier {what} ({self.record.id}) was interrupted"
        if self.finished:
            return f"{begun} after its last change; it is complete"
        if self.was is State.UNDOING:
            return f"{begun}; it is finished now: {self._restored('nothing was left to do')}"
        return f"{begun}; it was taken back: {self._restored('nothing had been changed yet')}"

    def _restored(self, nothing: str) -> str:
        parts = [f"{named(self.back.restored)} as before"] if self.back.restored else [nothing]
        if self.back.lost:
            parts.append(f"{named(self.back.lost)} can't be brought back")
        if self.back.kept:
            parts.append(f"{named(self.back.kept)} stays, as it is not empty")
        return "; ".join(parts)


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

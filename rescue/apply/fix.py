"""Make one fix, all or nothing: verify, record, write, verify again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from rescue.apply.errors import ApplyError, JournalError, TargetChanged, reason
from rescue.apply.look import Sight, look
from rescue.apply.outcome import Recovered, named
from rescue.apply.recovery import Clock, mark, moment, recover_held, taken_back, utc_now
from rescue.apply.write import not_back, perform, take_back
from rescue.targets.protocol import NoSpace, Target, TargetError
from rescue.text.diff import unified
from rescue.tree import Action, Change
from rescue.undo_log import InTarget, JournalStore, Record, RecordedChange, Standing, State, decode, encode, recorded
from rescue.undo_log.encoding import CONTENT_LIMIT, HIGHEST, JOURNAL, MAX_CHANGES, RECORD_LIMIT, why_impossible
from rescue.undo_log.store import DIFF, RECORD, NoRecord, decoded, unbegun
from rescue.version import __version__


@dataclass(frozen=True, slots=True)
class Applied:
    """A fix that was made.

    record: as in the undo log. place: where the undo log is. recovered: earlier, interrupted fixes that were finished
    or rolled back first. made_room: irreversible changes made first, to get room for the record.
    """

    record: Record
    place: str
    recovered: tuple[Recovered, ...] = ()
    made_room: tuple[PurePosixPath, ...] = ()

    @property
    def journal(self) -> str:
        """The fix's folder in the undo log."""
        return f"{self.place}/fixes/{self.record.id}"

    @property
    def not_restorable(self) -> tuple[PurePosixPath, ...]:
        """What an undo can't bring back."""
        return self.record.not_restorable


def apply_changes(
    target: Target,
    changes: Sequence[Change],
    titles: Sequence[str] = (),
    *,
    store: JournalStore | None = None,
    now: Clock = utc_now,
) -> Applied:
    """Make `changes` on `target`, all or none, and record them in `store` (by default on the target itself).

    Changes that free space come first. New content gets the present time. A file with several hard links is not
    replaced: that would split its names, and no undo could join them again; a change of its owner or mode applies to
    all its names. If the disk is too full for the record, logs that are to be deleted go first, to make room for it.

    Raises, with nothing written: ValueError for no change or two changes of one path; TargetBusy; TargetChanged if a
    path does not match `changes`; Conflict; ApplyError if the changes can't be made or recorded. If it fails midway,
    it rolls everything back and raises ApplyError; what can't be rolled back then is left to the next run.
    """
    if not changes:
        raise ValueError("there is nothing to apply")
    if len({change.path for change in changes}) != len(changes):
        raise ValueError("two changes of one path")
    begun = now().astimezone(UTC)
    ordered = _in_order(changes, begun)
    listed, kept = recorded(ordered)
    _refuse_impossible(ordered, listed)
    with target.lock():
        journal = store or InTarget(target)
        found = journal.records()
        recovered = recover_held(target, journal, decoded(found), now)
        sight = look(target, listed)
        _verify(sight, ordered, listed, recovered)
        for fix_id in unbegun(found):
            with suppress(TargetError, OSError):  # leftovers there do no harm
                journal.clear(fix_id)
        record = _record(target, found, begun, sight, titles, listed)
        made = _write_journal(target, journal, record, ordered, kept)
        done = _carry_out(target, journal, record.at(State.STARTED), ordered[made:], kept, now)
        return Applied(done, journal.place, recovered, tuple(change.path for change in ordered[:made]))


# -- before the first write ---------------------------------------------------------------------------------------


def _in_order(changes: Iterable[Change], begun: datetime) -> tuple[Change, ...]:
    """Irreversible removals first, reversible ones last; otherwise in the given order.

    So, if space runs out, a change fails before anything is removed that would need room to be restored.
    """
    stamped = [_stamped(change, int(begun.timestamp()) * 1_000_000_000) for change in changes]
    emptied = {each.path for each in stamped if each.before and each.before.is_dir and each.after}

    def turn(change: Change) -> int:
        if not change.reversible:
            return 0
        if change.action is not Action.REMOVE:
            return 2
        # A directory that is replaced by something else has to be empty by then.
        return 3 if emptied.isdisjoint(change.path.parents) else 1

    return tuple(sorted(stamped, key=turn))


def _stamped(change: Change, time: int) -> Change:
    """Give new content a new time: backups and caches overlook a file that keeps its old one."""
    before, after = change.before, change.after
    if after is None or not after.is_file or after.data is None or change.action is Action.METADATA:
        return change
    if after.mtime is not None and (before is None or after.mtime != before.mtime):
        return change
    return replace(change, after=replace(after, mtime=time))


def _refuse_impossible(changes: Sequence[Change], listed: Sequence[RecordedChange]) -> None:
    if len(changes) > MAX_CHANGES:
        raise ApplyError(f"too many changes for one fix: {len(changes)}", "Choose fewer repairs: --only CAUSE.")
    for change, record in zip(changes, listed, strict=True):
        why = _why_refused(change) or why_impossible(record)
        if why:
            raise ApplyError(f"{named([change.path])} can't be changed: {why}; nothing was written", _hint(change))


def _why_refused(change: Change) -> str:
    before, after = change.before, change.after
    if before is None or not before.is_file or change.action is Action.METADATA:
        return ""
    if not change.reversible:
        return "" if after is None or after.data is None else "its old content is too large to be kept"
    if before.nlink > 1:
        return f"it has {before.nlink} hard links, and replacing one would split them"
    if before.data is not None and len(before.data) > CONTENT_LIMIT:
        return "its old content is too large to be kept"
    return ""


def _hint(change: Change) -> str:
    if change.before is not None and change.before.nlink > 1:
        return "Make it a file of its own first (cp -a FILE FILE.new, then mv FILE.new FILE), and run this again."
    return ""


def _verify(
    sight: Sight, changes: Sequence[Change], listed: Sequence[RecordedChange], recovered: tuple[Recovered, ...]
) -> None:
    """Raise TargetChanged unless every path still is what the snapshot says."""
    wrong = [
        change.path
        for change, record in zip(changes, listed, strict=True)
        if change.path in sight.elsewhere or not _as_seen(sight, change, record)
    ]
    if wrong:
        raise TargetChanged(wrong, recovered)


def _as_seen(sight: Sight, change: Change, record: RecordedChange) -> bool:
    present, before = sight.entries[change.path], change.before
    if before is None or present is None:
        return present is None and before is None
    if not change.reversible:
        # A log may have grown since, but it must be the same file: a rotation puts another in its place.
        same_file = (0, 0) in (before.ident, present.ident) or before.ident == present.ident
        same_owner = (before.uid, before.gid, before.mode) == (present.uid, present.gid, present.mode)
        return present.kind is before.kind and same_file and same_owner and present.size >= before.size
    if record.before is None or not record.before.fits(present, labels=False):
        return False
    return change.action is Action.METADATA or before.nlink > 1 or not present.is_file or present.nlink < 2


# -- the undo log ------------------------------------------------------------------------------------------------


def _record(
    target: Target,
    found: Mapping[str, bytes | NoRecord],
    begun: datetime,
    sight: Sight,
    titles: Sequence[str],
    listed: tuple[RecordedChange, ...],
) -> Record:
    record = Record(
        _free_id(begun, found),
        min(max((each.number for each in decoded(found)), default=0) + 1, HIGHEST),
        State.PREPARED,
        started=moment(begun),
        version=__version__,
        hostname=sight.hostname,
        protected=sight.protected,
        target=target.name,
        titles=tuple(titles),
        changes=listed,
    )
    written = encode(record)
    try:
        faithful = len(written) <= RECORD_LIMIT and decode(record.id, written).changes == listed
    except JournalError:
        faithful = False
    if not faithful:
        raise ApplyError("the undo log can't hold these changes (too many, or invalid), so nothing was written")
    return record


def _free_id(begun: datetime, taken: Mapping[str, object]) -> str:
    stamp, number = begun.strftime("%Y%m%dT%H%M%SZ"), 1
    fix_id = stamp
    while fix_id in taken:
        number += 1
        fix_id = f"{stamp}-{number}"
    return fix_id


def _write_journal(
    target: Target, journal: JournalStore, record: Record, changes: Sequence[Change], kept: Mapping[str, bytes]
) -> int:
    """Make the record durable. Returns how many changes had to be made first, to get room for it.

    Its state is "prepared" until everything that an undo needs is saved: the next fix deletes such a record.
    """
    freeing = [change for change in changes if not change.reversible]
    made = 0
    while True:
        try:
            try:
                journal.write(record.id, RECORD, encode(record))
                for name, data in kept.items():
                    journal.write(record.id, name, data)
                journal.write(record.id, DIFF, _for_people(changes))
                journal.write(record.id, RECORD, encode(record.at(State.STARTED)))
                target.sync()
                return made
            except NoSpace:
                journal.clear(record.id)
                if made == len(freeing):
                    raise
                # Twice as many each time: there may be thousands, and each attempt writes a record of them all.
                for change in freeing[made : 2 * made + 1]:
                    perform(target, change)
                    made += 1
                target.sync()  # freed blocks are usable only once the file system's own journal has committed them
        except (TargetError, OSError) as problem:
            with suppress(TargetError, OSError):
                journal.clear(record.id)
            raise _not_journaled(journal, problem, [change.path for change in changes[:made]]) from problem


def _not_journaled(journal: JournalStore, problem: Exception, gone: list[PurePosixPath]) -> ApplyError:
    hint = "Free some space first (rescue space), or keep the undo log elsewhere: --undo-log DIR."
    if not isinstance(problem, NoSpace):
        elsewhere = journal.place == str(JOURNAL)
        hint = "Keep the undo log elsewhere: --undo-log DIR." if elsewhere else "Choose another --undo-log DIR."
        # If nothing at all can be written, another place for the record does not help.
        first = str(getattr(problem, "hint", "")).rstrip(".")
        hint = f"{first}. {hint}" if first else hint
    but = f", except {named(gone)}, to make room" if gone else ""
    return ApplyError(f"can't write the undo log, so nothing was changed{but}: {reason(problem)}", hint)


def _for_people(changes: Sequence[Change]) -> bytes:
    """The diff that the user was shown: safe for a terminal, without secrets."""
    return "".join(f"{line}\n" for change in changes for line in unified(change)).encode()


# -- the changes -------------------------------------------------------------------------------------------------


def _carry_out(
    target: Target,
    journal: JournalStore,
    record: Record,
    changes: Sequence[Change],
    kept: Mapping[str, bytes],
    now: Clock,
) -> Record:
    marking = False
    try:
        for change in changes:
            perform(target, change)
        target.sync()
        _insist(target, record)
        marking = True
        done = record.at(State.DONE, finished=moment(now()))
        mark(journal, done)
    except (TargetError, OSError) as problem:
        if marking and not isinstance(problem, NoSpace) and not _marked_again(journal, record):
            raise _unfinished(problem) from problem
        raise _failed(target, journal, record, kept, now, problem) from problem
    except KeyboardInterrupt as cancelled:
        failure = _failed(target, journal, record, kept, now, cancelled)
        if not failure.whole:
            raise failure from cancelled
        raise
    with suppress(TargetError, OSError):
        target.sync()  # only the mark: if power fails before it is on the disk, the next run writes it again
    return done


def _marked_again(journal: JournalStore, record: Record) -> bool:
    """Whether the record certainly says "started": the failed attempt to write "done" may have reached the disk."""
    try:
        mark(journal, record)
    except (TargetError, OSError):
        return False
    return True


def _insist(target: Target, record: Record) -> None:
    """Raise TargetError unless everything reads back as written."""
    sight = look(target, record.changes)
    wrong = [change.path for change in record.changes if sight.standing(change) is not Standing.AFTER]
    if wrong:
        raise TargetError(
            f"{named(wrong)} was written, but does not read back the same",
            "The disk may be failing: copy it (ddrescue) before anything else.",
        )


class _FixError(ApplyError):
    """whole: True if the target is as it was before."""

    def __init__(self, message: str, hint: str, whole: bool) -> None:
        super().__init__(message, hint)
        self.whole = whole


def _unfinished(problem: Exception) -> _FixError:
    return _FixError(
        f"all changes are made and verified, but the record of the fix can't be finished: {reason(problem)}",
        "Make the disk writable, then run rescue again: it finishes the fix first.",
        whole=False,
    )


def _failed(
    target: Target,
    journal: JournalStore,
    record: Record,
    kept: Mapping[str, bytes],
    now: Clock,
    problem: BaseException,
) -> _FixError:
    """Roll back everything done so far, and report it."""
    why = reason(problem) or "it was cancelled"
    try:
        back = take_back(target, journal, record, kept)
        wrong = not_back(look(target, record.changes), record, back)
        if wrong:
            raise TargetError(f"{named(wrong)} does not read back the same")
        taken_back(journal, record, back, now)
    except (TargetError, OSError) as second:
        return _FixError(
            f"the fix failed ({why}) and could not be rolled back ({reason(second)}): it is half done",
            "Make the disk writable, with free space, then run rescue again: it rolls the fix back first.",
            whole=False,
        )
    but = f", except {named(back.lost)}, which can't be restored" if back.lost else ""
    left = [*back.differs, *back.kept]
    but += f"; {named(left)} was changed by somebody else meanwhile, and was not touched" if left else ""
    hint = getattr(problem, "hint", "")
    return _FixError(f"the fix failed and was rolled back{but}: {why}", hint, whole=not left)

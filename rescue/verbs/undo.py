"""``rescue undo TARGET [ID]``: a fix taken back, after it was made sure that nothing of others is lost by it.

A person sees first what would be restored, as a diff, and is asked; a script says --yes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import PurePosixPath

from rescue.apply import Undoing, Undone, undo, undoing
from rescue.apply.errors import named
from rescue.status import Status
from rescue.targets.bundle.target import refused
from rescue.targets.protocol import BUNDLE, Target
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.prompts import Cancelled, Nobody
from rescue.undo_log import Record
from rescue.verbs.history import show
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.session import Session, UsageError
from rescue.verbs.request.undo_log_place import store_for


def run(session: Session) -> Status:
    """Show what would come back, ask, take the fix back and say what is as before."""
    session, spec = resolved(session, session.options.target)
    options = session.options
    fix_id = options.id
    if not options.yes or options.dry_run:
        _refuse_unattended(session)
        with session.target(spec, write=False) as target:
            if target.method == BUNDLE:
                raise refused(target.name)
            meant = undoing(target, fix_id, store=store_for(options.journal, target))
            if options.dry_run:
                return _tried(session, meant)
            _show(session, meant)
            if not _agreed(session, target):
                raise Cancelled
            # What was shown, whatever another rescue has done meanwhile.
            fix_id = meant.record.id
    with session.target(spec, write=True) as target:
        undone = undo(target, fix_id, store=store_for(options.journal, target))
    if options.yes:
        _name_damaged(session, undone.damaged)
    if session.json:
        document.write(_document(undone), sys.stdout)
    else:
        _say(session, undone)
    return Status.CLEAR


def _refuse_unattended(session: Session) -> None:
    """Raise UsageError where a question would be due and can't be asked."""
    if session.options.dry_run:
        return
    hint = "Add --yes to restore the old files without being asked, or --dry-run to see which."
    if session.json:
        raise UsageError("--json asks nothing, and undo asks before it writes", hint)
    if isinstance(session.asker, Nobody):
        raise UsageError("undo asks before it writes, and there is no terminal to ask on; nothing was changed", hint)


def _agreed(session: Session, target: Target) -> bool:
    return session.asker.confirm(f"Restore this on {safe(target.name)}?")


def _show(session: Session, meant: Undoing) -> None:
    """The fix, and what taking it back would change, as a diff."""
    report = session.report
    for each in meant.interrupted:
        told = f"An earlier fix ({each.id}) was interrupted. It is ended before anything else: {named_of(each)}."
        report.line(told, "yellow")
    _name_damaged(session, meant.damaged)
    show(report, meant.record)
    if meant.changes:
        report.line("Taking it back restores:", "bold")
        # Of what goes nothing is lost: it is what the fix made, and can be made again.
        for change in meant.changes:
            report.diff(change)
    else:
        report.line("Every file is already as it was before that fix. Only the record changes.")
    report.line()
    if meant.record.not_restorable:
        report.line("Deleted or shortened for good, as the fix said:", "yellow")
        _paths(session, meant.record.not_restorable)
    if meant.differs:
        report.line("Changed by somebody else since, and not touched:", "yellow")
        _paths(session, meant.differs)


def named_of(record: Record) -> str:
    """The paths of a fix in words."""
    return named([change.path for change in record.changes])


def _name_damaged(session: Session, damaged: Sequence[Record]) -> None:
    """Those that history names as well: nobody should think that the fix before them was the last one."""
    for each in damaged:
        session.tell(f"{each.problem}. This undo is of another fix.")


def _tried(session: Session, meant: Undoing) -> Status:
    """The end of a dry run."""
    if session.json:
        document.write(
            {
                "schema": document.SCHEMA,
                "id": meant.record.id,
                "undone": False,
                "changes": [document.change(each) for each in meant.changes],
                "damaged": [each.id for each in meant.damaged],
            },
            sys.stdout,
        )
    else:
        _show(session, meant)
        session.report.line("Nothing was written (--dry-run).", "bold")
    return Status.CLEAR


def _paths(session: Session, paths: Sequence[PurePosixPath]) -> None:
    for path in paths:
        session.report.exact(safe(str(path)), indent=2)


def _say(session: Session, undone: Undone) -> None:
    report = session.report
    for each in undone.recovered:
        report.line(f"{each.words}.", "yellow")
    report.line(f"The fix {undone.record.id} was undone. Restored:", "bold")
    _paths(session, undone.restored)
    if undone.not_restorable:
        report.line("Deleted or shortened for good, as the fix said:", "yellow")
        _paths(session, undone.not_restorable)
    if undone.kept:
        report.line("Directories that the fix made stay, as something else is in them by now:")
        _paths(session, undone.kept)
    report.line(f"The record stays in {undone.place}.")


def _document(undone: Undone) -> dict[str, object]:
    return {
        "schema": document.SCHEMA,
        "id": undone.record.id,
        "undone": True,
        "restored": [str(path) for path in undone.restored],
        "not_restorable": [str(path) for path in undone.not_restorable],
        "kept": [str(path) for path in undone.kept],
        "journal": undone.place,
        "damaged": [each.id for each in undone.damaged],
    }

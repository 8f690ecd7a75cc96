"""``rescue undo TARGET [ID]``: a fix taken back, after it was made sure that nothing of others is lost by it.

It does not ask: whoever types it means it, and a fix that was taken back can be made again.
"""

from __future__ import annotations

import sys

from rescue.apply import NothingToUndo, Undone, history, undo
from rescue.journal import Record, State
from rescue.status import Status
from rescue.ui import document
from rescue.verbs.history import show
from rescue.verbs.journals import store_for
from rescue.verbs.recall import resolved
from rescue.verbs.session import Session
from rescue.words.text import safe


def run(session: Session) -> Status:
    """Take it back and say what is as before."""
    session, spec = resolved(session, session.options.target)
    options = session.options
    if options.dry_run:
        with session.target(spec, write=False) as target:
            return _shown(session, _meant(history(target, store_for(options.journal, target)), options.id))
    with session.target(spec, write=True) as target:
        undone = undo(target, options.id, store=store_for(options.journal, target))
    if session.json:
        document.write(_document(undone), sys.stdout)
    else:
        _say(session, undone)
    return Status.CLEAR


def _meant(records: tuple[Record, ...], wanted: str | None) -> Record:
    """The fix that undo would take back. Raises NothingToUndo."""
    ends = (State.DONE, State.STARTED, State.UNDOING)
    found = [record for record in records if record.id == wanted or (wanted is None and record.state in ends)]
    if not found:
        raise NothingToUndo(
            "there is nothing to undo" if wanted is None else f"there is no fix {wanted}", "rescue history lists them."
        )
    return found[-1]


def _shown(session: Session, meant: Record) -> Status:
    if session.json:
        document.write({"schema": document.SCHEMA, "id": meant.id, "undone": False}, sys.stdout)
    else:
        show(session.report, meant)
        session.report.line("Nothing was written (--dry-run).", "bold")
    return Status.CLEAR


def _say(session: Session, undone: Undone) -> None:
    report = session.report
    for each in undone.recovered:
        report.line(f"{each.words}.", "yellow")
    report.line(f"The fix {undone.record.id} was taken back. As before it are:", "bold")
    for path in undone.restored:
        report.exact(safe(str(path)), indent=2)
    if undone.not_restorable:
        report.line("Deleted or shortened for good, as the fix said:", "yellow")
        for path in undone.not_restorable:
            report.exact(safe(str(path)), indent=2)
    if undone.kept:
        report.line("Directories that the fix made stay, as something else lies in them by now:")
        for path in undone.kept:
            report.exact(safe(str(path)), indent=2)
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
    }

"""``rescue history TARGET``: the fixes that were made, the latest last. Writes nothing."""

from __future__ import annotations

import sys

from rescue.apply import history
from rescue.status import Status
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.report import Report
from rescue.undo_log import Record, State
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.options import HistoryOptions
from rescue.verbs.request.session import Session
from rescue.verbs.request.undo_log_place import store_for


def run(session: Session, options: HistoryOptions) -> Status:
    """List the journal."""
    spec = resolved(session)
    with session.target(spec, write=False) as target:
        records = history(target, store_for(options.journal, target))
    if session.json:
        document.write({"schema": document.SCHEMA, "fixes": [_document(each) for each in records]}, sys.stdout)
    elif not records:
        session.report.line("No fix was made here.")
    else:
        for record in records:
            show(session.report, record)
    return Status.CLEAR


def show(report: Report, record: Record) -> None:
    """One fix: when, what, how it ended."""
    report.line(f"{record.id}  {record.state}", "bold")
    for title in record.titles:
        report.line(safe(title), indent=2, hang=2)
    report.paths([(change.action, change.path) for change in record.changes], "dim", 4)
    if record.state is State.UNREADABLE:
        report.line(safe(record.problem), "yellow", 2)
    report.line()


def _document(record: Record) -> dict[str, object]:
    return {
        "id": record.id,
        "state": str(record.state),
        "started": record.started,
        "finished": record.finished,
        "undone": record.undone,
        "repairs": list(record.titles),
        "changes": [{"path": str(each.path), "action": str(each.action)} for each in record.changes],
        "not_restorable": [str(path) for path in record.not_restorable],
        "problem": record.problem,
    }

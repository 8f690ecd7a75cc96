"""``rescue timeline``: the last login, what happened since, how the last boot went. Changes nothing."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from rescue.errors import UsageError
from rescue.facts import Facts
from rescue.library import history
from rescue.logs.sayings import Kind
from rescue.logs.timeline import Row
from rescue.status import Status
from rescue.story.whole import Story, story
from rescue.survey import complete, survey
from rescue.targets.protocol import Target, TargetError
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.program import home_name
from rescue.ui.timeline import told
from rescue.ui.timeline_page import page
from rescue.undo_log import JournalError, Record
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.options import TimelineOptions
from rescue.verbs.request.session import Session
from rescue.version import __version__


def run(session: Session, options: TimelineOptions) -> Status:
    """Capture, read every log, tell."""
    spec = resolved(session)
    with session.target(spec, write=False) as target:
        # What decides is captured first: of those files the times tell which were changed.
        tree, _ = survey(target, session.client)
        fixes = _fixes(target)
        tree, found = complete(target, tree, lambda tree: story(Facts(tree, session.client), fixes))
        name, method, notes = target.name, target.method, target.notes
    facts = Facts(tree, session.client)
    heading = f"{safe(name)} ({method})" + (f": {safe(facts.hostname)}" if facts.hostname else "")
    if session.json:
        document.write(_document(found, facts, name, method, notes), sys.stdout)
    else:
        session.report.line(heading, "bold")
        for note in notes:
            session.report.line(f"Note: {safe(note)}", "yellow")
        told(session.report, found, facts)
    if options.html is not None:
        path = Path(options.html).expanduser()
        try:
            path.write_text(page(found, facts, heading, notes), encoding="utf-8")
        except OSError as problem:
            raise UsageError(
                f"--html {options.html}: {problem.strerror}",
                "Name a file in a directory that is there and can be written.",
            ) from problem
        session.progress(f"the time line is in {home_name(path)}")
    return Status.CLEAR


def _fixes(target: Target) -> list[Row]:
    """The fixes that rescue made here."""
    made: list[Row] = []
    with suppress(TargetError, JournalError):
        for record in history(target):
            made += _rows(record)
    return made


def _rows(record: Record) -> list[Row]:
    source = PurePosixPath("/var/lib/rescue/fixes", record.id)
    made = []
    for when, what in ((record.started, "; ".join(record.titles)), (record.undone, f"{record.id} was undone")):
        with suppress(ValueError):
            at = datetime.fromisoformat(when)
            made.append(Row(at if at.tzinfo is not None else at.replace(tzinfo=UTC), Kind.FIX, what, source))
    return made


def _document(found: Story, facts: Facts, name: str, method: str, notes: tuple[str, ...]) -> dict[str, object]:
    return {
        "schema": document.SCHEMA,
        "version": __version__,
        "target": {"name": name, "method": method, "notes": list(notes)},
        "hostname": facts.hostname or None,
        "last_login": document.last_login(found.login),
        "last_boot": document.last_boot(found.boot),
        "rows": [document.row(each) for each in found.rows],
        "unread": list(found.unread),
    }

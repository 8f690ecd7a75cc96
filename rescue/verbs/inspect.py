"""``rescue inspect TARGET``: the path to a login and what breaks it. Changes not one byte of the target."""

from __future__ import annotations

import sys
from pathlib import Path

from rescue import library
from rescue.errors import UsageError
from rescue.login_path import Verdict
from rescue.status import Status
from rescue.targets.protocol import BUNDLE
from rescue.ui import document
from rescue.ui.html import page
from rescue.ui.report import next_commands
from rescue.ui.summary import ROWS
from rescue.verbs.request.last_target import remember, resolved
from rescue.verbs.request.options import InspectOptions
from rescue.verbs.request.session import Session


def run(session: Session, options: InspectOptions) -> Status:
    """Capture, examine, report."""
    spec = resolved(session)
    with session.target(spec, write=False) as target:
        found = library.inspect(target, session.client)
    examination, name, method, notes = found.examination, found.name, found.method, found.notes
    remember(session.request)
    if session.json:
        following = next_commands(examination, spec, session.client_words(), writable=method != BUNDLE)
        document.write(document.inspection(examination, name, method, notes, following), sys.stdout)
    else:
        _show(session, options, found, spec)
    if options.html is not None:
        _page(session, page(examination, name, method, notes), options.html)
    return Status.CLEAR if examination.path.verdict is Verdict.CLEAR else Status.BROKEN


def _show(session: Session, options: InspectOptions, found: library.Inspection, spec: str) -> None:
    """The details, and where they are longer than a screen, a last one that holds all that is needed."""
    report, examination, rows = session.report, found.examination, ROWS - options.menu
    writable, words = found.method != BUNDLE, session.client_words()
    if session.request.output.quiet:
        report.verdict(examination, found.name)
        return
    with report.out.capture() as details:
        report.heading(examination, found.name, found.method, found.notes)
        report.path(examination, every=options.all)
        report.findings(examination)
    with report.out.capture() as steps:
        if not options.menu:
            report.next_steps(examination, spec, words, writable=writable)
    whole = details.get() + steps.get()
    if whole.count("\n") < rows:
        report.out.file.write(whole)
        return
    report.out.file.write(details.get())
    following = [] if options.menu else next_commands(examination, spec, words, writable=writable)
    report.summary(examination, found.name, following, rows)


def _page(session: Session, text: str, name: str) -> None:
    path = Path(name).expanduser()
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(
            f"--html {name}: {problem.strerror}", "Name a file in a directory that is there and can be written."
        ) from problem
    session.progress(f"the report is in {path}")

"""``rescue inspect TARGET``: the path to a login and what breaks it. Changes not one byte of the target."""

from __future__ import annotations

import sys
from pathlib import Path

from rescue.login_path import Verdict
from rescue.status import Status
from rescue.survey import survey
from rescue.targets.protocol import BUNDLE
from rescue.ui import document
from rescue.ui.html import page
from rescue.verbs.request.last_target import remember, resolved
from rescue.verbs.request.session import Session, UsageError


def run(session: Session) -> Status:
    """Capture, examine, report."""
    session, spec = resolved(session, session.options.target)
    options = session.options
    with session.target(spec, write=False) as target:
        _, examination = survey(target, session.client)
        name, method, notes = target.name, target.method, target.notes
    remember(spec, vars(options))
    if session.json:
        document.write(document.inspection(examination, name, method, notes), sys.stdout)
    else:
        report = session.report
        report.heading(examination, name, method, notes)
        report.path(examination, every=options.all)
        report.findings(examination)
        report.next_steps(examination, spec, session.client_words(), writable=method != BUNDLE)
    if options.html is not None:
        _page(session, page(examination, name, method, notes), options.html)
    return Status.CLEAR if examination.path.verdict is Verdict.CLEAR else Status.BROKEN


def _page(session: Session, text: str, name: str) -> None:
    path = Path(name).expanduser()
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(
            f"--html {name}: {problem.strerror}", "Name a file in a directory that is there and can be written."
        ) from problem
    session.progress(f"the report is in {path}")

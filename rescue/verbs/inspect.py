"""``rescue inspect TARGET``: the path to a login and what breaks it. Changes not one byte of the target."""

from __future__ import annotations

import sys

from rescue.login_path import Verdict
from rescue.status import Status
from rescue.survey import survey
from rescue.ui import document
from rescue.ui.html import page
from rescue.verbs.recall import remember
from rescue.verbs.session import Session


def run(session: Session) -> Status:
    """Capture, examine, report."""
    options = session.options
    spec = options.target
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
        report.next_steps(examination, spec, session.client_words())
    if options.html is not None:
        page(examination, name, method, notes, options.html)
    return Status.CLEAR if examination.path.verdict is Verdict.CLEAR else Status.BROKEN

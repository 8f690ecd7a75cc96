"""``rescue inspect TARGET``: the path to a login and what breaks it. Changes not one byte of the target."""

from __future__ import annotations

import sys

from rescue import library
from rescue.facts import Facts
from rescue.login_path import Verdict
from rescue.status import Status
from rescue.targets.protocol import BUNDLE
from rescue.ui import document
from rescue.ui.page.inspection import Gathered, Server, page
from rescue.ui.report import command, next_commands
from rescue.ui.summary import ROOM
from rescue.ui.timeline import remembered
from rescue.verbs.page import gathered, server_of, write
from rescue.verbs.request.last_target import remember, resolved
from rescue.verbs.request.options import InspectOptions
from rescue.verbs.request.session import Session


def run(session: Session, options: InspectOptions, *, room: int = ROOM) -> Status:
    """Capture, examine, report. A report of more than `room` lines is followed by a summary that fits them."""
    spec = resolved(session)
    with session.target(spec, write=False) as target:
        found = library.inspect(target, session.client)
        shown: tuple[Server, Gathered] | None = None
        if options.html is not None:
            shown = server_of(session, target, spec), gathered(session, target, found.examination)
    examination, name, method, notes = found.examination, found.name, found.method, found.notes
    remember(session.request)
    if session.json:
        following = next_commands(examination, spec, session.client_words(), writable=method != BUNDLE)
        document.write(document.inspection(examination, name, method, notes, following), sys.stdout)
    elif session.request.output.quiet:
        session.report.verdict(examination, name)
    else:
        report = session.report
        before, writable = report.rows, method != BUNDLE
        report.heading(examination, name, method, notes)
        more = command("timeline", spec, *session.opening_words())
        remembered(report, examination.facts, more, _alone(session, spec, examination.facts))
        report.path(examination, every=options.all)
        report.findings(examination)
        report.next_steps(examination, spec, session.client_words(), writable=writable)
        if report.rows - before > room:
            report.last_screen(examination, name, spec, session.client_words(), writable=writable, room=room)
    if options.html is not None and shown is not None:
        write(session, page(examination, *shown), options.html)
    return Status.CLEAR if examination.path.verdict is Verdict.CLEAR else Status.BROKEN


def _alone(session: Session, spec: str, facts: Facts) -> str:
    """The command that judges for the last login alone; "" where a user or an address was named, or there is none.

    It is not what is judged by default: what would keep out others, or the same person from elsewhere, would be hidden.
    """
    last, who = facts.last_login, session.client
    if last is None or last.address is None or who.user is not None or who.sources or who.port is not None:
        return ""
    return command("inspect", spec, "--user", last.user, "--from", str(last.address), *session.client_words())

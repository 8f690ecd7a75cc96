"""What ``rescue fix`` shows and prints, step by step."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rescue.apply import Applied
from rescue.examine import Examination
from rescue.login_path import Verdict
from rescue.planner import Plan
from rescue.targets.protocol import BUNDLE, Target
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.report import Report, command, next_commands
from rescue.verbs.add_key import KeyOutcome
from rescue.verbs.request.options import FixOptions
from rescue.verbs.request.session import Session
from rescue.verbs.way_in.set_password import PasswordOutcome


@dataclass(frozen=True, slots=True)
class PlannedFix:
    """A plan, and what becomes of the key that is to be added, and of the new password."""

    spec: str
    target: Target
    plan: Plan
    key: KeyOutcome | None = None
    password: PasswordOutcome | None = None


def found(session: Session, target: Target, examination: Examination) -> None:
    """The path to a login as it is, before anything is chosen."""
    if not session.json:
        session.report.heading(examination, target.name, target.method, target.notes)
        session.report.path(examination)


def warned(session: Session, password: PasswordOutcome) -> None:
    """What to know of a new password before anything is written."""
    if not session.json:
        for each in password.warnings:
            session.report.line(safe(each), "yellow")


def agreed(session: Session, fix: PlannedFix) -> bool:
    """The last question, after each repair was chosen: whether all of them together shall be written."""
    report, plan = session.report, fix.plan
    report.left(plan.left)
    if fix.password is not None:
        report.line(fix.password.words(written=False))
    report.line("To be written:", "bold")
    report.paths([(change.action, change.path) for change in plan.changes])
    report.line()
    return session.asker.confirm(f"Write this to {safe(fix.target.name)}?")


def show_whole(session: Session, plan: Plan) -> None:
    """All repairs that were chosen, with every change."""
    report = session.report
    report.line("Proposed changes (tested on an in-memory copy):", "bold")
    for number, mend in enumerate(plan.mends, 1):
        report.mend(number, mend)
    report.line()
    report.changes(plan.changes)
    report.line()
    report.left(plan.left)


def proposed(session: Session, fix: PlannedFix) -> None:
    """The end of a dry run, or of a fix with nothing to write."""
    plan, report = fix.plan, session.report
    if session.json:
        following = next_commands(plan.before, fix.spec, session.client_words(), writable=fix.target.method != BUNDLE)
        _write_document(session, fix, plan.after, following)
        return
    if not plan.before.findings:
        report.findings(plan.before)
    _say_key(session, fix, written=False)
    if plan.changes:
        show_whole(session, plan)
        report.line("Nothing was written (--dry-run).", "bold")
    elif plan.before.findings:
        report.left(plan.left)
        report.line("Nothing was written.", "bold")


def done(session: Session, options: FixOptions, applied: Applied, fix: PlannedFix, after: Examination) -> None:
    """What was written, what the disk is like now, and what to type next."""
    if session.json:
        left = [_inspect_words(session, fix)] if after.findings else []
        following = [*left, undo_words(session, options, fix)]
        _write_document(session, fix, after, following, journal=applied.record.id)
        return
    spec = fix.spec
    report = session.report
    report.line("Done. The disk was inspected again:", "bold")
    report.path(after)
    _say_key(session, fix, written=True)
    if after.findings:
        report.left(fix.plan.left)
    elif after.path.verdict is Verdict.CLEAR:
        report.line("All checks pass now.", "bold green")
    else:
        report.line("Nothing wrong is left that could be found. Not everything could be judged:", "bold")
        report.line()
        report.missing(after)
    if options.yes:
        _say_accepted(report, fix.plan)
    report.line(f"Recorded as {applied.record.id} in {applied.journal}. To take it back:")
    report.exact(command(*undo_words(session, options, fix)), "bold", 2)
    if applied.not_restorable:
        report.line(f"(not the {len(applied.not_restorable)} deleted or shortened logs and caches)", indent=2)
    if after.findings:
        report.line("Not everything is repaired yet. What is left, and what to do about it:")
        report.exact(command(*_inspect_words(session, fix)), "bold", 2)
    elif spec != "/":
        port = after.facts.dialled
        how = f", and log in with ssh -p {port}." if port != 22 else ", and log in."
        report.line(f"Now leave the rescue system: boot the server from its own disk{how}")
    else:
        report.line("The running services still have their old settings until they are restarted, or the server is.")


def undo_words(session: Session, options: FixOptions, fix: PlannedFix) -> list[str]:
    """The command that takes the fix back, word by word."""
    where = ["--journal", options.journal] if options.journal else []
    return ["undo", fix.spec, *session.opening_words(), *where]


def _inspect_words(session: Session, fix: PlannedFix) -> list[str]:
    return ["inspect", fix.spec, *session.client_words()]


def _say_accepted(report: Report, plan: Plan) -> None:
    """Which security notes nobody was asked about."""
    notes = dict.fromkeys(mend.repair.weakens for mend in plan.mends if mend.repair.weakens)
    if notes:
        report.line("Security notes that --yes accepted:")
        for note in notes:
            report.line(safe(note), "yellow", 2, 2)


def _say_key(session: Session, fix: PlannedFix, *, written: bool) -> None:
    if fix.password is not None:
        session.report.line(fix.password.words(written=written), "" if fix.password.done else "yellow")
    if fix.key is not None:
        session.report.line(fix.key.words(written=written), "" if fix.key.state != "missing" else "yellow")


def _write_document(
    session: Session, fix: PlannedFix, after: Examination, following: document.Commands, *, journal: str | None = None
) -> None:
    """following: what to type next. journal: the id of the fix's record; None where nothing was written."""
    target = fix.target
    following_after = next_commands(after, fix.spec, session.client_words()) if journal is not None else []
    made = document.fix(
        fix.plan, target.name, target.method, applied=journal is not None, journal=journal, after=after,
        notes=target.notes, following=following, following_after=following_after,
    )  # fmt: skip
    if fix.key is not None:
        made["key"] = fix.key.document()
    if fix.password is not None:
        made["password"] = fix.password.document()
    document.write(made, sys.stdout)

"""``rescue explain [NAME]``: the manual of a cause, which is the docstring of its check, or another page.

``rescue explain sshd TARGET`` shows sshd's settings for one connection.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from shutil import get_terminal_size

from rescue.checks import all_checks
from rescue.errors import UsageError
from rescue.evidence import all_evidence
from rescue.labs.lessons.by_hand import by_hand
from rescue.man import pages
from rescue.outside.symptoms import causes_of, mentioning, seen
from rescue.status import Status
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.prompts import Cancellation, NoTerminal
from rescue.ui.report import Report
from rescue.verbs.request.last_target import recall
from rescue.verbs.request.options import ExplainOptions
from rescue.verbs.request.session import Session

SSHD = "sshd"
"""The page that is also a question about a target."""

COLUMN = 20
"""Columns of a name in the list."""


def run(session: Session, options: ExplainOptions) -> Status:
    """One manual, or the list of all."""
    wanted = options.cause
    if wanted is None:
        return _list(session)
    name = wanted.lower().replace("_", "-")
    spec = session.request.spec
    if name == SSHD and (spec is not None or recall() is not None):
        from rescue.verbs.effective import show

        return show(session, every=options.all)
    if spec is not None:
        raise UsageError(f"only `explain {SSHD}` takes a target, not `explain {name}`", f"See: rescue explain {SSHD}")
    text = manuals().get(name)
    if text is None and _related(session, wanted):
        return Status.CLEAR
    if text is None:
        raise UsageError(f"there is no cause or page called {wanted!r}", _nearest(name))
    typed = by_hand(name)
    if session.json:
        document.write({"schema": document.SCHEMA, "cause": name, "manual": text, "by_hand": typed or None}, sys.stdout)
    else:
        with paged(session):
            session.report.line(name, "bold")
            session.report.line()
            manual(session.report, f"{text}\n\n{typed}")
    return Status.CLEAR


def manuals() -> dict[str, str]:
    """The text of every manual, by the name under which it is asked for."""
    causes = {check.id: inspect.cleandoc(check.manual) for check in all_checks()}
    return causes | {each.id: inspect.cleandoc(each.manual) for each in all_evidence()} | pages()


def manual(report: Report, text: str) -> None:
    """Print one: paragraphs are wrapped, indented blocks and lists are kept as they are."""
    for paragraph in text.strip().split("\n\n"):
        lines = paragraph.split("\n")
        if any(line.startswith(("    ", "- ", "* ")) for line in lines):
            for line in lines:
                report.exact(line)
        else:
            report.line(" ".join(paragraph.split()))
        report.line()


def _related(session: Session, words: str) -> bool:
    """Show the causes of what a person saw or searches for; false where none are known."""
    checks = all_checks()
    if len(words.split()) == 1 and get_close_matches(words.lower().replace("_", "-"), list(manuals()), 1, 0.85):
        return False  # a name that was mistyped
    kind = seen(words)
    found = causes_of(kind, checks) if kind else []
    if kind is None:
        found = mentioning(words, checks)
    if not found and (kind is None or not kind.local):
        return False
    if session.json:
        causes = [{"cause": each.id, "step": str(each.step), "title": each.title} for each in found]
        document.write({"schema": document.SCHEMA, "causes": causes}, sys.stdout)
        return True
    report, step = session.report, None
    with paged(session):
        report.line(f"{kind.title}. {kind.hint}".strip() if kind else f"Causes whose manual has: {safe(words)}", "bold")
        for each in found:
            if kind and each.step is not step:
                step = each.step
                report.line(f"{step.order} {step.word}: {step.holds}", "bold")
            _row(report, each.id, each.title)
        report.line()
        if found:
            report.line(
                "`rescue probe HOST` tells from outside what it can be, `rescue inspect` which one it is on the disk."
                " `rescue explain NAME` shows one in full."
            )
    return True


def _nearest(name: str) -> str:
    known = list(manuals())
    near = get_close_matches(name, known, 3, 0.65)
    near += [each for each in known if name in each and each not in near]
    return f"Did you mean {' or '.join(near[:3])}?" if near else "`rescue explain` lists them all."


def _list(session: Session) -> Status:
    checks, other = all_checks(), pages()
    if session.json:
        causes = [{"cause": check.id, "step": str(check.step), "title": check.title} for check in checks]
        evidence = [{"evidence": each.id, "step": str(each.step), "title": each.title} for each in all_evidence()]
        made = {"schema": document.SCHEMA, "causes": causes, "evidence": evidence, "pages": sorted(other)}
        document.write(made, sys.stdout)
        return Status.CLEAR
    report, link = session.report, None
    with paged(session):
        for check in checks:
            if check.step is not link:
                link = check.step
                report.line(f"{link.order} {link.word}: {link.holds}", "bold")
            _row(report, check.id, check.title)
        report.line("What may stay unjudged", "bold")
        for each in all_evidence():
            _row(report, each.id, each.title)
        report.line("Other pages", "bold")
        for name in sorted(other):
            _row(report, name, other[name].partition("\n")[0])
        report.line()
        report.line(
            "rescue explain NAME shows one in full; rescue explain 'Connection refused', or another line that ssh"
        )
        report.line("printed, lists its causes.")
    return Status.CLEAR


@contextmanager
def paged(session: Session) -> Iterator[None]:
    """What is reported within, a screen at a time where somebody sits at one: a console does not scroll back."""
    out = session.report.out
    with out.capture() as captured:
        yield
    lines = captured.get().rstrip("\n").split("\n")
    rows = max(2, get_terminal_size().lines - 2)
    if isinstance(session.asker, NoTerminal):
        rows = len(lines)
    for start in range(0, len(lines), rows):
        try:
            if start:
                session.asker.text("Enter shows more, Ctrl-C leaves:")
        except Cancellation:
            return
        print("\n".join(lines[start : start + rows]))


def _row(report: Report, name: str, title: str) -> None:
    report.line(f"{name:<{COLUMN}} {title}", indent=2, hang=COLUMN + 1)

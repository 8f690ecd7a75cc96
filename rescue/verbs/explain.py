"""``rescue explain [CAUSE]``: the manual of a cause, which is the docstring of its check."""

from __future__ import annotations

import inspect
import sys
from difflib import get_close_matches

from rescue.checks import Check, all_checks
from rescue.status import Status
from rescue.ui import document
from rescue.verbs.session import Session, UsageError


def run(session: Session) -> Status:
    """One manual, or the list of all causes."""
    wanted = session.options.cause
    checks = all_checks()
    if wanted is None:
        return _list(session, checks)
    name = wanted.lower().replace("_", "-").replace(" ", "-")
    found = next((check for check in checks if check.id == name), None)
    if found is None:
        near = get_close_matches(name, [check.id for check in checks], 3, 0.5)
        near += [check.id for check in checks if name in check.id and check.id not in near]
        hint = f"Did you mean {' or '.join(near)}?" if near else "`rescue explain` lists every cause."
        raise UsageError(f"there is no cause called {wanted!r}", hint)
    if session.json:
        document.write(
            {"schema": document.SCHEMA, "cause": found.id, "link": str(found.link), "manual": _text(found)}, sys.stdout
        )
        return Status.CLEAR
    report = session.report
    report.line(f"{found.id}  (link {found.link.order}, {found.link.word})", "bold")
    report.line()
    for paragraph in _text(found).split("\n\n"):
        if any(line.startswith("    ") for line in paragraph.split("\n")):
            for line in paragraph.split("\n"):
                report.exact(line)
        else:
            report.line(" ".join(paragraph.split()))
        report.line()
    return Status.CLEAR


def _text(check: Check) -> str:
    return inspect.cleandoc(check.manual)


def _list(session: Session, checks: tuple[Check, ...]) -> Status:
    if session.json:
        causes = [{"cause": check.id, "link": str(check.link), "title": check.title} for check in checks]
        document.write({"schema": document.SCHEMA, "causes": causes}, sys.stdout)
        return Status.CLEAR
    link = None
    for check in checks:
        if check.link is not link:
            link = check.link
            session.report.line(f"{link.order} {link.word}: {link.holds}", "bold")
        session.report.line(f"{check.id}: {check.title}", indent=2)
    session.report.line()
    session.report.line("rescue explain CAUSE shows one in full.")
    return Status.CLEAR

"""``rescue doctor``: what this system can do, what is lost without the rest, and the command that brings it.

Changes nothing but the cache, where the answer about KVM is kept until the next boot.
"""

from __future__ import annotations

import os
import sys

from rescue.status import Status
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.report import Report
from rescue.verbs.doctor.abilities import Ability, State, look
from rescue.verbs.request.options import NoOptions
from rescue.verbs.request.session import Session

_STYLES = {State.OK: "green", State.LIMITED: "yellow", State.MISSING: "bold red", State.UNKNOWN: "dim"}
_COLUMN = 26
"""Where what was found begins: the state and the name come before."""


def run(session: Session, options: NoOptions) -> Status:
    """Look at each ability, and show them. BROKEN where one is missing."""
    found = look(session.progress)
    if session.json:
        document.write(as_document(found), sys.stdout)
    else:
        _show(session.report, found)
    return Status.BROKEN if any(each.state is State.MISSING for each in found) else Status.CLEAR


def as_document(found: tuple[Ability, ...]) -> dict[str, object]:
    """What ``doctor --json`` prints."""
    return {
        "schema": document.SCHEMA,
        "abilities": [
            {
                "name": each.name,
                "state": str(each.state),
                "detail": each.detail,
                "lost": each.lost,
                "command": each.command or None,
            }
            for each in found
        ],
    }


def _show(report: Report, found: tuple[Ability, ...]) -> None:
    for each in found:
        line = f"{each.state:<8} {each.name:<15}  {safe(each.detail)}"
        report.line(line, _STYLES[each.state], hang=_COLUMN)
    lacking = [each for each in found if each.lost]
    if not lacking:
        report.line()
        report.line("Everything that rescue can use is here.")
    for each in lacking:
        report.line()
        report.line(
            f"Without {each.name}: {each.lost}." if each.state is State.MISSING else f"{each.name}: {each.lost}."
        )
        if each.command:
            report.exact(safe(each.command), "bold", 2)
    if lacking and os.geteuid() != 0 and any(each.command for each in lacking):
        report.line()
        report.line("Run these commands as root.")

"""The outside view on the terminal: what it is, what it can be, what it can't be any more, and what to type next."""

from __future__ import annotations

from rescue.outside.observed import Observed
from rescue.outside.verdict import DISK, Possibility, Verdict
from rescue.text.safe import safe
from rescue.ui.program import proposed
from rescue.ui.report import Report

MOST_CAUSES = 3
"""Causes that a possibility names on the screen; documents have them all."""


def show_probe(
    report: Report, seen: Observed, verdict: Verdict, facts: tuple[str, ...], changed: tuple[str, ...]
) -> None:
    """The whole answer. The likeliest possibility is 1."""
    named = f" ({safe(verdict.address)})" if verdict.address and verdict.address != seen.host else ""
    report.line(f"{safe(seen.host)}{named}, port {seen.client.port}, from outside", "bold")
    for each in facts:
        report.line(safe(each), "dim", 2, 2)
    report.line()
    style = "green" if verdict.situation.open else "bold red"
    report.line(safe(verdict.what), style)
    for each in changed:
        report.line(f"Changed: {safe(each)}.", "yellow", 0, 2)
    for each in verdict.notes:
        report.line(f"Note: {safe(each)}.", "yellow", 0, 2)
    if verdict.excluded:
        report.line("It can't be: " + "; ".join(map(safe, verdict.excluded)) + ".", "", 0, 2)
    report.line()
    report.line("If you still can't log in, it can be:" if verdict.situation.open else "It can be:", "bold")
    for number, one in enumerate(verdict.possible, 1):
        _possibility(report, number, one)
    if verdict.situation.here:
        return
    report.line()
    report.line("In the provider's rescue system this finds out which one it is, and repairs it:")
    report.exact(proposed(f"rescue inspect {DISK}"), "bold", 2)
    report.line(f"Support request: rescue ticket {safe(seen.host)}. The whole way back: rescue explain locked-out.")


def _possibility(report: Report, number: int, one: Possibility) -> None:
    report.line(f"{number}. {safe(one.what)}", "", 2, 3)
    for each in one.commands[:1]:
        report.exact(safe(proposed(each)), "bold", 7)
    if one.causes:
        more = len(one.causes) - MOST_CAUSES
        told = ", ".join(one.causes[:MOST_CAUSES]) + (f" and {more} more" if more > 0 else "")
        report.line(f"causes: {told}", "dim", 5, 2)

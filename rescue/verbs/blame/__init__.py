"""``rescue blame OLD NEW``: the smallest set of changes that closed the door, down to the line. Changes nothing.

``rescue blame TARGET`` has the backups that lie beside its files for OLD.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from rescue.compare.backups import BACKUPS_READ, Backup, from_backups
from rescue.compare.blame import MOST_FINDINGS, Blamed, blame
from rescue.examine import examine
from rescue.model import Client
from rescue.status import Status
from rescue.survey import complete, survey
from rescue.text.diff import unified
from rescue.text.numbers import plural
from rescue.text.safe import safe
from rescue.tree import Tree
from rescue.ui import document
from rescue.ui.report import Report
from rescue.verbs.diff import pair_of
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.options import CompareOptions
from rescue.verbs.request.session import Session

BACKUPS = "the backups"
NO_FILE = "no changed file brings it about: free space, time, a device, or what was not captured"


def run(session: Session, options: CompareOptions) -> Status:
    """Capture both, leave changes out until nothing more can be, show what remains. BROKEN where a door was closed."""
    if options.new is None:
        return _alone(session, options)
    with pair_of(session, options) as (pair, old, new):
        session.progress("leaving changes out, one by one")
        found = pair.worked(lambda before, after: blame(before, after, session.client))
    if session.json:
        document.write(as_document(found, old, new), sys.stdout)
    else:
        _show(session.report, found, old, new)
    return Status.BROKEN if found else Status.CLEAR


def _alone(session: Session, options: CompareOptions) -> Status:
    """One target and its own backups. BROKEN where anything keeps somebody out, whether or not a backup explains it."""
    if options.old is not None:
        session.request = replace(session.request, spec=options.old)
    spec = resolved(session)
    with session.target(spec, write=False) as target:
        tree, _ = survey(target, session.client)
        tree = tree.merged(target.capture([BACKUPS_READ]))
        session.progress("leaving changes out, one by one")
        _, (found, backups, left) = complete(target, tree, lambda some: _against_backups(some, session.client))
    if session.json:
        document.write(as_document(found, BACKUPS, spec), sys.stdout)
    else:
        report = session.report
        told = ", ".join(safe(str(each.backup)) for each in backups[:8]) or "none that differs"
        report.line(f"Compared with the backups beside its files: {told}", "", 0, 2)
        _show(report, found, BACKUPS, spec)
        if left:
            report.line(f"No backup explains: {', '.join(left)}. With an earlier state: rescue blame OLD {safe(spec)}")
    return Status.BROKEN if found or left else Status.CLEAR


def _against_backups(tree: Tree, client: Client) -> tuple[tuple[Blamed, ...], tuple[Backup, ...], tuple[str, ...]]:
    """What backups explain, which they are, and the causes that none explains."""
    old, backups = from_backups(tree)
    found = blame(old, tree, client)
    explained = {each.finding.key for each in found}
    left = [each.check for each in examine(tree, client).findings if each.key not in explained]
    return found, backups, tuple(dict.fromkeys(left))


def _show(report: Report, found: tuple[Blamed, ...], old: str, new: str) -> None:
    report.line(f"From {safe(old)} to {safe(new)}", "bold")
    if not found:
        report.line("Nothing that keeps anybody out is new.", "green")
    for number, each in enumerate(found, 1):
        report.line(f"{number}. {each.finding.check}: {safe(each.finding.message)}", "bold red", 0, 3)
        if not each.changes:
            report.line(NO_FILE, "yellow", 3)
            continue
        files = plural(len(each.changes), "file")
        report.line(f"enough for it, of {plural(each.changed, 'change')}: {files}", "", 3)
        for change in each.changes:
            for line in unified(change, 0):
                report.exact(line, "", 5)
    if len(found) == MOST_FINDINGS:
        report.line(f"Only the first {MOST_FINDINGS} are shown.")


def as_document(found: tuple[Blamed, ...], old: str, new: str) -> dict[str, object]:
    """What ``blame --json`` prints."""
    return {
        "schema": document.SCHEMA,
        "old": old,
        "new": new,
        "blamed": [
            {
                **document.finding(each.finding),
                "changed": each.changed,
                "changes": [
                    {"path": str(change.path), "action": str(change.action), "diff": list(unified(change, 0))}
                    for change in each.changes
                ],
            }
            for each in found
        ],
    }

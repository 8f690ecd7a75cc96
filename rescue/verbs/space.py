"""``rescue space TARGET``: what fills the disk, and what could go. Changes nothing; `rescue fix` makes room."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rescue.space.advice import advice
from rescue.space.policy import Removal, candidates, reads
from rescue.space.summary import freed, summary
from rescue.space.usage import Usage, top_directories
from rescue.status import Status
from rescue.survey import complete
from rescue.target.protocol import Target
from rescue.target.usage import scan_usage
from rescue.tree import FileSystem
from rescue.ui import document
from rescue.ui.report import Report
from rescue.verbs.recall import resolved
from rescue.verbs.session import Session
from rescue.words.numbers import plural, size
from rescue.words.text import safe

MANY = 10
"""Directories and files that are listed."""


def run(session: Session) -> Status:
    """Measure the file system of the root, and list what the policy allows to go."""
    session, spec = resolved(session, session.options.target)
    with session.target(spec, write=False) as target:
        name = target.name
        session.progress("measuring what lies where")
        usage = scan_usage(target, "/")
        filesystem, removals = _may_go(target)
    if session.json:
        document.write(_document(filesystem, usage, removals), sys.stdout)
    else:
        _say(session.report, name, filesystem, usage, removals)
    return Status.CLEAR


def _may_go(target: Target) -> tuple[FileSystem, tuple[Removal, ...]]:
    wanted = reads()
    _, found = complete(
        target, target.capture(wanted), lambda tree: (tree.filesystem("/") or FileSystem("/"), candidates(tree, "/"))
    )
    return found


def _say(report: Report, name: str, filesystem: FileSystem, usage: Usage, removals: Sequence[Removal]) -> None:
    used = filesystem.size - filesystem.free
    share = f" ({100 * used // filesystem.size} %)" if filesystem.size else ""
    report.line(f"{safe(name)}: {size(filesystem.size)}, of which {size(used)} are used{share}", "bold")
    report.line(f"left: {size(filesystem.available)}" + _inodes(filesystem))
    if not usage.complete:
        report.line("Not everything could be read, so the sums are too small.", "yellow")
    report.line()
    report.line("The directories that hold most:", "bold")
    for each in top_directories(usage, MANY):
        report.exact(f"{size(each.bytes):>10}  {plural(each.inodes, 'file'):>14}  {safe(str(each.path))}", indent=2)
        if told := advice(each.path):
            report.line(told, "dim", 14)
    report.line()
    report.line("The largest files:", "bold")
    for file in usage.files[:MANY]:
        report.exact(f"{size(file.bytes):>10}  {safe(str(file.path))}", indent=2)
    report.line()
    bytes_, _ = freed(removals)
    if removals:
        report.line(f"Logs, caches and crash dumps that could go: {size(bytes_)}", "bold")
        report.line(safe(summary(removals)), indent=2)
        report.line("When the disk is full, `rescue fix` takes of these what is needed, and asks before.")
    else:
        report.line("There are no old logs or caches that could go: the rest is for you to decide.")


def _inodes(filesystem: FileSystem) -> str:
    if not filesystem.inodes:
        return ""
    return f"; {filesystem.inodes_free} of {filesystem.inodes} inodes"


def _document(filesystem: FileSystem, usage: Usage, removals: Sequence[Removal]) -> dict[str, object]:
    return {
        "schema": document.SCHEMA,
        "filesystem": {
            "mount": filesystem.mount,
            "type": filesystem.type,
            "size": filesystem.size,
            "free": filesystem.free,
            "available": filesystem.available,
            "inodes": filesystem.inodes,
            "inodes_free": filesystem.inodes_free,
        },
        "complete": usage.complete,
        "directories": [
            {"path": str(each.path), "bytes": each.bytes, "inodes": each.inodes}
            for each in top_directories(usage, MANY)
        ],
        "files": [{"path": str(each.path), "bytes": each.bytes} for each in usage.files[:MANY]],
        "could_go": [
            {"path": str(each.path), "what": str(each.loss), "bytes": each.bytes, "keep": each.keep}
            for each in removals
        ],
    }

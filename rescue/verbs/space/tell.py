"""Measures the file systems, and says what fills them and what could go."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rescue.space.advice import advice
from rescue.space.policy import Removal, candidates, reads
from rescue.space.summary import freed, summary
from rescue.space.usage import Usage, measured, top_directories
from rescue.status import Status
from rescue.survey import complete
from rescue.targets.protocol import Target, TargetError
from rescue.targets.usage import scan_usage
from rescue.text.numbers import plural, size
from rescue.text.safe import safe
from rescue.tree import FileSystem, Tree
from rescue.ui import document
from rescue.ui.report import Report
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.options import NoOptions
from rescue.verbs.request.session import Session

MANY = 10
"""Directories and files that are listed."""


@dataclass(frozen=True, slots=True)
class _Filled:
    """A file system, what fills it, and what of that may go."""

    filesystem: FileSystem
    usage: Usage
    removals: tuple[Removal, ...]


def run(session: Session, options: NoOptions) -> Status:
    """Measure the file systems, the root's first, and list what the policy allows to go."""
    spec = resolved(session)
    with session.target(spec, write=False) as target:
        name = target.name
        tree = target.capture(reads())
        mounts = measured(tree.filesystems) or ("/",)
        found, missing = [], []
        for mount in mounts:
            session.progress("measuring what lies where" + (f", {mount}" if len(mounts) > 1 else ""))
            try:
                found.append(_filled(target, tree, mount))
            except TargetError as problem:
                if mount == mounts[0]:
                    raise
                missing.append(str(problem))
    if session.json:
        first = _document(found[0])
        every = [_document(each) for each in found]
        document.write({"schema": document.SCHEMA, **first, "filesystems": every}, sys.stdout)
        return Status.CLEAR
    if len(mounts) > 1:
        session.report.exact(safe(name))
    for each in found:
        _say(session.report, each.filesystem.mount if len(mounts) > 1 else name, each)
    for told in missing:
        session.report.line(safe(told), "yellow")
    _what_could_go(session.report, [removal for each in found for removal in each.removals])
    return Status.CLEAR


def _filled(target: Target, tree: Tree, mount: str) -> _Filled:
    usage = scan_usage(target, mount)
    _, (filesystem, removals) = complete(
        target, tree, lambda tree: (tree.filesystem(mount) or FileSystem(mount), candidates(tree, mount))
    )
    return _Filled(filesystem, usage, removals)


def _say(report: Report, name: str, filled: _Filled) -> None:
    filesystem, usage = filled.filesystem, filled.usage
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
    if usage.files:
        report.line("The largest files:", "bold")
        for file in usage.files[:MANY]:
            report.exact(f"{size(file.bytes):>10}  {safe(str(file.path))}", indent=2)
        report.line()


def _what_could_go(report: Report, removals: Sequence[Removal]) -> None:
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


def _document(filled: _Filled) -> dict[str, object]:
    filesystem, usage = filled.filesystem, filled.usage
    return {
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
            for each in filled.removals
        ],
    }

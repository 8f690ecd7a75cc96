"""``rescue disks``: what is attached here, what is on it, and what to type next. Changes nothing."""

from __future__ import annotations

import sys

from rescue.status import Status
from rescue.target.disks import Disk, find_disks
from rescue.ui import document
from rescue.ui.report import Report
from rescue.verbs.session import Session
from rescue.words.numbers import size
from rescue.words.text import safe


def run(session: Session) -> Status:
    """List the block devices."""
    disks = find_disks()
    if session.json:
        document.write({"schema": document.SCHEMA, "disks": [_document(each) for each in disks]}, sys.stdout)
        return Status.CLEAR
    report = session.report
    report.line("Disks and file systems here:", "bold")
    for disk in disks:
        _row(report, disk)
    report.line()
    servers = [disk for disk in disks if disk.is_root and not disk.is_own]
    if servers:
        report.line("To find out what keeps you out:")
        for disk in servers:
            report.exact(disk.next_command, "bold", 2)
    else:
        report.line("No other server's root was found on them." if disks else "There is no block device here.")
        report.line("An image file or a mounted directory can be given as well: rescue inspect PATH.")
        report.line("To look at the system that runs here: rescue inspect /")
    return Status.CLEAR


def _row(report: Report, disk: Disk) -> None:
    report.exact(f"{safe(disk.path):<16}  {safe(disk.type):<5} {size(disk.size):>10}  {disk.fstype or '-'}", indent=2)
    if what := _what(disk):
        report.line(what, indent=4)
    if disk.problem:
        report.line(safe(disk.problem), "yellow", 4)


def _what(disk: Disk) -> str:
    words = [f"named {disk.label}"] if disk.label else []
    if disk.is_own:
        words.append("of the system that runs here")
    elif disk.is_root:
        words.append(f"a server: {disk.release or 'Linux'}" + (f" on {disk.hostname}" if disk.hostname else ""))
    if disk.mountpoint:
        words.append(f"mounted at {disk.mountpoint}")
    return safe(", ".join(words))


def _document(disk: Disk) -> dict[str, object]:
    return {
        "path": disk.path,
        "size": disk.size,
        "type": disk.type,
        "label": disk.label,
        "fstype": disk.fstype,
        "mountpoint": disk.mountpoint,
        "release": disk.release,
        "hostname": disk.hostname,
        "is_root": disk.is_root,
        "is_own": disk.is_own,
        "problem": disk.problem,
        "next": disk.next_command,
    }

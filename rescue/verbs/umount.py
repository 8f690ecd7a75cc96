"""``rescue umount [TARGET|DIR]``: what was mounted is unmounted, what killed runs have left open is closed."""

from __future__ import annotations

import sys
from pathlib import Path

from rescue.errors import UsageError
from rescue.status import Status
from rescue.targets.host.mount_records import Mounted, all_mounted
from rescue.targets.mounted import close_leftovers, unmount
from rescue.text.safe import safe
from rescue.ui import document
from rescue.verbs.request.options import UmountOptions
from rescue.verbs.request.session import Session


def run(session: Session, options: UmountOptions) -> Status:
    """Unmount it all, or what is named, the latest first."""
    what = options.what
    meant = [each for each in all_mounted() if what is None or _is(each, what)]
    closed = []
    if what is None or not meant:
        closed = list(close_leftovers())
        meant = [each for each in meant if each.holder.lives]
    if what is not None and not meant and not closed:
        raise UsageError(f"rescue has not mounted {what}", "rescue umount alone unmounts all that it has mounted.")
    for each in reversed(meant):
        session.progress(f"unmounting {each.point}")
        unmount(each)
    if session.json:
        points = [each.point for each in reversed(meant)]
        document.write({"schema": document.SCHEMA, "unmounted": points, "closed": closed}, sys.stdout)
        return Status.CLEAR
    report = session.report
    for each in reversed(meant):
        report.exact(f"{safe(each.point)} is unmounted, and all that is written is on the disk.")
    if closed:
        report.line("A run that was killed had left things open, which are closed now:")
        for words in closed:
            report.exact(safe(words), indent=2)
    if not meant and not closed:
        report.line("Nothing is mounted.")
    return Status.CLEAR


def _is(mounted: Mounted, what: str) -> bool:
    real = str(Path(what).expanduser().resolve())
    return real in (mounted.point, mounted.target)

"""``rescue mount TARGET [DIR]``: the server's file systems under one folder, until ``rescue umount``."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

from rescue.errors import UsageError
from rescue.status import Status
from rescue.targets.host.mount_records import Mounted, mounted_from
from rescue.targets.mounted import mount_target
from rescue.targets.open import opened_by_libguestfs
from rescue.targets.protocol import TargetBusy
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.report import command
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.opening import opening_of
from rescue.verbs.request.options import MountOptions
from rescue.verbs.request.session import Session


def run(session: Session, options: MountOptions) -> Status:
    """Mount it, and say where it is and how it is unmounted."""
    spec = resolved(session)
    path = Path(spec)
    _refuse_what_needs_no_mount(spec, path, session.request.opening.backend)
    if (held := mounted_from(path)) is not None:
        unmount = command("umount", held.point)
        raise TargetBusy(f"{spec} is mounted at {held.point} already", f"Unmount it first: {unmount}")
    session.agree_to_kernel(spec)
    where = Path(options.dir).expanduser().absolute() if options.dir is not None else None
    opening = session.request.opening
    mounted = mount_target(
        spec, where, write=not options.read_only,
        opening=replace(opening_of(opening), root=opening.root, backend=opening.backend), progress=session.progress,
    )  # fmt: skip
    if session.json:
        document.write({"schema": document.SCHEMA, "mounted": as_document(mounted)}, sys.stdout)
    else:
        _say(session, mounted)
    return Status.CLEAR


def _refuse_what_needs_no_mount(spec: str, path: Path, backend: str) -> None:
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError):
        return  # what opens it says why
    if stat.S_ISDIR(kind):
        raise UsageError(f"{spec} is a folder: there is nothing to mount", "Name a disk; rescue disks lists them.")
    if os.geteuid() != 0 and not opened_by_libguestfs(path, backend):
        raise UsageError("mounting needs root", f"sudo {command('mount', spec)}")


def _say(session: Session, mounted: Mounted) -> None:
    report = session.report
    who = safe(mounted.release or "a server") + (f" on {safe(mounted.hostname)}" if mounted.hostname else "")
    report.line(f"{who}, mounted {'for writing' if mounted.writable else 'read-only'}:", "bold")
    for point, source in mounted.sources:
        report.exact(f"{safe(point)}  ({safe(source)})", indent=2)
    for note in mounted.notes:
        report.line(f"Note: {safe(note)}", "yellow")
    if mounted.writable:
        report.line("What you change there is changed on the server's disk.")
    report.line("When you have finished:")
    report.exact(command("umount", mounted.point), "bold", 2)


def as_document(mounted: Mounted) -> dict[str, object]:
    """What programs are told of a mount."""
    return {
        "target": mounted.target,
        "point": mounted.point,
        "writable": mounted.writable,
        "release": mounted.release,
        "hostname": mounted.hostname,
        "filesystems": [{"point": point, "source": source} for point, source in mounted.sources],
        "notes": list(mounted.notes),
    }

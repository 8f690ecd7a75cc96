"""``rescue ticket [HOST] [TARGET]``: a support request for the provider, from saved probes and an inspection."""

from __future__ import annotations

import sys
from dataclasses import replace

from rescue import library
from rescue.errors import UsageError
from rescue.library import Inspection
from rescue.outside.memory import Saved, newest, recall
from rescue.outside.ticket import DiskFact, Inspected, ticket
from rescue.status import Status
from rescue.text.safe import safe
from rescue.ui import document
from rescue.verbs.request.last_target import recall as last_target
from rescue.verbs.request.last_target import resolved
from rescue.verbs.request.options import TicketOptions
from rescue.verbs.request.session import Session


def run(session: Session, options: TicketOptions) -> Status:
    """Gather what is known, and write it: of a host that was probed what was saved; a target is inspected."""
    probe: Saved | None = None
    disk: Inspected | None = None
    for word in options.what:
        saved = recall(word.rpartition("@")[2])
        if saved is None and "/" not in word and ("." in word or ":" in word) and not _is_file(word):
            raise UsageError(f"{word[:80]} was not probed yet", f"First: rescue probe {word[:80]}")
        if (probe if saved is not None else disk) is not None:
            raise UsageError("ticket takes one host and one target", "Such as: rescue ticket 203.0.113.10 /dev/vda")
        if saved is not None:
            probe = saved
        else:
            disk = _inspected(session.asking_for(replace(session.request, spec=word)))
    if not options.what:
        # Which server the last target is of, nobody can tell: it is taken only where there is no probe.
        probe = newest()
        if probe is None and last_target() is None:
            raise UsageError(
                "nothing is known to write about: no host was probed and no target inspected",
                "First: rescue probe HOST, or rescue inspect TARGET",
            )
        disk = _inspected(session) if probe is None else None
    text = ticket(probe, disk, markdown=options.markdown)
    if session.json:
        told = {"schema": document.SCHEMA, "markdown": options.markdown, "text": text,
                "host": probe.host if probe else None, "target": disk.name if disk else None}  # fmt: skip
        document.write(told, sys.stdout)
        return Status.CLEAR
    for line in text.split("\n")[:-1]:
        session.report.exact(safe(line))
    session.progress("read it before you send it: it names addresses, files and accounts, and no secrets")
    return Status.CLEAR


def _is_file(word: str) -> bool:
    from pathlib import Path

    try:
        return Path(word).exists()
    except (OSError, ValueError):
        return False


def _inspected(session: Session) -> Inspected:
    spec = resolved(session)
    with session.target(spec, write=False) as target:
        return _facts(library.inspect(target, session.client))


def _facts(found: Inspection) -> Inspected:
    at = found.client.now.astimezone().isoformat(timespec="seconds")
    findings = tuple(
        DiskFact(each.message, str(each.locations[0]) if each.locations else "") for each in found.findings
    )
    return Inspected(found.hostname or found.name, found.method, at, found.release, str(found.verdict), findings)

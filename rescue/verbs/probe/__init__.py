"""``rescue probe HOST``: the outside view of an SSH server. Needs no root, sends no credentials, changes nothing there.

What was seen is kept in the person's own state folder, for the next probe and for ``rescue ticket``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rescue.errors import UsageError
from rescue.outside.memory import changes, recall, remember, saved_of
from rescue.outside.observed import Observed
from rescue.outside.probe import look
from rescue.outside.telling import as_document, check_line, facts_seen
from rescue.outside.verdict import Verdict, judge
from rescue.status import Status
from rescue.text.safe import safe
from rescue.ui import document
from rescue.ui.outside import show_probe
from rescue.verbs.request.options import ProbeOptions
from rescue.verbs.request.session import Session

LONGEST = 255
"""Characters of a host's name (RFC 1035)."""


def run(session: Session, options: ProbeOptions) -> int:
    """Look, judge, show. CLEAR where the server asks for a login; TARGET where nothing left this computer's network."""
    asked = named(options.host)
    host = asked.host
    reference = named(options.reference).host if options.reference is not None else None
    before = recall(host)
    ports = (before.success.port,) if before is not None and before.success is not None else ()
    progress = (lambda _: None) if options.check else session.progress
    seen = look(
        host,
        user=session.client.user or asked.user,
        port=session.client.port or asked.port,
        family=4 if options.four else 6 if options.six else None,
        reference=reference,
        remembered_ports=ports,
        progress=progress,
    )
    verdict = judge(seen)
    facts = facts_seen(seen, verdict)
    now = saved_of(seen, verdict, facts, before)
    changed = changes(before, now)
    kept = remember(now)
    if options.check:
        status, line = check_line(seen, verdict)
        print(safe(line))
        return status
    if session.json:
        document.write(as_document(seen, verdict, changed), sys.stdout)
    else:
        show_probe(session.report, seen, verdict, facts, changed)
        if not kept:
            session.report.line("What was seen could not be kept, so rescue ticket does not know of it.", "yellow")
    return _status(seen, verdict)


def _status(seen: Observed, verdict: Verdict) -> Status:
    if verdict.situation.here:
        return Status.TARGET
    return Status.CLEAR if verdict.situation.open else Status.BROKEN


@dataclass(frozen=True, slots=True)
class Named:
    """What was typed for a host. user, port: None where none is in it."""

    host: str
    user: str | None = None
    port: int | None = None


def named(words: str | None) -> Named:
    """The host of "HOST", "USER@HOST", "HOST:PORT" or "ssh://USER@HOST:PORT". Raises UsageError."""
    typed = (words or "").removeprefix("ssh://").rstrip("/")
    user, _, host = typed.rpartition("@")
    name, colon, number = host.rpartition(":")
    port = None
    # One colon alone: with more it is an IPv6 address, unless that is in brackets.
    if colon and number.isascii() and number.isdecimal() and (":" not in name or name.endswith("]")):
        host, port = name, int(number[:6])
        if not 1 <= port <= 65535:
            raise UsageError(f"there is no port {number[:20]}", "A port is a number from 1 to 65535.")
    if not host or len(host) > LONGEST or any(each.isspace() or not each.isprintable() for each in host):
        raise UsageError(
            "probe takes a host's name or address" if not host else "this can't be a host's name or address",
            "Such as: rescue probe 203.0.113.10",
        )
    if host.startswith("-"):
        raise UsageError("a host's name does not begin with -", "Such as: rescue probe 203.0.113.10")
    return Named(host, user or None, port)

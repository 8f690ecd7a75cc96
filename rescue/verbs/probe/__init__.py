"""``rescue probe HOST``: the outside view of an SSH server. Needs no root, sends no credentials, changes nothing there.

What was seen is kept in the person's own state folder, for the next probe and for ``rescue ticket``.
"""

from __future__ import annotations

import sys

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
    host, user = _named(options.host)
    reference = _named(options.reference)[0] if options.reference is not None else None
    before = recall(host)
    ports = (before.success.port,) if before is not None and before.success is not None else ()
    progress = (lambda _: None) if options.check else session.progress
    seen = look(
        host,
        user=session.client.user or user,
        port=session.client.port,
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


def _named(words: str | None) -> tuple[str, str | None]:
    """The host and the user of "HOST" or "USER@HOST". Raises UsageError."""
    user, _, host = (words or "").rpartition("@")
    if not host or len(host) > LONGEST or any(each.isspace() or not each.isprintable() for each in host):
        raise UsageError(
            "probe takes a host's name or address" if not host else "this can't be a host's name or address",
            "Such as: rescue probe 203.0.113.10",
        )
    if host.startswith("-"):
        raise UsageError("a host's name does not begin with -", "Such as: rescue probe 203.0.113.10")
    return host, user or None

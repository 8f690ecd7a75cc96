"""The last boot did not reach its login services, and nothing has been changed since.

Symptom: "ssh: connect to host SERVER port 22: Connection timed out", or "No route to host".

Cause: the server's own logs, or the serial console that you saved (--console FILE), show that its last boot ended in
emergency mode or in a kernel panic, or that one boot after the other ended within minutes. The message names what
failed first. It is the cause that another check of this step names, if there is one; if there is none, it lies where no
check looks.

Repair: by hand, after the message. `rescue timeline` shows what was changed before that boot; an upgrade or a changed
file often is the reason. In emergency mode the provider's console gives a shell, if root has a password; `rescue shell`
gives one from here.

See: systemd.special(7) on emergency.target; bootup(7); Documentation/admin-guide/kernel-parameters of Linux.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logs.events import Event
from rescue.logs.last_boot import LastBoot
from rescue.logs.last_login import LAST_LOGIN_READS
from rescue.logs.sources import LISTING_READS
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.story.seen_in_boot import FIXES, named, unchanged_since
from rescue.text.safe import cut
from rescue.tree import Read

STEP = Step.BOOT
READS = (*LISTING_READS, *LAST_LOGIN_READS, Read(FIXES, depth=1, content=False))
LONGEST = 200


def find(facts: Facts) -> Iterator[Finding]:
    boot = facts.last_boot
    if boot is None or boot.came_up or boot.logins or boot.listening:
        return
    stopped = boot.panic or boot.emergency
    if stopped is None and not boot.loop:
        return  # the logs end before: a power cut, or they are not all there
    if not unchanged_since(facts, boot.until or facts.now):
        return  # perhaps mended since
    yield Finding(
        check="last-boot-failed",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=_message(boot, stopped),
        symptom=Symptom.TIMED_OUT,
        locations=(Location(boot.source, 0, (_first(boot, stopped) or "")[:LONGEST]),),
        repairs=(
            Repair(
                "see what failed, and what was changed before",
                Safety.MANUAL,
                steps="Watch the provider's console while the server boots.\nWhat was changed before that boot:\n"
                "rescue timeline",
            ),
        ),
        reason="the next boot may go otherwise: a disk may be there again, and logs do not tell all",
    )


def _message(boot: LastBoot, stopped: Event | None) -> str:
    if stopped is None:
        how = f"and {boot.loop - 1} boots before it ended within minutes of their start (a crash loop)"
    elif stopped is boot.panic:
        how = "stopped before systemd could start anything"
    else:
        how = "ended in emergency mode"
    first = _first(boot, stopped)
    return f"{named(boot, upper=True)} {how}" + (f": {cut(first, LONGEST)}" if first else ".")


def _first(boot: LastBoot, stopped: Event | None) -> str:
    """What failed first, which all else follows from."""
    event = (stopped if stopped is boot.panic else None) or next(iter(boot.failed), None) or stopped
    return event.message.strip() if event is not None else ""

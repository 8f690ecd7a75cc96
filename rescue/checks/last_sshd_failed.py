"""The SSH server failed to start in the last boot, and nothing has been changed since.

Symptom: "ssh: connect to host SERVER port 22: Connection refused".

Cause: the server's own logs, or the serial console that you saved (--console FILE), show that the SSH server's unit
failed, or that sshd said an error and then did not listen. The message quotes it. If another check of this step names
the cause, it is that one; if none does, the cause lies where no check looks.

Repair: by hand, after the message. `rescue shell` gives a shell in the server; `sshd -t` there says whether sshd takes
its configuration. `rescue timeline` shows what was changed before that boot.

See: systemd.service(5); sshd(8) on -t.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins.ssh_units import SERVICES
from rescue.logs.events import Event
from rescue.logs.last_boot import LastBoot
from rescue.logs.last_login import LAST_LOGIN_READS
from rescue.logs.sources import LISTING_READS
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd.listen import SOCKETS
from rescue.story.seen_in_boot import FIXES, named, unchanged_since
from rescue.text.safe import cut
from rescue.tree import Read

STEP = Step.SERVICE
READS = (*LISTING_READS, *LAST_LOGIN_READS, Read(FIXES, depth=1, content=False))
CALLED = ("OpenBSD Secure Shell server", "OpenBSD Secure Shell", "OpenSSH server daemon", "OpenSSH Daemon")
"""What systemd before 249 calls the unit: its description alone."""
LONGEST = 200


def find(facts: Facts) -> Iterator[Finding]:
    boot = facts.last_boot
    if boot is None or boot.listening or boot.logins:
        return
    event = _failed(boot)
    if event is None or not unchanged_since(facts, boot.until or facts.now):
        return
    yield Finding(
        check="last-sshd-failed",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"{named(boot, upper=True)} shows that the SSH server did not start: {cut(event.message, LONGEST)}",
        symptom=Symptom.REFUSED,
        locations=(Location(boot.source, 0, event.message.strip()[:LONGEST]),),
        repairs=(
            Repair(
                "see why sshd does not start",
                Safety.MANUAL,
                steps="rescue shell -- /usr/sbin/sshd -t\nWhat was changed before that boot:\nrescue timeline",
            ),
        ),
        reason="it may have started at a later try that the logs do not show",
    )


def _failed(boot: LastBoot) -> Event | None:
    """The failure of the SSH server's unit; None if none is told."""
    by_name = boot.failure(*SERVICES, *SOCKETS)
    return by_name or next((each for each in boot.failed if any(word in each.message for word in CALLED)), None)

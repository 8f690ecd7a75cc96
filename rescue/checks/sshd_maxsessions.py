"""MaxSessions is 0: sshd accepts your key but opens no session.

Symptom: "channel 0: open failed: connect failed: open failed", after a login that seemed to succeed.

Cause: "MaxSessions 0" in sshd_config, which allows no shell, command or sftp over a connection, only port forwarding.
It is meant for jump hosts, inside a Match block for the users concerned.

Repair: set the line that applies to you to 10, sshd's default.

See: sshd_config(5) on MaxSessions.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import sshd_limits
from rescue.logins.sshd_limits import Cause, Limit, for_each_login
from rescue.model import Finding, Step, Symptom

STEP = Step.SESSION
READS = sshd_limits.READS


def find(facts: Facts) -> Iterator[Finding]:
    yield from for_each_login(facts, CAUSE)


def _judge(value: str) -> Limit | None:
    return Limit("sshd opens no shell and runs no command for you") if value == "0" else None


CAUSE = Cause("sshd-maxsessions", STEP, Symptom.CLOSED, "MaxSessions", "10", _judge)

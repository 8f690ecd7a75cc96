"""MaxAuthTries is too low: sshd disconnects before your key has its turn.

Symptom: "Received disconnect from SERVER port 22:2: Too many authentication failures".

Cause: MaxAuthTries in sshd_config. Each key that your client offers and sshd does not accept is a failure, and agents
offer all their keys; with 1 only the first key is tried, with 0 not even that.

Repair: set the line that applies to you to 6, sshd's default. Or offer only the right key.

See: sshd_config(5) on MaxAuthTries, userauth_finish in auth2.c of OpenSSH; ssh_config(5) on IdentitiesOnly.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import sshd_limits
from rescue.logins.sshd_limits import Cause, Limit, for_each_login
from rescue.model import Finding, Repair, Safety, Step, Symptom

STEP = Step.KEY
READS = sshd_limits.READS

ONE_KEY = Repair("offer only the right key", Safety.MANUAL, steps="ssh -o IdentitiesOnly=yes -i KEYFILE USER@SERVER")


def find(facts: Facts) -> Iterator[Finding]:
    yield from for_each_login(facts, CAUSE)


def _judge(value: str) -> Limit | None:
    if value == "0":
        return Limit("sshd closes every connection before anybody can log in")
    if value == "1":
        return Limit(
            "the first key that your client offers must be the right one",
            "whether your client offers another key first is not on this disk",
        )
    return None


CAUSE = Cause("sshd-maxauthtries", STEP, Symptom.DENIED, "MaxAuthTries", "6", _judge, (ONE_KEY,))

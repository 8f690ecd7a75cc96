"""The SSH server ends the connection before your key has had its turn.

Symptom: "Received disconnect from SERVER port 22:2: Too many authentication failures".

Cause: MaxAuthTries in sshd_config. Each key that your client offers and the server does not take is a failure, and
agents offer all that they hold; with 1 only the first key counts, with 0 nobody gets as far as that.

Repair: the line that counts for you is set to 6, which is sshd's default. Or you offer the one right key alone.

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

ONE_KEY = Repair(
    "offer the one right key alone", Safety.MANUAL, steps="ssh -o IdentitiesOnly=yes -i KEYFILE USER@SERVER"
)


def find(facts: Facts) -> Iterator[Finding]:
    yield from for_each_login(facts, CAUSE)


def _judge(value: str) -> Limit | None:
    if value == "0":
        return Limit("the SSH server ends every connection before anybody could prove who he is")
    if value == "1":
        return Limit(
            "the first key that your client offers has to be the right one",
            "whether your client offers another key first is not on this disk",
        )
    return None


CAUSE = Cause("sshd-maxauthtries", STEP, Symptom.DENIED, "MaxAuthTries", "6", _judge, (ONE_KEY,))

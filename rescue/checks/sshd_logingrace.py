"""LoginGraceTime is too short to log in.

Symptom: "Connection closed by SERVER port 22" or "Timeout before authentication", after a few seconds, while the
password or the passphrase is typed, or at once over a slow connection.

Cause: LoginGraceTime in sshd_config is the time from connecting to the end of the login, in seconds if it has no unit:
"LoginGraceTime 2" means two seconds, not two minutes.

Repair: set the line to 120 seconds, sshd's default.

See: sshd_config(5) on LoginGraceTime and TIME FORMATS.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import sshd_limits
from rescue.logins.sshd_limits import Cause, Limit, everywhere
from rescue.model import Finding, Step, Symptom
from rescue.sshd.language.numbers import integer

STEP = Step.ACCEPT
READS = sshd_limits.READS

SHORT = 5
"""Seconds that may be too few for a key exchange, a name lookup and a key over a slow connection."""


def find(facts: Facts) -> Iterator[Finding]:
    yield from everywhere(facts, CAUSE)


def _judge(value: str) -> Limit | None:
    seconds = integer(value)
    if seconds is None or seconds == 0 or seconds > SHORT:
        return None
    return Limit(
        f"a login must be complete {seconds} s after connecting",
        "how long your login takes is not on this disk",
    )


CAUSE = Cause("sshd-logingrace", STEP, Symptom.CLOSED, "LoginGraceTime", "120", _judge)

"""The SSH server gives you hardly any time to log in.

Symptom: "Connection closed by SERVER port 22" or "Timeout before authentication", after a few seconds, while the
password or the passphrase is typed, or over a slow line at once.

Cause: LoginGraceTime in sshd_config is the time from the connection to the end of the login, in seconds where no unit
is written: "LoginGraceTime 2" is two seconds, not two minutes.

Repair: the line is set to 120 seconds, which is sshd's default.

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
"""Seconds in which a key exchange, a look-up of the client's name and a key over a slow line may not be done."""


def find(facts: Facts) -> Iterator[Finding]:
    yield from everywhere(facts, CAUSE)


def _judge(value: str) -> Limit | None:
    seconds = integer(value)
    if seconds is None or seconds == 0 or seconds > SHORT:
        return None
    return Limit(
        f"a login has to be over {seconds} s after the connection was opened",
        "how long your login takes is not on this disk",
    )


CAUSE = Cause("sshd-logingrace", STEP, Symptom.CLOSED, "LoginGraceTime", "120", _judge)

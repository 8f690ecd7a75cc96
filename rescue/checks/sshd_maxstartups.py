"""MaxStartups is too low: new connections are dropped.

Symptom: "kex_exchange_identification: Connection closed by remote host" or "Not allowed at this time", before any key
is asked for; now and then, or always.

Cause: MaxStartups or PerSourceMaxStartups in sshd_config limit how many connections may be open before login. With 0
none may; with one or two, the strangers who try passwords on every server of the internet take the places.

Repair: set the line to sshd's default: 10:30:100, or "none" for PerSourceMaxStartups.

See: sshd_config(5) on MaxStartups and PerSourceMaxStartups; should_drop_connection in sshd.c, srclimit.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import sshd_limits
from rescue.logins.sshd_limits import Cause, Limit, everywhere
from rescue.model import Finding, Step, Symptom
from rescue.sshd.language.numbers import triple

STEP = Step.ACCEPT
READS = sshd_limits.READS

CHECK = "sshd-maxstartups"
FEW = 2


def find(facts: Facts) -> Iterator[Finding]:
    for cause in CAUSES:
        yield from everywhere(facts, cause)


def _startups(value: str) -> Limit | None:
    numbers = triple(value)
    if not numbers:
        return None
    if numbers[-1] == 0 or (numbers[0] == 0 and numbers[1:2] == (100,)):
        return Limit("sshd closes every connection")
    if numbers[-1] <= FEW:
        many = "one connection" if numbers[-1] == 1 else f"{numbers[-1]} connections"
        return Limit(
            f"only {many} may be open before login",
            "whether others take the places is not on this disk; on the open internet they do",
        )
    return None


def _per_source(value: str) -> Limit | None:
    return Limit("sshd closes every connection from any address") if value == "0" else None


CAUSES = (
    Cause(CHECK, STEP, Symptom.CLOSED, "MaxStartups", "10:30:100", _startups),
    Cause(CHECK, STEP, Symptom.CLOSED, "PerSourceMaxStartups", "none", _per_source),
)

"""The SSH server closes connections unasked, because so few may be under way.

Symptom: "kex_exchange_identification: Connection closed by remote host" or "Not allowed at this time", before any key
is asked for; now and then, or always.

Cause: MaxStartups or PerSourceMaxStartups in sshd_config limit how many connections may be under way that have not
logged in yet. With 0 none may be; with one or two the strangers who try passwords on every server of the internet take
up the places.

Repair: the line is set to sshd's default: 10:30:100, or "none" for PerSourceMaxStartups.

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
        return Limit("the SSH server closes every connection")
    if numbers[-1] <= FEW:
        many = "one connection" if numbers[-1] == 1 else f"{numbers[-1]} connections"
        return Limit(
            f"only {many} may be under way before the login",
            "whether others take up the places is not on this disk; on the open internet they do",
        )
    return None


def _per_source(value: str) -> Limit | None:
    return Limit("the SSH server closes every connection, from wherever it comes") if value == "0" else None


CAUSES = (
    Cause(CHECK, STEP, Symptom.CLOSED, "MaxStartups", "10:30:100", _startups),
    Cause(CHECK, STEP, Symptom.CLOSED, "PerSourceMaxStartups", "none", _per_source),
)

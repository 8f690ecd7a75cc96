"""MaxStartups is too low: new connections are dropped.

Symptom: "kex_exchange_identification: Connection closed by remote host" or "Not allowed at this time", before any key
is asked for; now and then, or always.

Cause: MaxStartups or PerSourceMaxStartups in sshd_config limit how many connections may be open before login. With 0
none may; with one or two, the strangers who try passwords on every server of the internet take the places. A rate of
100 makes the first number the limit ("2:100:50"), and a first number of 0, in old versions, drops connections at random
even if nobody else connects.

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
ALL = 100
"""The rate, in percent, at which each connection beyond the first number is dropped (should_drop_connection)."""


def find(facts: Facts) -> Iterator[Finding]:
    for cause in CAUSES:
        yield from everywhere(facts, cause)


def _startups(value: str) -> Limit | None:
    numbers = triple(value)
    if not numbers:
        return None
    begin, rate, full = (*numbers, 30, numbers[0])[:3] if len(numbers) != 3 else numbers
    most = begin if rate >= ALL else full
    if most == 0:
        return Limit("sshd closes every connection")
    if begin == 0 and rate > 0:
        return Limit(
            f"sshd closes {rate} of 100 connections, or more, even if nobody else connects",
            "which ones is a matter of chance: trying again gets you in at last",
        )
    if most <= FEW:
        many = "one connection" if most == 1 else f"{most} connections"
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

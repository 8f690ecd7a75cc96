"""Whether the limits that a session gets leave a shell enough.

Decides: /etc/security/limits.conf and limits.d, as pam_limits sets them when the session opens: a few processes, open
files or kilobytes are less than a shell and its libraries need, and a value above the kernel's own makes it refuse.

Not judged: a limit below what a login shell surely gets along with, and one that the kernel may refuse.

Supply: comment the line out, and try.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import pam
from rescue.model import Gap, Step
from rescue.pam.limits_conf import LIMITS_READS, applying
from rescue.pam.stacks import Facility

STEP = Step.SESSION
READS = (*pam.READS, *LIMITS_READS)

ENOUGH = {
    "nproc": 64,
    "nofile": 128,
    "as": 1 << 20,
    "data": 1 << 19,
    "stack": 1024,
    "fsize": 1 << 18,
    "cpu": 10,
    "maxlogins": 3,
    "maxsyslogins": 20,
    "memlock": 0,
    "rss": 0,
    "core": 0,
    "sigpending": 0,
    "locks": 0,
    "msgqueue": 0,
    "priority": -20,
    "nice": -20,
    "rtprio": 0,
    "nonewprivs": 0,
}
"""The least with which a shell starts for sure: kilobytes, seconds, numbers, by limits.conf(5)."""
MOST = {"nofile": 1 << 20}
"""What every kernel takes."""


def find(facts: Facts) -> Iterator[Gap]:
    for account in facts.logins:
        policy = pam.policy(facts, account)
        if policy is None or policy.service.broken is not None:
            continue
        for handler in policy.service.stack(Facility.SESSION):
            if handler.name != "pam_limits":
                continue
            for item, value, place in applying(facts.tree, account, handler.arguments):
                if not _suffices(item, value):
                    what = f"whether a shell of {account.name} gets along with {item} {value} ({place})"
                    yield Gap("session-limits", STEP, what, "comment the line out, and try", account.name, (place,))


def _suffices(item: str, value: str) -> bool:
    if value in ("unlimited", "infinity", "-1"):
        return item not in MOST
    number = value.removeprefix("-")
    if item not in ENOUGH or not number.isdigit() or len(number) > 18:
        return False
    return ENOUGH[item] <= int(value) <= MOST.get(item, int(value))

"""Whether a session's limits are enough for a shell.

Decides: /etc/security/limits.conf and limits.d, which pam_limits sets when the session opens: with too few processes,
open files or kilobytes a shell and its libraries can't run, and the kernel rejects a value above its own maximum.

Not judged: a limit below what a login shell certainly needs, and one that the kernel may reject.

Supply: comment out the line, and try.
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
"""The lowest limits with which a shell certainly starts: kilobytes, seconds, numbers, by limits.conf(5)."""
MOST = {"nofile": 1 << 20}
"""What every kernel accepts."""


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
                    what = f"whether {item} {value} is enough for a shell of {account.name} ({place})"
                    yield Gap("session-limits", STEP, what, "comment out the line, and try", account.name, (place,))


def _suffices(item: str, value: str) -> bool:
    if value in ("unlimited", "infinity", "-1"):
        return item not in MOST
    number = value.removeprefix("-")
    if item not in ENOUGH or not number.isdigit() or len(number) > 18:
        return False
    return ENOUGH[item] <= int(value) <= MOST.get(item, int(value))

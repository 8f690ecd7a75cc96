"""The account has expired.

Symptom: the key is accepted, then "Your account has expired; please contact your system administrator." and
"Connection closed by SERVER port 22"; without PAM "Permission denied (publickey)".

Cause: the eighth field of the account's line in /etc/shadow is its expiry date, in days since 1970-01-01. After that
day not even a key opens the account. `chage --expiredate` or `useradd --expiredate` set the date, or `passwd --lock`
and `usermod --expiredate 1` did, to lock the account for good.

Repair: clear the field, so that the account never expires. A date in the first days of 1970 means that somebody locked
the account on purpose: then this needs your consent.

See: shadow(5), chage(1); pam_unix(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from rescue.accounts.database import Account
from rescue.accounts.lines import EXPIRES, with_shadow_field
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.each_login import each_login
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.pam.stacks import Answer

STEP = Step.ACCOUNT
READS = pam.READS

ENDED = "Your account has expired; please contact your system administrator"
"""pam_unix's message (pam_unix_acct.c), which the client shows before the connection closes."""
MEANT = 2
"""Expiry dates below this many days since 1970-01-01 come only from a command that locks the account."""


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    shadow = facts.accounts.shadow(account.name)
    if shadow is None or shadow.expire is None or shadow.expire < 0:
        return None
    day = pam.today(facts.now)
    found = pam.policy(facts, account)
    without_pam = facts.effective(account).words("UsePAM") == ("no",)
    if without_pam:
        # auth_shadow_acctexpired: the last day is still good.
        expired = day > shadow.expire
    else:
        expired = day >= shadow.expire and (found is None or _refuses(found))
    if not expired:
        return None
    ended = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=min(shadow.expire, 1 << 20))).date()
    meant = shadow.expire < MEANT
    return Finding(
        check="acct-expired",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The account {account.name} expired on {ended} ({shadow.location}).",
        symptom=Symptom.DENIED if without_pam else Symptom.CLOSED,
        locations=(shadow.location,),
        repairs=(
            Repair(
                f"remove the expiry date of {account.name}",
                Safety.UNSAFE if meant else Safety.SAFE,
                partial(with_shadow_field, name=account.name, field=EXPIRES, value=""),
                weakens=f"{account.name} can log in again, with no end date",
                lets_in=True,
            ),
        ),
        subject=account.name,
        words="" if without_pam else ENDED,
    )


def _refuses(found: pam.Policy) -> bool:
    """Whether the stack rejects the account, and only because of pam_unix."""
    decided = found.account.decided
    named = decided.name if decided is not None else ""
    return found.account.answer is not Answer.SUCCESS and named in ("pam_unix", "pam_deny")

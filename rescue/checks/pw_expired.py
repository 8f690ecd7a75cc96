"""The password has expired.

Symptom: the key is accepted, then "You are required to change your password immediately", or without a terminal
"Password change required but no TTY available." and the connection closes. Changing it needs the old password, which an
account made for keys does not have.

Cause: /etc/shadow says so: the last-change day is 0 (`chage -d 0`, `passwd --expire`, and what some providers do with
root), or it is longer ago than the password's maximum age. This stops logins with a key too.

Repair: set the last-change day to today. The password and its rules stay.

See: shadow(5), chage(1), pam_unix(8); do_pam_account in auth-pam.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account, Password
from rescue.accounts.lines import CHANGED, with_shadow_field
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.each_login import each_login
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.pam.stacks import Answer

STEP = Step.ACCOUNT
READS = pam.READS

OLD = "You are required to change your password immediately"
INACTIVE = "Your account has expired; please contact your system administrator"
"""pam_unix's messages (pam_unix_acct.c): the second if the password expired too long ago."""
EMPTY = "the last-change day is empty, which only Linux-PAM before 1.6 takes for long ago"


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    found = pam.policy(facts, account)
    shadow = facts.accounts.shadow(account.name)
    if found is None or shadow is None:
        return None
    day = pam.today(facts.now)
    perhaps = pam.asks_shadow(facts, account, found) and pam.counts_empty_day(shadow, day)
    if not perhaps:
        if pam.shadow_answer(shadow, day) not in (Answer.NEW_AUTHTOK_REQD, Answer.AUTHTOK_EXPIRED):
            return None
        if found.account.answer is Answer.SUCCESS or not _by_dates(found):
            return None
    # If no password opens the account, there is no old one to keep using.
    opens = facts.accounts.password(account) in (Password.HASH, Password.NONE)
    why = "must be changed" if shadow.lastchg == 0 else "has expired"
    return Finding(
        check="pw-expired",
        step=STEP,
        severity=Severity.DOUBTFUL if perhaps else Severity.BROKEN,
        message=f"The password of {account.name} {why} ({shadow.location}), which stops logins with a key too.",
        symptom=Symptom.CLOSED,
        locations=(shadow.location,),
        repairs=(
            Repair(
                f"set the last password change of {account.name} to today",
                Safety.UNSAFE if opens else Safety.SAFE,
                partial(with_shadow_field, name=account.name, field=CHANGED, value=str(day)),
                weakens="the old password stays valid" if opens else "",
            ),
        ),
        subject=account.name,
        reason=EMPTY if perhaps else "",
        words=INACTIVE if pam.shadow_answer(shadow, day) is Answer.AUTHTOK_EXPIRED else OLD,
    )


def _by_dates(found: pam.Policy) -> bool:
    decided = found.account.decided
    return decided is not None and decided.name in ("pam_unix", "pam_deny")

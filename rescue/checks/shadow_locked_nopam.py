"""The account is locked, and sshd enforces that because UsePAM is no.

Symptom: "me@SERVER: Permission denied (publickey)." although the key is correct; root gets in. The server's log says
"User me not allowed because account is locked".

Cause: with "UsePAM no" sshd refuses every account whose password in /etc/shadow begins with an exclamation mark: all
that never had a password, such as those made by cloud-init, and those locked with passwd -l. With PAM such a lock
applies only to passwords, and keys work.

Repair: set "UsePAM yes" in the line that says no, as distributions ship it. If no line says no, unlock only the
account: the exclamation mark becomes an asterisk, so that still no password opens it.

See: sshd_config(5) on UsePAM; platform_locked_account in platform.c of OpenSSH; shadow(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.accounts.lines import unlocked
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS, each_login
from rescue.logins.put_back import put_back
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.pam.templates import SSHD_CONFIG, TEMPLATE_READS, blank
from rescue.sshd import edit

STEP = Step.ACCOUNT
READS = (*SSHD_READS, *TEMPLATE_READS)


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    setting = facts.effective(account).setting("UsePAM")
    shadow = facts.accounts.shadow(account.name)
    if setting.words != ("no",) or shadow is None or not shadow.exclamation:
        return None
    said = f"UsePAM is no ({setting.location or 'the default'})"
    alone = Repair(
        f"unlock {account.name} in /etc/shadow (still no password opens it)",
        Safety.SAFE,
        partial(unlocked, name=account.name),
    )
    repairs: tuple[Repair, ...] = (alone,)
    if setting.location is not None:
        back = partial(edit.set_value, location=setting.location, value="yes")
        repairs = (Repair(f"set UsePAM yes ({setting.location})", Safety.SAFE, back), alone)
    elif blank(facts.tree.text(SSHD_CONFIG) or ""):
        # The distribution's configuration says yes: the file was lost; the account's state is fine.
        repairs = (*put_back(facts, SSHD_CONFIG), alone)
    return Finding(
        check="shadow-locked-nopam",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"sshd refuses {account.name}: {said}, and the account is locked ({shadow.location}).",
        symptom=Symptom.DENIED,
        locations=(*((setting.location,) if setting.location else ()), shadow.location),
        repairs=repairs,
        subject=account.name,
    )

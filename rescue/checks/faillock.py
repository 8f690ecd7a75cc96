"""The account is locked for passwords after too many failed logins.

Symptom: "me@SERVER: Permission denied, please try again." although the password is right; the server's log says "The
account is locked due to 3 failed logins". A login with a key still works, and resets the count.

Cause: a line with pam_faillock in the auth stack of /etc/pam.d/sshd counts failures in one file per account. By default
the file is in /run, which a boot empties; with dir= in faillock.conf it stays. pam_tally2, up to Debian 10 and RHEL 7,
counts in /var/log/tallylog.

Repair: reset the account's failure count. The rule stays.

See: pam_faillock(8), faillock.conf(5), faillock(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import Account, Password
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.each_login import each_login
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.pam import faillock
from rescue.pam.stacks import Answer, Facility, Handler, Ruling, module_present
from rescue.tree import Read

STEP = Step.ACCOUNT
READS = (*pam.READS, Read(faillock.CONF, depth=0))

VOLATILE = (PurePosixPath("/run"), PurePosixPath("/var/run"))


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    """A finding if a password is needed: no key is on the disk, and the client named none."""
    found = pam.policy(facts, account)
    if found is None or facts.client.key is not None or facts.accounts.password(account) is not Password.HASH:
        return None
    if any(each.keys for each in facts.key_files(account)):
        return None
    for handler in found.service.stack(Facility.AUTH):
        ruling = _ruling(facts, account, handler)
        if ruling is not None and ruling.allowed is False and handler.action(Answer.AUTH_ERR) in ("bad", "die"):
            return _finding(facts, account, handler, ruling)
    return None


def _ruling(facts: Facts, account: Account, handler: Handler) -> Ruling | None:
    if not module_present(facts.tree, handler.module):
        return None
    if handler.name == "pam_faillock":
        return faillock.faillock(facts.tree, account, facts.now, handler.arguments)
    if handler.name == "pam_tally2":
        return faillock.tally2(facts.tree, account, facts.now, handler.arguments)
    return None


def _finding(facts: Facts, account: Account, handler: Handler, ruling: Ruling) -> Finding | None:
    place = ruling.location
    if place is None:
        return None
    real = facts.tree.resolve(place.path)
    passing = any(real.is_relative_to(each) for each in VOLATILE)
    uid = account.uid if handler.name == "pam_tally2" else None
    return Finding(
        check="faillock",
        step=STEP,
        severity=Severity.DOUBTFUL if passing else Severity.BROKEN,
        message=f"No password works for {account.name}: {ruling.why} ({place}).",
        symptom=Symptom.DENIED,
        locations=(place, handler.location),
        repairs=(
            Repair(
                f"reset the failed logins of {account.name}",
                Safety.SAFE,
                partial(faillock.forgiven, path=place.path, uid=uid),
            ),
        ),
        subject=account.name,
        reason="the count is in /run, which a boot empties" if passing else "",
    )

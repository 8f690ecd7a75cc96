"""sshd does not accept your password.

Symptom: "me@SERVER: Permission denied (publickey)." without a password prompt; or, for root, every password is refused.

Cause: the account has a password and no key, and PasswordAuthentication is "no" in the line that wins, which is the
first one that sshd reads: a file in /etc/ssh/sshd_config.d (cloud images ship 50-cloud-init.conf or
60-cloudimg-settings.conf) comes before your own lines in sshd_config. For root, PermitRootLogin prohibit-password, the
default, refuses passwords. AuthenticationMethods may require a key.

Repair: allow passwords again; they can be guessed, so this needs your consent. Adding a key of yours is safer.

See: sshd_config(5) on PasswordAuthentication, PermitRootLogin and Include.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.logins.ways.password import Shut, by_password, opened, password_opens, shut
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read

STEP = Step.KEY
READS = (*SSHD_READS, Read("/root", depth=0), Read("/root/.ssh", depth=1))


def find(facts: Facts) -> Iterator[Finding]:
    if facts.sshd.fatal:
        return
    for account in concerned(facts):
        yield _finding(account, tuple(shut(facts, account)))


def concerned(facts: Facts) -> tuple[Account, ...]:
    """The accounts that use a password and can't log in. None, if no user was named and one of them can."""
    if facts.client.user is None and any(password_opens(facts, account) for account in facts.logins):
        return ()
    found = [account for account in facts.logins if by_password(facts, account) and any(shut(facts, account))]
    # Most servers expect root to log in with a key, or through another account.
    people = [account for account in found if account.uid != 0]
    return tuple(people or found) if facts.client.user is None else tuple(found)


def _finding(account: Account, ways: tuple[Shut, ...]) -> Finding:
    undecided = [each.undecided for each in ways if each.undecided is not None]
    why = " and ".join(str(each) for each in ways)
    return Finding(
        check="password-login-off",
        step=STEP,
        severity=Severity.DOUBTFUL if undecided else Severity.BROKEN,
        message=f"{account.name} has a password and no key, but sshd does not accept the password: {why}.",
        symptom=Symptom.DENIED,
        locations=(*(each.location for each in ways if each.location is not None), *undecided),
        repairs=tuple(_repairs(account, ways)),
        subject=account.name,
        reason=f"it depends on the address that you log in from ({undecided[0]})" if undecided else "",
        users=(account.name,),
    )


def _repairs(account: Account, ways: tuple[Shut, ...]) -> Iterator[Repair]:
    places = ", ".join(str(each.location or each.keyword) for each in ways)
    others = "everybody's passwords" if ways[0].keyword == "PasswordAuthentication" else f"{account.name}'s password"
    yield Repair(
        f"accept passwords again ({places})",
        Safety.UNSAFE,
        partial(opened, ways=ways),
        weakens=f"{others} will be accepted, and anyone who reaches the port can guess: use a long one",
    )
    yield Repair(f"add a key of yours: rescue fix --add-key FILE --user {account.name}", Safety.MANUAL)

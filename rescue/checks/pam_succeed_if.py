"""Your account fails a PAM condition: pam_succeed_if.

Symptom: the key is accepted, then "Connection closed by SERVER port 22"; the server's log says 'pam_succeed_if:
requirement "user ingroup ssh-users" not met by user "me"'.

Cause: a line such as "account required pam_succeed_if.so user ingroup ssh-users" in /etc/pam.d/sshd, or in a file that
it includes, lets in only users who meet every condition.

Repair: add a line before it that makes PAM skip it for you alone; for everybody else it applies as before. If it
requires a group, you can be added to it; this gives you all rights of the group, so it needs your consent.

See: pam_succeed_if(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.accounts.lines import with_member
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.each_login import each_login, say_where_from
from rescue.logins.pam_refused import exempted, turned_away
from rescue.model import Finding, Repair, Safety, Step
from rescue.pam.succeed_if import failed_group

STEP = Step.ACCOUNT
READS = pam.READS


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: turned_away(facts, account, "pam_succeed_if", _repairs))


def _repairs(facts: Facts, account: Account, found: pam.Refusal) -> Iterator[Repair]:
    if not found.certain:
        yield say_where_from(facts, found.handler.location)
        return
    place = found.handler.location
    yield Repair(
        f"skip the condition for {account.name} ({place})",
        Safety.SAFE,
        partial(exempted, location=place, name=account.name),
        weakens=f"{account.name} can log in without meeting the condition",
        lets_in=True,
    )
    group = failed_group(facts.tree, account, found.handler.arguments)
    if any(each.name == group for each in facts.accounts.groups):
        yield Repair(
            f"add {account.name} to the group {group}",
            Safety.UNSAFE,
            partial(with_member, group=group, name=account.name),
            weakens=f"{account.name} gets all rights of the group {group}",
        )

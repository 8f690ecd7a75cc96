"""A PAM limit allows you no login or no process: pam_limits.

Symptom: the key is accepted, then "There were too many logins for 'me'." and the connection closes; or "exec request
failed on channel 0", "fork: retry: Resource temporarily unavailable".

Cause: a line in /etc/security/limits.conf, or in a file in limits.d, sets maxlogins, maxsyslogins or nproc to 0 for
you, one of your groups, or everybody. A line for a user overrides one for a group, and that overrides one for "*".
Lines for groups and everybody do not apply to root.

Repair: comment out a line that is for you alone; if it is for others too, add a line that lifts the limit for you
alone.

See: limits.conf(5), pam_limits(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.each_login import each_login
from rescue.logins.pam_refused import refused
from rescue.model import Edit, Finding, Location, Repair, Safety, Step
from rescue.text.line_edit import commented, line_of
from rescue.tree import Tree

STEP = Step.SESSION
READS = pam.READS


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    found = next(pam.refusals(facts, account, "pam_limits"), None)
    if found is None or found.ruling.location is None:
        return None
    place = found.ruling.location
    return refused(
        "pam-limits",
        STEP,
        account,
        found,
        f"PAM opens no session for {account.name}: {found.ruling.why} ({place}).",
        (_repair(account, place),),
    )


def _repair(account: Account, place: Location) -> Repair:
    if place.text.split()[0] == account.name:
        return _unlimited(account, f"comment out {place}", partial(commented, location=place))
    lift = partial(lifted, location=place, name=account.name)
    return _unlimited(account, f"lift the limit for {account.name} alone, after {place}", lift)


def _unlimited(account: Account, title: str, change: Edit) -> Repair:
    note = f"{account.name} can log in without this limit"
    return Repair(title, Safety.SAFE, change, weakens=note, lets_in=True)


def lifted(tree: Tree, location: Location, name: str) -> Tree:
    """The tree with a line for `name` alone that sets no limit."""
    lines, at = line_of(tree, location)
    item = lines[at].split()[2]
    lines.insert(at + 1, f"{name} - {item} unlimited")
    return tree.write(location.path, "\n".join(lines))

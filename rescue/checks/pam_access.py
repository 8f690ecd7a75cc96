"""PAM's access rules block you: pam_access with /etc/security/access.conf.

Symptom: the key is accepted, then "Connection closed by SERVER port 22"; the server's log says "pam_access: access
denied for user".

Cause: a line with pam_access in /etc/pam.d/sshd (or a file that it includes) uses access.conf. PAM reads its lines from
the top; the first that matches the user and the address decides, and if none matches the login is allowed. Most often
the last line denies everybody whom no earlier line allows.

Repair: add a line that allows this one user right before the line that denies. All others are denied as before.

See: access.conf(5), pam_access(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.each_login import each_login, say_where_from, why_unsure
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Tree

STEP = Step.ACCOUNT
READS = pam.READS


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    found = next(pam.refusals(facts, account, "pam_access"), None)
    if found is None:
        return None
    place = found.ruling.location or found.handler.location
    if not found.certain:
        return _undecided(facts, account, place)
    allow = partial(let_in, location=place, name=account.name)
    return Finding(
        check="pam-access",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"PAM denies {account.name} the login after the key was accepted: {place} says {place.text}.",
        symptom=Symptom.CLOSED,
        locations=(place,),
        repairs=(
            Repair(
                f"allow {account.name} before {place}",
                Safety.SAFE,
                allow,
                weakens=f"{account.name} can log in from any address",
                lets_in=True,
            ),
        ),
        subject=account.name,
    )


def _undecided(facts: Facts, account: Account, place: Location) -> Finding:
    return Finding(
        check="pam-access",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"Whether PAM lets {account.name} in depends on the address ({place}).",
        symptom=Symptom.CLOSED,
        locations=(place,),
        repairs=(say_where_from(facts, place),),
        subject=account.name,
        reason=why_unsure(facts),
    )


def let_in(tree: Tree, location: Location, name: str) -> Tree:
    """The tree with a line that allows `name` before the one that denies. ValueError if that is gone."""
    lines = (tree.text(location.path) or "").split("\n")
    if not 0 < location.line <= len(lines) or lines[location.line - 1].rstrip() != location.text:
        raise ValueError(f"{location}: the line is gone")
    lines.insert(location.line - 1, f"+:{name}:ALL")
    return tree.write(location.path, "\n".join(lines))

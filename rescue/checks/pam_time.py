"""PAM lets you in at certain times only: pam_time with /etc/security/time.conf.

Symptom: the key is accepted, then "Connection closed by SERVER port 22", at some hours or always; the server's log says
"Access denied by PAM account configuration".

Cause: a line with pam_time in /etc/pam.d/sshd asks time.conf. Of its rules every one that fits the service, the
terminal and the user must have the present time among its times, as the server's own clock and time zone have it.

Repair: you are taken out of the rule; for everybody else it counts as before. Where it depends on the hour that is only
done if you say so: waiting is the other way.

See: time.conf(5), pam_time(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.each_login import each_login
from rescue.logins.pam_refused import line_of, refused
from rescue.model import Finding, Location, Repair, Safety, Step
from rescue.tree import Tree

STEP = Step.ACCOUNT
READS = pam.READS


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    found = next(pam.refusals(facts, account, "pam_time"), None)
    if found is None or found.ruling.location is None:
        return None
    place = found.ruling.location
    out = Repair(
        f"leave {account.name} out of the rule ({place})",
        Safety.SAFE if found.certain else Safety.UNSAFE,
        partial(left_out, location=place, name=account.name),
        weakens=f"{account.name} may log in at any time",
        lets_in=True,
    )
    wait = Repair("log in at one of the times that the rule has", Safety.MANUAL)
    return refused(
        "pam-time",
        STEP,
        account,
        found,
        f"PAM {'turns' if found.certain else 'may turn'} {account.name} away: {found.ruling.why} ({place}).",
        (out,) if found.certain else (wait, out),
    )


def left_out(tree: Tree, location: Location, name: str) -> Tree:
    """The tree in which the rule is not for `name`: "& !name" behind its users."""
    lines, at = line_of(tree, location)
    fields = lines[at].split(";")
    if len(fields) != 4:
        raise ValueError(f"{location}: the rule goes over several lines")
    fields[2] = f"{fields[2].rstrip()} & !{name}"
    lines[at] = ";".join(fields)
    return tree.write(location.path, "\n".join(lines))

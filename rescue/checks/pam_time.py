"""PAM lets you in only at certain times: pam_time with /etc/security/time.conf.

Symptom: the key is accepted, then "Connection closed by SERVER port 22", at some hours or always; the server's log says
"Access denied by PAM account configuration".

Cause: a line with pam_time in /etc/pam.d/sshd uses time.conf. Every rule that matches the service, the terminal and the
user must allow the present time, by the server's own clock and time zone.

Repair: exempt you from the rule; for everybody else it applies as before. If the rule depends on the hour, this needs
your consent, because you can also wait.

See: time.conf(5), pam_time(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.each_login import each_login
from rescue.logins.pam_refused import refused
from rescue.model import Finding, Location, Repair, Safety, Step
from rescue.text.line_edit import line_of
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
        f"exempt {account.name} from the rule ({place})",
        Safety.SAFE if found.certain else Safety.UNSAFE,
        partial(left_out, location=place, name=account.name),
        weakens=f"{account.name} can log in at any time",
        lets_in=True,
    )
    wait = Repair("log in at a time that the rule allows", Safety.MANUAL)
    return refused(
        "pam-time",
        STEP,
        account,
        found,
        f"PAM {'rejects' if found.certain else 'may reject'} {account.name}: {found.ruling.why} ({place}).",
        (out,) if found.certain else (wait, out),
    )


def left_out(tree: Tree, location: Location, name: str) -> Tree:
    """The tree where the rule excludes `name`: "& !name" after its users."""
    lines, at = line_of(tree, location)
    fields = lines[at].split(";")
    if len(fields) != 4:
        raise ValueError(f"{location}: the rule spans several lines")
    fields[2] = f"{fields[2].rstrip()} & !{name}"
    lines[at] = ";".join(fields)
    return tree.write(location.path, "\n".join(lines))

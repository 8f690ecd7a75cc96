"""No user of that name exists on the server.

Symptom: "me@SERVER: Permission denied (publickey)". The client can't tell a wrong name from a wrong key.

Cause: a typo, the user name of another image (ubuntu, debian, admin, ec2-user, root), or a deleted account.

Repair: log in with a name that exists; rescue makes no new accounts. It can restore a deleted account, with its groups,
if the home is still there, nobody else has its UID, and its lines are still in /etc/passwd- or /var/backups/passwd.bak
and in the copies of shadow and group. It may have been deleted for a reason, so this needs your consent.

See: passwd(5), userdel(8), sshd(8), getpwnamallow in auth.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import ACCOUNT_READS, PASSWD
from rescue.accounts.deleted import Deleted, bring_back, deleted
from rescue.facts import Facts
from rescue.formats.nsswitch import NSSWITCH_READ, databases
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom

STEP = Step.ACCOUNT
READS = (*ACCOUNT_READS, NSSWITCH_READ)

LOCAL = frozenset({"files", "compat", "systemd", "mymachines", "altfiles", "cache"})
"""Account sources that hold only users from the disk (nsswitch.conf(5))."""

MAX_NAMES = 12


def find(facts: Facts) -> Iterator[Finding]:
    user = facts.client.user
    if user is None or facts.accounts.get(user) is not None or _damaged(facts, user):
        return
    remote = _remote_sources(facts)
    names = [each.name for each in facts.accounts.users if each.has_login_shell and (each.uid == 0 or each.uid >= 1000)]
    close = get_close_matches(user, names, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    there = f"log in as one of these: {', '.join(names[:MAX_NAMES])}" if names else "no account has a login shell"
    former = deleted(facts.tree, user)
    if former is not None:
        hint = f" It was deleted, but {former.location.path} still lists it and its home {former.account.home} exists."
    yield Finding(
        check="account-missing",
        step=STEP,
        severity=Severity.DOUBTFUL if remote else Severity.BROKEN,
        message=f"User {user!r} does not exist on the server.{hint}",
        symptom=Symptom.DENIED,
        locations=(Location(PurePosixPath(PASSWD)), *([former.location] if former else [])),
        repairs=(*([_restoring(former)] if former else []), Repair(there, Safety.MANUAL)),
        subject=user,
        reason=f"the server also gets accounts from {', '.join(remote)}, which is not on the disk" if remote else "",
        hides=(Step.KEY,),
    )


def _damaged(facts: Facts, user: str) -> bool:
    """Whether the user has a line that no program can read; another check reports that."""
    return any(line.startswith(f"{user}:") for line in (facts.tree.text(PASSWD) or "").split("\n"))


def _restoring(former: Deleted) -> Repair:
    name = former.account.name
    power = f", in the groups {', '.join(former.groups)}" if former.groups else ""
    return Repair(
        f"restore the account {name} from {former.location.path}{power}",
        Safety.UNSAFE,
        partial(bring_back, name=name),
        weakens=f"{name} may have been deleted on purpose; anyone with its keys or password can log in again",
    )


def _remote_sources(facts: Facts) -> tuple[str, ...]:
    passwd = databases(facts.tree).get("passwd")
    return tuple(word for word in passwd.words if word not in LOCAL) if passwd is not None else ()

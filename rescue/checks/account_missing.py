"""There is no account of that name on the server.

Symptom: "me@SERVER: Permission denied (publickey)". The client can't tell a wrong name from a wrong key.

Cause: a typing error, another image's user name (ubuntu, debian, admin, ec2-user, root), a deleted account, or a line
in /etc/passwd that no program can read.

Repair: none on the disk: log in with a name that exists. Accounts are not made here.

See: passwd(5), sshd(8), getpwnamallow in auth.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.formats.accounts import ACCOUNT_READS
from rescue.model import Finding, Link, Location, Repair, Safety, Severity, Symptom
from rescue.tree import Read

LINK = Link.ACCOUNT
READS = (*ACCOUNT_READS, Read("/etc/nsswitch.conf", depth=0))

LOCAL = frozenset({"files", "compat", "systemd", "mymachines", "altfiles", "cache"})
"""Sources of accounts that know no people but those of the disk (nsswitch.conf(5))."""

MAX_NAMES = 12


def find(facts: Facts) -> Iterator[Finding]:
    user = facts.client.user
    if user is None or facts.accounts.get(user) is not None:
        return
    remote = _remote_sources(facts)
    names = [each.name for each in facts.accounts.users if each.has_login_shell and (each.uid == 0 or each.uid >= 1000)]
    close = get_close_matches(user, names, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    there = f"log in as one of: {', '.join(names[:MAX_NAMES])}" if names else "no account has a login shell"
    yield Finding(
        check="account-missing",
        link=LINK,
        severity=Severity.DOUBTFUL if remote else Severity.BROKEN,
        message=f"There is no user {user!r} on the server.{hint}",
        symptom=Symptom.DENIED,
        locations=(Location(PurePosixPath("/etc/passwd")),),
        repairs=(Repair(there, Safety.MANUAL),),
        subject=user,
        reason=f"the server also asks {', '.join(remote)} for accounts, which is not on the disk" if remote else "",
        hides=(Link.KEY,),
    )


def _remote_sources(facts: Facts) -> tuple[str, ...]:
    for line in (facts.tree.text("/etc/nsswitch.conf") or "").split("\n"):
        database, colon, sources = line.partition("#")[0].partition(":")
        if colon and database.strip() == "passwd":
            return tuple(word for word in sources.split() if not word.startswith("[") and word not in LOCAL)
    return ()

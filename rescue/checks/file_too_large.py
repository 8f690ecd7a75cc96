"""A file that decides about the login is far larger than it can sensibly be, so it was not read.

Symptom: whatever the file says; it can't be told from here.

Cause: configuration, rules and account files are read up to a size that real ones stay far below (1 MiB for most).
Something wrote into the file that does not belong there: a runaway program, a log in the wrong place, an attack, a
damaged disk.

Repair: none is made. Look at the file's beginning and end (`head -c 2000 FILE`, `tail -c 2000 FILE`), and put an old
version back: editors and package managers often leave one beside it (FILE~, FILE.bak, FILE.dpkg-old).

See: sshd_config(5), passwd(5), iptables-restore(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from rescue.facts import Facts
from rescue.model import Finding, Link, Location, Repair, Safety, Severity, Symptom
from rescue.tree import Read, Unread

LINK = Link.SERVICE
READS: tuple[Read, ...] = ()

DECIDING = (
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d/*.conf",
    "/etc/ufw/*.rules",
    "/etc/ufw/ufw.conf",
    "/etc/default/ufw",
    "/etc/iptables/rules.v[46]",
    "/etc/sysconfig/ip*tables",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "*/.ssh/authorized_keys",
)
"""The files whose content a check can't do without."""


def find(facts: Facts) -> Iterator[Finding]:
    """One finding for each such file, which leaves everything that it says in doubt."""
    for path in facts.tree.unread:
        if not any(fnmatchcase(str(path), pattern) for pattern in DECIDING):
            continue
        try:
            entry = facts.tree.lentry(path)
        except Unread:
            continue
        if entry is None or entry.error:
            continue
        told = f"{path} has {entry.size} bytes, far more than such a file can need. It was not read."
        repair = f"look at {path}, and put an old version back"
        yield Finding(
            check="file-too-large",
            link=LINK,
            severity=Severity.DOUBTFUL,
            message=told,
            symptom=Symptom.REFUSED,
            locations=(Location(path),),
            repairs=(Repair(repair, Safety.MANUAL),),
            subject=str(path),
            reason="what the file says is not known, so neither is what it keeps you from",
        )

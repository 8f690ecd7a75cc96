"""A file that decides about the login is far larger than it can sensibly be, so it was not read.

Symptom: whatever the file says; it can't be told from here.

Cause: configuration and account files are read up to 16 MiB, firewall rules up to 64 MiB, and 128 MiB of large files
together: real ones stay far below that.
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
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import ifupdown
from rescue.services.units import UNIT_READS
from rescue.tree import Read, ReadError

STEP = Step.SERVICE
READS: tuple[Read, ...] = (*ifupdown.READS, *UNIT_READS)

LARGE = 1 << 20
"""Bytes up to which a file is always read: it was not for its size that a smaller one was not."""

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
    """One finding for each such file, or line that names too many, which leaves everything that they say in doubt."""
    if facts.units.unit("networking.service").started:
        yield from map(_too_many, ifupdown.unfollowed(facts.tree))
    for path in facts.tree.unread:
        if not any(fnmatchcase(str(path), pattern) for pattern in DECIDING):
            continue
        try:
            entry = facts.tree.lentry(path)
        except ReadError:
            continue
        if entry is None or entry.error:
            continue
        told = f"{path} has {entry.size} bytes, far more than such a file can need, or there are many such large ones. "
        told += "It was not read."
        repair = f"look at {path}, and put an old version back"
        yield Finding(
            check="file-too-large",
            step=STEP,
            severity=Severity.DOUBTFUL,
            message=told,
            symptom=Symptom.REFUSED,
            locations=(Location(path),),
            repairs=(Repair(repair, Safety.MANUAL),),
            subject=str(path),
            reason="what the file says is not known, so neither is what it keeps you from",
        )


def _too_many(location: Location) -> Finding:
    told = f"{location} names more files than configuration has. They were not all read."
    return Finding(
        check="file-too-large",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=told,
        symptom=Symptom.TIMED_OUT,
        locations=(location,),
        repairs=(Repair(f"correct the pattern in {location}", Safety.MANUAL),),
        subject=str(location),
        reason="what those files say of the network is not known",
    )

"""A file that decides about the login is too large to read.

Symptom: depends on what the file says, which is not known.

Cause: rescue reads configuration and account files up to 16 MiB, firewall rules up to 64 MiB, and up to 128 MiB of
large files in total; real ones stay far below that. Something wrote foreign data into the file: a runaway program, a
log in the wrong place, an attack, a damaged disk.

Repair: none. Look at the file's beginning and end (`head -c 2000 FILE`, `tail -c 2000 FILE`), and restore an old
version: editors and package managers often leave one next to it (FILE~, FILE.bak, FILE.dpkg-old).

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
"""Files up to this many bytes are always read: a smaller one is missing for another reason."""

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
"""Files whose content the checks need."""


def find(facts: Facts) -> Iterator[Finding]:
    """One finding for each such file, or line that names too many files; all they say is in doubt."""
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
        told = f"{path} has {entry.size} bytes, far more than such a file needs, or there are many such large files. "
        told += "It was not read."
        repair = f"look at {path}, and restore an old version"
        yield Finding(
            check="file-too-large",
            step=STEP,
            severity=Severity.DOUBTFUL,
            message=told,
            symptom=Symptom.REFUSED,
            locations=(Location(path),),
            repairs=(Repair(repair, Safety.MANUAL),),
            subject=str(path),
            reason="what the file says, and so what it blocks, is not known",
        )


def _too_many(location: Location) -> Finding:
    told = f"{location} matches more files than a configuration has. Not all of them were read."
    return Finding(
        check="file-too-large",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=told,
        symptom=Symptom.TIMED_OUT,
        locations=(location,),
        repairs=(Repair(f"correct the pattern in {location}", Safety.MANUAL),),
        subject=str(location),
        reason="what those files say about the network is not known",
    )

"""A hardening setting of sshd's unit takes away what every login needs: homes, users, terminals, system calls.

Symptom: "Connection refused" if sshd does not start, "Connection reset" or "Connection closed by SERVER" if it can't
change users, "Permission denied (publickey)" if it does not see your keys, "PTY allocation request failed on channel 0"
if there is no terminal.

Cause: a drop-in for ssh.service (or ssh@.service), copied from a guide on hardening services: ProtectHome=yes,
InaccessiblePaths=, TemporaryFileSystem= or BindPaths= over what a login reads, PrivateUsers=, DynamicUser=, a
CapabilityBoundingSet= without CAP_SETUID, CAP_SETGID or CAP_SYS_CHROOT, a SystemCallFilter= without chroot (which
@system-service lacks), RestrictAddressFamilies= without AF_INET, limits (MemoryMax=, TasksMax=, LimitNOFILE=) that are
too low, or a path, group or directory that does not exist. What fits a web server does not fit sshd: everything that
its unit forbids, it forbids every session, too.

Repair: the smallest change of the setting: ProtectHome=read-only, one path out of the list, a line that adds the
capability or the system calls. Other settings of the file stay.

See: systemd.exec(5), systemd.resource-control(5); namespace.c and load-fragment.c of systemd.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.formats.packages import PACKAGE_READS
from rescue.formats.shipped import SHIPPED_READS
from rescue.logins import pam
from rescue.logins.each_login import OTHERS_PASS
from rescue.logins.sshd_program import READS as PROGRAM_READS
from rescue.logins.walls.judge import EVERYBODY, Wall, walls
from rescue.logins.walls.needs import units
from rescue.model import Finding, Severity, Step, Symptom
from rescue.services.units import UNIT_READS, Unit

STEP = Step.SERVICE
READS = (*UNIT_READS, *PACKAGE_READS, *SHIPPED_READS, *PROGRAM_READS, *pam.READS)

CHECK = "sshd-unit-walls"


def find(facts: Facts) -> Iterator[Finding]:
    if facts.units.manager != "systemd":
        return
    told: set[tuple[str, str]] = set()
    for unit in units(facts):
        by_line: dict[tuple[str, str, Step], list[Wall]] = {}
        for each in walls(facts, unit):
            by_line.setdefault((each.key, str(each.location), each.step), []).append(each)
        for (key, place, _), found in by_line.items():
            if (key, place) not in told:
                told.add((key, place))
                yield _finding(facts, unit, found)


def _finding(facts: Facts, unit: Unit, found: list[Wall]) -> Finding:
    """One line, and everybody whom it keeps out."""
    first = found[0]
    users = tuple(dict.fromkeys(each.user for each in found if each.user != EVERYBODY))
    everybody = not users or {account.name for account in facts.logins} <= set(users)
    doubt = first.doubt
    if not everybody and facts.client.user is None and not doubt:
        doubt = OTHERS_PASS
    value = first.location.text.partition("=")[2].strip()
    shown = f"{first.key}={value}" if len(value) <= 60 else f"{first.key}= ({value[:60]}...)"
    what = first.what if len(users) < 2 else f"{first.what} (the same for {', '.join(users[1:4])})"
    return Finding(
        check=CHECK,
        step=first.step,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"{shown} of {unit.name} {what} ({first.location}).",
        symptom=first.symptom,
        locations=tuple(dict.fromkeys(each.location for each in found)),
        repairs=(first.repair,),
        subject=f"{first.key} {first.location.path}",
        reason=doubt,
        users=() if everybody else users,
        words=first.words,
        hides=(Step.LISTEN, Step.ACCEPT) if first.symptom is Symptom.REFUSED and first.step is STEP else (),
    )

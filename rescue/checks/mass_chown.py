"""`chown -R` ran over the whole disk: most of the system no longer belongs to root.

Symptom: the login may work; then sudo, services and cron fail one after another: "must be owned by uid 0".

Cause: `chown -R me /`, or over /usr or /etc: a space before a slash ("chown -R me . /"), a script with an empty
variable ("chown -R me $DIR/").

Repair: give back to root, one by one, what locks you out and what sudo needs. Everything else has to come from the
packages, which know their owners: rpm --setugids -a; on Debian and Ubuntu reinstall the packages. Only a backup knows
what had other owners on purpose (/var, /home).

See: chown(1), rpm(8) on --setugids, dpkg(1) on --verify.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Entry, Read

STEP = Step.SESSION
PLACES = (
    "/", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", "/usr/libexec", "/etc", "/etc/ssh", "/etc/pam.d",
    "/etc/security", "/etc/hosts", "/etc/fstab", "/etc/passwd", "/etc/group", "/etc/profile", "/etc/systemd",
    "/usr/bin/ls", "/usr/bin/id", "/usr/bin/cat", "/usr/bin/su", "/usr/bin/passwd", "/usr/bin/mount", "/usr/bin/bash",
    "/usr/lib/systemd", "/var", "/var/lib", "/root", "/boot",
)  # fmt: skip
"""What belongs to root on every system: enough to distinguish one changed owner from all."""
READS = (*SSHD_READS, *(Read(path, depth=0, content=False) for path in PLACES))

ENOUGH = 4
"""So many with one foreign owner that it was not just a single file."""


def find(facts: Facts) -> Iterator[Finding]:
    found = [(path, entry) for path in PLACES if (entry := facts.tree.lentry(path)) is not None and not entry.is_link]
    foreign = Counter(entry.uid for _, entry in found if entry.uid != 0)
    if not foreign:
        return
    uid, count = foreign.most_common(1)[0]
    if not any(_most_of(below, found, uid) for below in ("/usr", "/etc")):
        return
    account = facts.accounts.by_uid(uid)
    owner = account.name if account is not None else f"uid {uid}"
    red_hat = facts.release.is_red_hat
    steps = "rpm --setugids -a\nrpm --setperms -a" if red_hat else (
        "dpkg --verify\napt-get install --reinstall $(dpkg-query -f '${Package}\\n' -W)"
    )  # fmt: skip
    yield Finding(
        check="mass-chown",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"{count} of {len(found)} files and directories that root should own belong to {owner}: "
        "chown ran over the whole system. rescue repairs only part of that.",
        symptom=Symptom.OK,
        locations=tuple(Location(facts.tree.resolve(path)) for path, entry in found if entry.uid == uid),
        repairs=(
            Repair(
                "restore the other owners from the packages, in rescue shell",
                Safety.MANUAL,
                steps=steps,
            ),
        ),
        subject=owner,
        reason="you may get in; services and sudo need files that root owns",
    )


def _most_of(below: str, found: list[tuple[str, Entry]], uid: int) -> bool:
    """Whether most of what is checked in a directory, including itself, has that owner."""
    here = [entry for path, entry in found if path == below or path.startswith(f"{below}/")]
    count = sum(entry.uid == uid for entry in here)
    return count >= ENOUGH and count * 2 > len(here)

"""`chmod -R` ran over the whole system, or a copy lost its modes: most permissions are wrong.

Symptom: the login may work again after a repair; then services, sudo and cron fail one after another: "Permission
denied", "is world writable", "bad permissions".

Cause: `chmod -R 777 /`, `chmod -R 644 /etc`, `chmod -R 700 /usr`; a restore or a copy with a strict umask, or by a
program that keeps no modes (rsync without -p, FTP, a ZIP file).

Repair: other findings restore, one by one, what locks you out and what sudo needs. Everything else has to come from the
packages, which know their modes: rpm --setperms -a; on Debian and Ubuntu reinstall the packages.

See: chmod(1), rpm(8) on --setperms, dpkg(1) on --verify.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Entry, Read

STEP = Step.SESSION
FOLDERS = (
    "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", "/usr/lib/systemd", "/etc", "/etc/ssh", "/etc/pam.d",
    "/etc/security", "/etc/systemd", "/etc/default", "/etc/profile.d", "/var", "/var/lib",
)  # fmt: skip
PROGRAMS = ("/usr/bin/ls", "/usr/bin/id", "/usr/bin/cat", "/usr/bin/sed", "/usr/bin/env", "/usr/bin/bash")
TEXTS = (
    "/etc/hosts", "/etc/fstab", "/etc/passwd", "/etc/group", "/etc/profile", "/etc/nsswitch.conf", "/etc/services",
)  # fmt: skip
EXPECTED = {**dict.fromkeys((*FOLDERS, *PROGRAMS), 0o755), **dict.fromkeys(TEXTS, 0o644)}
"""What has this mode on every distribution: the packages base-files, filesystem, coreutils, passwd, setup, systemd."""
READS = (*SSHD_READS, *(Read(path, depth=0, content=False) for path in EXPECTED))

ENOUGH = 5
"""So many wrong ones that it was not just a few files."""
SPECIAL = 0o7000


def find(facts: Facts) -> Iterator[Finding]:
    found = [(path, entry) for path in EXPECTED if (entry := facts.tree.lentry(path)) is not None and not entry.is_link]
    wrong = [(path, entry) for path, entry in found if _lost(entry, EXPECTED[path])]
    below = next((each for each in ("/usr", "/etc") if _most_of(each, found, wrong)), None)
    if below is None:
        return
    if all(_most_of(each, found, wrong) for each in ("/usr", "/etc")):
        below = "/"
    modes = Counter(entry.mode & ~SPECIAL for _, entry in wrong)
    steps = "rpm --setperms -a" if facts.release.is_red_hat else (
        "dpkg --verify\napt-get install --reinstall $(dpkg-query -f '${Package}\\n' -W)"
    )  # fmt: skip
    yield Finding(
        check="mass-chmod",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"{len(wrong)} of {len(found)} checked files and directories have lost their permissions, from "
        f"{below} on (most have mode {modes.most_common(1)[0][0]:04o}). rescue repairs only part of that.",
        symptom=Symptom.OK,
        locations=tuple(Location(facts.tree.resolve(path)) for path, _ in wrong),
        repairs=(Repair("restore the other modes from the packages, in rescue shell", Safety.MANUAL, steps=steps),),
        subject=below,
        reason="you may get in; services and sudo need the modes that the packages set",
    )


def _lost(entry: Entry, expected: int) -> bool:
    """Whether everybody may write, or not do what they should, or a text became a program."""
    mode = entry.mode & 0o777
    return bool(mode & 0o002) or expected & ~mode & 0o055 != 0 or (expected == 0o644 and bool(mode & 0o001))


def _most_of(below: str, found: list[tuple[str, Entry]], wrong: list[tuple[str, Entry]]) -> bool:
    """Whether half or more of the directories, or of the files, that are checked there are wrong."""
    bad = {path for path, _ in wrong}
    for kind in (FOLDERS, (*PROGRAMS, *TEXTS)):
        here = [path for path, _ in found if path in kind and (path == below or path.startswith(f"{below}/"))]
        count = sum(path in bad for path in here)
        if count >= ENOUGH and count * 2 >= len(here):
            return True
    return False

"""What another file system holds that /etc/fstab mounts over files that were read.

Decides: a file system that is mounted at boot hides what lies at its mount point. The homes, keys, programs and
settings that count are then those on it, not those below.

Not judged: what depends on a mount point in /etc/fstab whose file system is not mounted here, or is made empty at each
boot (tmpfs). In a directory nothing shows what else the server mounts; on its disk, rescue mounts what it finds.

Supply: check the whole disk (`rescue inspect /dev/...`, with --disk for another one), or the running server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from rescue.boot.fstab import FSTAB, FstabLine, holding, read_fstab
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.model import Gap, Step
from rescue.tree import Read

STEP = Step.SERVICE
READS = (*SSHD_READS, Read(FSTAB, depth=0))

ID = "mounted-over"
SUPPLY = "check the disk itself, with --disk for another one"
SYSTEM = tuple(PurePosixPath(each) for each in ("/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt"))
"""What lies at or below one of these decides whether sshd runs, whom it lets in, and what a session starts."""
WHOLE = tuple(PurePosixPath(each) for each in ("/var", "/var/lib"))
"""The same of these alone: what lies below is data, spools and logs."""
SYSTEM_STEPS = (Step.SERVICE, Step.ACCOUNT, Step.SESSION)
OF_A_LOGIN = (Step.KEY, Step.SESSION)
SHOWN = 4


def find(facts: Facts) -> Iterator[Gap]:
    here = {each.mount for each in facts.tree.filesystems}
    lines = read_fstab(facts.tree.text(FSTAB) or "")
    hidden = [each for each in lines if _at_boot(each) and each.point not in here]
    if not hidden:
        return
    for line in hidden:
        if line.place in WHOLE or any(line.place.is_relative_to(each) for each in SYSTEM):
            what = f"what is on {line.source}, which {FSTAB} mounts at {line.point}"
            for step in SYSTEM_STEPS:
                yield Gap(ID, step, what, SUPPLY, locations=(line.location,))
    judged = {each.name for each in facts.logins}
    for account in facts.logins:
        over = holding(hidden, PurePosixPath(account.home))
        # Of a home that is missing here home-missing speaks.
        if over is not None and facts.tree.entry(account.home) is not None:
            what = f"{account.name}'s home and keys on {over.source}, which {FSTAB} mounts at {over.point}"
            for step in OF_A_LOGIN:
                yield Gap(ID, step, what, SUPPLY, account.name, (over.location,))
    if facts.client.user is None:
        yield from _left_out(facts, hidden, judged)


def _at_boot(line: FstabLine) -> bool:
    """Whether it is mounted at boot, or as soon as somebody looks. What is bound to itself hides nothing."""
    later = "noauto" in line.options and not line.has("x-systemd.automount")
    hides = line.mounts and line.type != "swap" and line.point not in ("/", line.source)
    return line.active and hides and not later


def _left_out(facts: Facts, hidden: Iterable[FstabLine], judged: set[str]) -> Iterator[Gap]:
    """People whose homes can't be looked at, so that nothing tells whether they have keys."""
    found: dict[FstabLine, list[str]] = {}
    for account in facts.accounts.users:
        over = holding(hidden, PurePosixPath(account.home)) if account.uid >= 1000 and account.has_login_shell else None
        if over is not None and account.name not in judged:
            found.setdefault(over, []).append(account.name)
    for line, names in found.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        who = ", ".join(names[:SHOWN]) + more
        what = f"whether {who} can log in: {line.point} is on {line.source}, which is not mounted here"
        yield Gap(ID, Step.KEY, what, SUPPLY, locations=(line.location,))

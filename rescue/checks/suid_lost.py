"""You get in but can't become root: sudo lost its set-uid bit or its owner, or you may not run it.

Symptom: the login works; then "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set", or
"sudo: Permission denied".

Cause: `chmod -R 755 /usr`, `chown -R me /usr`, or a restore that did not keep modes and owners.

Repair: restore the program's owner and bit, as its package has them. If others could write to it, that is only done
where its content is still the package's, by dpkg's checksum. Other lost modes then have to be restored from the
packages.

See: sudo(8), chmod(2).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.accounts.permissions import SEARCH, allows
from rescue.facts import Facts
from rescue.formats.shipped import LARGEST, SHIPPED_READS
from rescue.logins.becoming_root import WHY, who_needs_sudo
from rescue.logins.each_login import SSHD_READS
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Entry, Read, Tree

STEP = Step.SESSION
SUDO = "/usr/bin/sudo"
READS = (*SSHD_READS, *SHIPPED_READS, Read(SUDO, depth=0, limit=LARGEST))

SET_UID, SET_GID, RUN, OTHERS_WRITE = 0o4000, 0o2000, 0o111, 0o022


def find(facts: Facts) -> Iterator[Finding]:
    entry = facts.tree.entry(SUDO)
    people = who_needs_sudo(facts)
    if entry is None or not entry.is_file or not people:
        return
    closed = next((each.name for each in people if not allows(entry, facts.person(each), SEARCH)), None)
    if entry.uid != 0:
        fault = "does not belong to root, so it starts for nobody"
    elif not entry.mode & SET_UID:
        fault = "has lost its set-uid bit, so it starts for nobody"
    elif closed is not None:
        fault = f"(mode {entry.mode & 0o7777:04o}) is closed to {closed}"
    else:
        return
    yield Finding(
        check="suid-lost",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"{SUDO} {fault}.",
        symptom=Symptom.OK,
        locations=(Location(facts.tree.resolve(SUDO)),),
        repairs=(_repair(facts, entry),),
        reason=WHY,
    )


def _repair(facts: Facts, entry: Entry) -> Repair:
    if entry.mode & OTHERS_WRITE and not facts.shipped.intact(SUDO):
        # Others could have replaced it with their own program: it must not be given to root.
        return Repair("reinstall the package sudo: others could write to it", Safety.MANUAL)
    return Repair(f"give {SUDO} to root and set the set-uid bit", Safety.SAFE, _put_back)


def _put_back(tree: Tree) -> Tree:
    entry = tree.entry(SUDO)
    if entry is None:
        raise ValueError(f"{SUDO} is missing")
    return tree.set_mode(SUDO, mode=entry.mode & ~(SET_GID | OTHERS_WRITE) | SET_UID | RUN, uid=0, gid=0)

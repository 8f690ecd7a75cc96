"""The home directory is missing, and the keys in it too.

Symptom: "me@SERVER: Permission denied (publickey)." for one user, or for everybody but root.

Cause: the home was deleted, moved, or never created; or it is on its own file system that /etc/fstab no longer mounts:
the line was commented out or has noauto.

Repair: create a missing home, empty and owned by the user; then add your key (--add-key). If fstab no longer mounts it,
a person must restore the mount: rescue can't see whether the keys are there.

See: passwd(5), fstab(5); auth_openkeyfile in auth.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import Account, Password
from rescue.boot.fstab import FSTAB, FstabLine, holding, read_fstab
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS, each_login, unless_elsewhere
from rescue.logins.key_files import home_missing
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read, Tree

STEP = Step.KEY
READS = (*SSHD_READS, Read(FSTAB, depth=0), Read("/home", depth=1, content=False))

MODE = 0o700


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    if not home_missing(facts, account) or facts.effective(account).words("PubkeyAuthentication") == ("no",):
        return None
    if facts.client.key is None and facts.accounts.password(account) is Password.HASH:
        return None  # a password login works, and starts in /
    home = PurePosixPath(account.home)
    mount = holding(read_fstab(facts.tree.text(FSTAB) or "", commented=True), home)
    mounted = mount is not None and any(each.mount == str(mount.place) for each in facts.tree.filesystems)
    if mount is not None and mount.at_boot and not mounted:
        return _elsewhere(account, mount)
    return unless_elsewhere(facts, account, _gone(account, home, None if mounted else mount))


def _elsewhere(account: Account, mount: FstabLine) -> Finding:
    """The server mounts it at boot, but it is not mounted here, so nothing is known."""
    return Finding(
        check="home-missing",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"The home {account.home} of {account.name} is on a file system that is not mounted here.",
        symptom=Symptom.DENIED,
        locations=(mount.location,),
        repairs=(Repair(f"mount {mount.source} at {mount.place} of the server, then check again", Safety.MANUAL),),
        subject=account.name,
        reason=f"the keys are on {mount.source}",
    )


def _gone(account: Account, home: PurePosixPath, mount: FstabLine | None) -> Finding:
    make = Repair(
        f"create an empty {home} for {account.name}",
        Safety.SAFE if mount is None else Safety.UNSAFE,
        partial(_made, home=home, uid=account.uid, gid=account.gid),
        weakens="" if mount is None else f"{account.name} gets an empty home; the old one stays on {mount.source}",
    )
    why = ""
    repairs: tuple[Repair, ...] = (make,)
    places: tuple[Location, ...] = (account.location,)
    if mount is not None:
        why = f": {FSTAB} no longer mounts {mount.source} at {mount.place}"
        # Only mounting it shows whether the keys are there, so no plan could be tested.
        again = Repair(
            f"mount {mount.source} at {mount.place} again",
            Safety.MANUAL,
            steps=f"In {mount.location} remove the # or noauto, and add nofail to the options.",
        )
        repairs, places = (again, make), (account.location, mount.location)
    return Finding(
        check="home-missing",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The home {account.home} of {account.name} is missing{why}.",
        symptom=Symptom.DENIED,
        locations=places,
        repairs=repairs,
        subject=account.name,
    )


def _made(tree: Tree, home: PurePosixPath, uid: int, gid: int) -> Tree:
    return tree.make_dir(home, mode=MODE, uid=uid, gid=gid)

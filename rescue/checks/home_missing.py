"""The home directory is not there, and the keys in it with it.

Symptom: "me@SERVER: Permission denied (publickey)." for one user, or for everybody but root.

Cause: the home was deleted, moved, or never made; or it lies on a file system of its own that /etc/fstab does not mount
any more: the line was commented out or says noauto.

Repair: a home that is gone is made anew, empty, as the user's own; your key then has to be added (--add-key). What
fstab does not mount any more a person has to bring back: whether the keys are there is not to be seen from here.

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
        return None  # the login is with a password, and starts in /
    home = PurePosixPath(account.home)
    mount = holding(read_fstab(facts.tree.text(FSTAB) or "", commented=True), home)
    mounted = mount is not None and any(each.mount == str(mount.place) for each in facts.tree.filesystems)
    if mount is not None and mount.at_boot and not mounted:
        return _elsewhere(account, mount)
    return unless_elsewhere(facts, account, _gone(account, home, None if mounted else mount))


def _elsewhere(account: Account, mount: FstabLine) -> Finding:
    """The server mounts it at boot, and here it is not mounted: nothing can be said."""
    return Finding(
        check="home-missing",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"The home {account.home} of {account.name} is on a file system that is not mounted here.",
        symptom=Symptom.DENIED,
        locations=(mount.location,),
        repairs=(Repair(f"mount {mount.source} at {mount.place} of the server, and inspect again", Safety.MANUAL),),
        subject=account.name,
        reason=f"the keys are on {mount.source}",
    )


def _gone(account: Account, home: PurePosixPath, mount: FstabLine | None) -> Finding:
    make = Repair(
        f"make {home}, empty, for {account.name}",
        Safety.SAFE if mount is None else Safety.UNSAFE,
        partial(_made, home=home, uid=account.uid, gid=account.gid),
        weakens="" if mount is None else f"{account.name} starts anew, while the old home stays on {mount.source}",
    )
    why = ""
    repairs: tuple[Repair, ...] = (make,)
    places: tuple[Location, ...] = (account.location,)
    if mount is not None:
        why = f": {FSTAB} does not mount {mount.source} at {mount.place} any more"
        # Whether the keys are there is seen only when it is mounted, so that no plan could prove it.
        again = Repair(
            f"have {mount.source} mounted at {mount.place} again",
            Safety.MANUAL,
            steps=f"In {mount.location} take the # or noauto away, and add nofail to the options.",
        )
        repairs, places = (again, make), (account.location, mount.location)
    return Finding(
        check="home-missing",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The home {account.home} of {account.name} is not there{why}.",
        symptom=Symptom.DENIED,
        locations=places,
        repairs=repairs,
        subject=account.name,
    )


def _made(tree: Tree, home: PurePosixPath, uid: int, gid: int) -> Tree:
    return tree.make_dir(home, mode=MODE, uid=uid, gid=gid)

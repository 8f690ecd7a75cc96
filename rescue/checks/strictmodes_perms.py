"""sshd ignores your keys because others can write to the file, or you can't read it.

Symptom: "me@SERVER: Permission denied (publickey)".

Cause: with StrictModes on, which is the default, sshd uses authorized_keys only if the file, its directory and every
directory up to the home belong to the user or root and are not writable by group or others; a `chmod -R 777 ~`, or a
home that belongs to somebody else after a restore, is enough. Debian and Ubuntu tolerate a group whose only member is
the user. sshd follows links first: the real file decides, and outside of the home every directory up to /. Apart from
that sshd opens the file as the user, who must be able to read it and to enter every directory above it.

Repair: change exactly what fails: remove the write permission of group and others from that one file or directory, or
give it to the user. Nothing is changed recursively, and other directories stay open for whoever needs them. If an
access control list (ACL) gave others write permission, they lose it.

See: sshd_config(5) on StrictModes, sshd(8) on ~/.ssh/authorized_keys, safe_path in misc.c, user-group-modes.patch
of Debian.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import ACCOUNT_READS, Account
from rescue.facts import Facts
from rescue.keys.strictmodes import Rule, StrictModesFault
from rescue.logins.each_login import unless_elsewhere
from rescue.logins.trust import walk_of
from rescue.model import Client, Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.services.tmpfiles import TMPFILES_READS, owner_given
from rescue.tree import Read, Tree

STEP = Step.KEY
READS = (
    *ACCOUNT_READS,
    Read("/etc/ssh", depth=2),
    Read("/root", depth=0),
    Read("/root/.ssh", depth=1),
    *TMPFILES_READS,
)


def find(facts: Facts) -> Iterator[Finding]:
    for account in facts.logins:
        if facts.effective(account).words("PubkeyAuthentication") == ("no",):
            continue
        walk = walk_of(facts, account)
        faults = {path: walk.faults(path) for path in _wanted(facts, account)}
        if faults and all(faults.values()):
            yield unless_elsewhere(facts, account, _finding(facts, account, faults))


def _wanted(facts: Facts, account: Account) -> tuple[PurePosixPath, ...]:
    """The files with the client's key; with any key, if the client's is not known."""
    return tuple(
        found.path
        for found in facts.key_files(account)
        if any(facts.client.key is None or same_key(key.public, facts.client.key) for key in found.keys)
    )


def same_key(one: str, other: str) -> bool:
    """Whether two keys, as "type base64 ...", are the same."""
    return one.split()[1:2] == other.split()[1:2]


def _finding(facts: Facts, account: Account, faults: dict[PurePosixPath, tuple[StrictModesFault, ...]]) -> Finding:
    each = {fault.path: fault for found in faults.values() for fault in found}
    listed = "; ".join(_words(facts, fault) for fault in each.values())
    reason = _given_back(facts, tuple(each.values()))
    return Finding(
        check="strictmodes-perms",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"sshd ignores {account.name}'s keys: {listed}.",
        symptom=Symptom.DENIED,
        locations=tuple(Location(path) for path in each),
        repairs=tuple(_repairs(facts, account, each)),
        subject=account.name,
        reason=reason,
    )


def _given_back(facts: Facts, faults: tuple[StrictModesFault, ...]) -> str:
    """Why the owners may be correct after a boot: newer systemd releases give /root to root each time."""
    places = []
    for fault in faults:
        given = owner_given(facts.tree, fault.path) if fault.rule is Rule.OWNER else None
        if given is None or given[0] not in ("root", "0"):
            return ""
        places.append(str(given[1]))
    return f"systemd gives it back to root at each boot ({', '.join(dict.fromkeys(places))})"


def _words(facts: Facts, fault: StrictModesFault) -> str:
    owner = facts.accounts.by_uid(fault.entry.uid)
    name = owner.name if owner is not None else f"uid {fault.entry.uid}, which is nobody"
    detail = f"of {name}" if fault.rule is Rule.OWNER else f"mode {fault.entry.mode:04o}, owner {name}"
    return f"{fault.path} {fault.rule} ({detail})"


def _repairs(facts: Facts, account: Account, faults: dict[PurePosixPath, StrictModesFault]) -> Iterator[Repair]:
    shared = [str(fault.path) for fault in faults.values() if fault.shared]
    if shared:
        own = f"give {account.name} a separate key file in {account.home}/.ssh"
        yield Repair(f"{own}: {', '.join(shared)} is shared with others", Safety.MANUAL)
        return
    edit = partial(make_trusted, client=facts.client, name=account.name)
    title = ", ".join(_order(facts, account, fault) for fault in faults.values())
    opened = [str(fault.path) for fault in faults.values() if fault.mode & 0o077 & ~fault.entry.mode]
    weakens = f"every user of the server can then read or enter {', '.join(opened)}" if opened else ""
    yield Repair(title, Safety.UNSAFE if opened else Safety.SAFE, edit, weakens=weakens)


def _order(facts: Facts, account: Account, fault: StrictModesFault) -> str:
    if fault.uid != fault.entry.uid:
        owner = account.name if fault.uid == account.uid else "root"
        return f"give {fault.path} to {owner}"
    letters = {Rule.WRITABLE: "go-w", Rule.UNREADABLE: "+r", Rule.UNSEARCHABLE: "+x"}[fault.rule]
    return f"chmod {letters} {fault.path}"


def make_trusted(tree: Tree, client: Client, name: str) -> Tree:
    """The tree where sshd uses the account's key files. Raises ValueError if that is impossible."""
    facts = Facts(tree, client)
    account = facts.accounts.get(name)
    if account is None:
        raise ValueError(f"the account {name} does not exist")
    for path in _wanted(facts, account):
        facts = Facts(walk_of(facts, account).mended(path), client)
    return facts.tree

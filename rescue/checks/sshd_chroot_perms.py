"""The SSH server is to lock you into a directory that is not root's alone, and closes the connection instead.

Symptom: "Connection closed by SERVER port 22" or "client_loop: send disconnect: Broken pipe", right after the key was
accepted; the server's log says "fatal: bad ownership or modes for chroot directory".

Cause: with ChrootDirectory every part of the path must belong to root, and nobody else may write there; a user's own
home never fits. Or the directory is not there at all, or has no shell in it, as one that was made for uploads.

Repair: where the directory has programs to start in it (/bin/sh), the path is given to root and closed to others.
Where it has none nobody could ever get a shell: the line that locks the user in is commented out.

See: sshd_config(5) on ChrootDirectory; safely_chroot in session.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import Account
from rescue.accounts.permissions import chmod
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS, each_login
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit
from rescue.sshd.effective import Setting
from rescue.tree import Read, Tree

STEP = Step.SESSION
READS = SSHD_READS

FOREIGN_WRITE = 0o022
UPLOADS = "internal-sftp"
"""The command that needs no program in the directory."""


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account), meant=False)


def _judged(facts: Facts, account: Account) -> Finding | None:
    effective = facts.effective(account)
    setting = effective.setting("ChrootDirectory")
    if setting.location is None or setting.words in ((), ("none",)):
        return None
    path = _expanded(setting.words[0], account)
    faults = tuple(_faults(facts.tree, path))
    if not faults and UPLOADS not in effective.words("ForceCommand")[:1]:
        faults = tuple(_without_shell(facts.tree, account, path))
    if not faults:
        return None
    what = "; ".join(f"{where} {fault}" for where, fault in faults)
    return Finding(
        check="sshd-chroot-perms",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"ChrootDirectory ({setting.location}) can't hold {account.name}: {what}.",
        symptom=Symptom.CLOSED,
        locations=(setting.location, *(Location(where) for where, _ in faults)),
        repairs=tuple(_repairs(facts.tree, account, setting, path)),
        subject=account.name,
        words="client_loop: send disconnect: Broken pipe",
    )


def _expanded(text: str, account: Account) -> PurePosixPath:
    """The path with its tokens replaced (TOKENS of sshd_config(5))."""
    values = {"%h": account.home, "%u": account.name, "%U": str(account.uid), "%%": "%"}
    made, at = "", 0
    while at < len(text):
        token = text[at : at + 2]
        made += values.get(token, text[at])
        at += 2 if token in values else 1
    return PurePosixPath(made)


def _faults(tree: Tree, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    """What safely_chroot refuses, from the root down."""
    for each in (*reversed(path.parents), path):
        tree.require(Read(str(each), depth=0, content=False))
        entry = tree.entry(each)
        if entry is None:
            yield each, "is not there"
            return
        if entry.uid != 0:
            yield each, "does not belong to root"
        elif entry.mode & FOREIGN_WRITE:
            yield each, "can be written by others than root"
        elif not entry.is_dir:
            yield each, "is no directory"


def _without_shell(tree: Tree, account: Account, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    """A directory that holds somebody, and in which no shell can start."""
    if path != PurePosixPath("/") and tree.entry(shell := _shell(tree, account, path)) is None:
        yield shell, "is not there, so no shell starts"


def _shell(tree: Tree, account: Account, path: PurePosixPath) -> PurePosixPath:
    shell = PurePosixPath(f"{path}/{(account.shell or '/bin/sh').lstrip('/')}")
    tree.require(Read(str(shell), depth=0, content=False))
    return shell


def _repairs(tree: Tree, account: Account, setting: Setting, path: PurePosixPath) -> Iterator[Repair]:
    assert setting.location is not None
    if tree.entry(path) is not None and tree.entry(_shell(tree, account, path)) is not None:
        yield Repair(f"give {path} to root alone", Safety.SAFE, partial(make_roots, path=path))
        return
    yield Repair(
        f"lock {account.name} in no more: comment out ChrootDirectory ({setting.location})",
        Safety.UNSAFE,
        partial(edit.comment_out, location=setting.location),
        weakens=f"{account.name} sees the whole server; so far nobody could get a shell by this line",
    )


def make_roots(tree: Tree, path: PurePosixPath) -> Tree:
    """The tree in which every part of the path belongs to root, who alone may write there."""
    for each in (*reversed(path.parents), path):
        entry = tree.entry(each)
        if entry is None:
            continue
        if entry.mode & FOREIGN_WRITE:
            tree = chmod(tree, each, entry.mode & ~FOREIGN_WRITE)
        if entry.uid != 0:
            tree = tree.set_mode(each, uid=0)
    return tree

"""ChrootDirectory is not owned by root, or is writable by others.

Symptom: "Connection closed by SERVER port 22" or "client_loop: send disconnect: Broken pipe", right after the key is
accepted; the server's log says "fatal: bad ownership or modes for chroot directory".

Cause: with ChrootDirectory every directory in the path must belong to root, and nobody else may write there; a user's
own home never qualifies. Or the directory does not exist, or no shell starts in it: it is for uploads and has none,
or the shell's program loader or libraries were not copied, or are closed to the user.

Repair: if the directory contains programs (/bin/sh), give the path to root, remove others' write permission; what its
shell lacks has to be copied by hand. If it contains none, nobody could ever get a shell: comment out the line.

See: sshd_config(5) on ChrootDirectory; safely_chroot in session.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import Account
from rescue.accounts.permissions import chmod
from rescue.accounts.program_access import barriers
from rescue.facts import Facts
from rescue.formats.elf import MAGIC
from rescue.formats.program_faults import program_faults
from rescue.formats.program_files import LARGEST
from rescue.logins.each_login import SSHD_READS, each_login
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit
from rescue.sshd.effective import Setting
from rescue.tree import Read, Tree, seen_from

STEP = Step.SESSION
READS = SSHD_READS

FOREIGN_WRITE = 0o022
UPLOADS = "internal-sftp"
"""The command that needs no programs in the directory."""


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
        faults = tuple(_without_shell(facts, account, path))
    if not faults:
        return None
    what = "; ".join(f"{where} {fault}" for where, fault in faults)
    return Finding(
        check="sshd-chroot-perms",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"ChrootDirectory ({setting.location}) does not work for {account.name}: {what}.",
        symptom=Symptom.CLOSED,
        locations=(setting.location, *(Location(where) for where, _ in faults)),
        repairs=tuple(_repairs(facts, account, setting, path)),
        subject=account.name,
        words="client_loop: send disconnect: Broken pipe",
    )


def _expanded(text: str, account: Account) -> PurePosixPath:
    """The path with its tokens expanded (TOKENS of sshd_config(5))."""
    values = {"%h": account.home, "%u": account.name, "%U": str(account.uid), "%%": "%"}
    made, at = "", 0
    while at < len(text):
        token = text[at : at + 2]
        made += values.get(token, text[at])
        at += 2 if token in values else 1
    return PurePosixPath(made)


def _faults(tree: Tree, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    """What safely_chroot refuses, from / down."""
    for each in (*reversed(path.parents), path):
        tree.require(Read(str(each), depth=0, content=False))
        entry = tree.entry(each)
        if entry is None:
            yield each, "is missing"
            return
        if entry.uid != 0:
            yield each, "does not belong to root"
        elif entry.mode & FOREIGN_WRITE:
            yield each, "is writable by others than root"
        elif not entry.is_dir:
            yield each, "is not a directory"


def _without_shell(facts: Facts, account: Account, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    """A valid ChrootDirectory in which no shell can start."""
    tree = facts.tree
    real = tree.resolve(path)
    if real == PurePosixPath("/"):
        return
    shell = account.shell or "/bin/sh"
    if tree.entry(whole := _shell(tree, account, path)) is None and not seen_from(
        tree, real, lambda jail: shell in jail
    ):
        yield whole, "is missing, so no shell starts"
        return
    fault = seen_from(tree, real, lambda jail: _unstarted(facts, jail, account, shell))
    if fault is not None:
        yield PurePosixPath(f"{path}/{fault[0].lstrip('/')}"), fault[1]


def _unstarted(facts: Facts, jail: Tree, account: Account, shell: str) -> tuple[str, str] | None:
    """What in the directory prevents the account from starting the shell there: the path as seen inside, and why."""
    jail.require(Read(shell, depth=0, limit=LARGEST))
    data = jail.data_if_read(shell)
    if data is not None and (data.startswith(MAGIC) or not data.strip(b"\0")):
        fault = next(program_faults(jail, shell), None)
        if fault is not None:
            return fault.path, f"{fault.what}, so no shell starts"
    closed = next(barriers(jail, shell, facts.person(account)), None)
    if closed is None:
        return None
    return str(closed.path), f"(mode {closed.entry.mode & 0o7777:04o}) is closed to {account.name}, so no shell starts"


def _shell(tree: Tree, account: Account, path: PurePosixPath) -> PurePosixPath:
    shell = PurePosixPath(f"{path}/{(account.shell or '/bin/sh').lstrip('/')}")
    tree.require(Read(str(shell), depth=0, content=False))
    return shell


def _repairs(facts: Facts, account: Account, setting: Setting, path: PurePosixPath) -> Iterator[Repair]:
    assert setting.location is not None
    tree = facts.tree
    if tree.entry(path) is not None and tree.entry(_shell(tree, account, path)) is not None:
        if tuple(_faults(tree, path)):
            yield Repair(f"make {path} owned and writable by root only", Safety.SAFE, partial(make_roots, path=path))
            return
        missing = "copy what is missing into the directory, or restore its mode"
        yield Repair(missing, Safety.MANUAL, steps=f"ldd {account.shell or '/bin/sh'} lists what the shell needs")
    yield Repair(
        f"let {account.name} out: comment out ChrootDirectory ({setting.location})",
        Safety.UNSAFE,
        partial(edit.comment_out, location=setting.location),
        weakens=f"{account.name} will see the whole server; with this line nobody could get a shell",
    )


def make_roots(tree: Tree, path: PurePosixPath) -> Tree:
    """The tree where only root owns and may write to every directory in the path."""
    for each in (*reversed(path.parents), path):
        entry = tree.entry(each)
        if entry is None:
            continue
        if entry.mode & FOREIGN_WRITE:
            tree = chmod(tree, each, entry.mode & ~FOREIGN_WRITE)
        if entry.uid != 0:
            tree = tree.set_mode(each, uid=0)
    return tree

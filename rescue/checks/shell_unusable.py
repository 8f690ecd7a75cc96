"""You have no permission to run the login shell, or it is damaged.

Symptom: the key is accepted, then "/bin/bash: Permission denied", or "error while loading shared libraries", and the
connection closes; root still gets in.

Or the shell or one of its libraries is damaged or missing, and it starts for nobody.

Cause: `chmod -R 700 /usr`, `chmod 750 /`, a restore with a strict umask. sshd checks the shell as root, but runs it as
the user, who must be able to enter every directory on the way (/, /usr, /usr/bin), execute the shell and the program
loader (ld.so), and read its libraries. With a closed /etc or /etc/passwd the shell starts but can't look up names.

Repair: restore the installed permissions on what is in the way, and nothing else: read and search for directories, read
and execute for the shell and ld.so, read for libraries. If all of /usr lost its modes, the rest has to be restored from
the packages. If the shell is damaged, give the account another one that starts.

See: execve(2), ld.so(8), path_resolution(7); do_child in session.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import PASSWD, Account
from rescue.accounts.lines import SHELL, with_passwd_field
from rescue.accounts.permissions import READ, SEARCH, Person, allows, chmod
from rescue.accounts.program_access import AS_USER_READS, Barrier, barriers, opened
from rescue.facts import Facts
from rescue.formats.elf import MAGIC
from rescue.formats.program_faults import ProgramFault, program_faults
from rescue.formats.program_files import LARGEST
from rescue.logins.each_login import SSHD_READS, each_login
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read, Tree

STEP = Step.SESSION
READS = (*SSHD_READS, *AS_USER_READS, Read("/etc", depth=0))

CHECK = "shell-unusable"
DEFAULT = "/bin/sh"
USUAL = ("/bin/bash", "/bin/sh", "/bin/dash", "/bin/ash")
MANY = 3
"""So many closed files and directories that more than one was changed."""
MOST_TOLD = 3

NAMES = (("/etc", SEARCH, 0o555), (PASSWD, READ, 0o444))
"""What a shell needs to look up its user: a path, what the user must be allowed, and the mode that allows it."""

CLOSED = "the shell can't look up names or read its settings in /etc"


def find(facts: Facts) -> Iterator[Finding]:
    if facts.sshd.fatal:
        return
    yield from each_login(facts, lambda account: _judged(facts, account), meant=False)


def _judged(facts: Facts, account: Account) -> Finding | None:
    shell = account.shell or DEFAULT
    effective = facts.effective(account)
    if not shell.startswith("/") or shell.endswith("\r"):
        return None
    if effective.words("ChrootDirectory") not in ((), ("none",)):
        return None  # the shell is a different one, in that directory
    if effective.words("ForceCommand")[:1] == ("internal-sftp",):
        return None
    if not _there(facts, shell):
        return None
    person = facts.person(account)
    found = tuple(barriers(facts.tree, shell, person))
    if found:
        return _unusable(facts, account, shell, found)
    fault = _fault(facts, shell)
    return _damaged(facts, account, shell, fault) if fault is not None else _nameless(facts, account, person)


def _there(facts: Facts, shell: str) -> bool:
    """Whether sshd would go on to start it: else shell-missing reports it."""
    facts.tree.require(Read(shell, depth=0, content=False))
    entry = facts.tree.entry(shell)
    return entry is not None and entry.is_file and bool(entry.mode & 0o111)


def _unusable(facts: Facts, account: Account, shell: str, found: tuple[Barrier, ...]) -> Finding:
    told = ", ".join(f"{each.path} (mode {each.entry.mode & 0o7777:04o})" for each in found[:MOST_TOLD])
    more = f" and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
    first = found[0]
    library = ".so" in first.path.name and not first.path.name.startswith("ld")
    person = facts.person(account)
    return Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.BROKEN,
        message=f"{account.name} can't run the login shell {shell}: no permission for {told}{more}.",
        symptom=Symptom.CLOSED,
        locations=tuple(Location(each.path) for each in found),
        repairs=tuple(_repairs(facts, shell, person, found)),
        subject=account.name,
        words=_no_library(shell, first) if library else f"{shell}: Permission denied",
    )


def _fault(facts: Facts, shell: str) -> ProgramFault | None:
    """What else prevents everybody from starting it: it is empty, or a library is missing or does not fit."""
    facts.tree.require(Read(shell, depth=0, limit=LARGEST))
    data = facts.tree.data_if_read(shell)
    if data is None or (not data.startswith(MAGIC) and data.strip(b"\0")):
        return None
    return next(program_faults(facts.tree, shell), None)


def _damaged(facts: Facts, account: Account, shell: str, fault: ProgramFault) -> Finding:
    names = (name for name in USUAL if name != shell)
    other = next((name for name in names if _there(facts, name) and _starts(facts, name, account)), None)
    again = Repair(f"reinstall the package of {shell} in rescue shell", Safety.MANUAL)
    another: tuple[Repair, ...] = ()
    if other is not None:
        edit = partial(with_passwd_field, name=account.name, field=SHELL, value=other)
        another = (Repair(f"give {account.name} the login shell {other}", Safety.SAFE, edit),)
    return Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The login shell of {account.name} does not start: {fault.path} {fault.what}.",
        symptom=Symptom.CLOSED,
        locations=(Location(PurePosixPath(fault.path)),) if fault.path.startswith("/") else (account.location,),
        repairs=(*another, again),
        subject=account.name,
    )


def _starts(facts: Facts, shell: str, account: Account) -> bool:
    return not any(barriers(facts.tree, shell, facts.person(account))) and _fault(facts, shell) is None


def _no_library(shell: str, first: Barrier) -> str:
    name = first.path.name
    why = "cannot open shared object file: No such file or directory"
    return f"{shell}: error while loading shared libraries: {name}: {why}"


def _repairs(facts: Facts, shell: str, person: Person, found: tuple[Barrier, ...]) -> Iterator[Repair]:
    edit = partial(_usable, shell=shell, person=person)
    if len(found) == 1:
        only = found[0]
        what = f"chmod {only.mode & 0o7777:04o} {only.path}"
    else:
        what = f"let everybody use {shell} and its libraries again ({len(found)} modes)"
    yield Repair(what, Safety.SAFE, edit)
    if len(found) > MANY:
        red_hat = facts.release.is_red_hat
        command = "rpm --setperms -a" if red_hat else "dpkg --verify\napt-get install --reinstall PACKAGE..."
        yield Repair(
            "restore the other lost modes from the packages, in rescue shell",
            Safety.MANUAL,
            steps=command,
        )


def _usable(tree: Tree, shell: str, person: Person) -> Tree:
    """The tree where the user can start the shell, and the shell can look up names."""
    tree = opened(tree, program=shell, person=person)
    for path, wanted, more in NAMES:
        entry = tree.entry(path)
        if entry is not None and not allows(entry, person, wanted):
            tree = chmod(tree, path, entry.mode | more)
    return tree


def _nameless(facts: Facts, account: Account, person: Person) -> Finding | None:
    """The shell starts, but can't look up its user."""
    for path, wanted, more in NAMES:
        entry = facts.tree.entry(path)
        if entry is None or allows(entry, person, wanted):
            continue
        mode = entry.mode | more
        return Finding(
            check=CHECK,
            step=STEP,
            severity=Severity.DOUBTFUL,
            message=f"{path} (mode {entry.mode & 0o7777:04o}) is closed to {account.name}: {CLOSED}.",
            symptom=Symptom.OK,
            locations=(Location(PurePosixPath(path)),),
            repairs=(Repair(f"chmod {mode & 0o7777:04o} {path}", Safety.SAFE, partial(_opened, path=path, mode=mode)),),
            subject=account.name,
            reason="a shell starts anyway; programs that need the user's name fail",
        )
    return None


def _opened(tree: Tree, path: str, mode: int) -> Tree:
    return chmod(tree, path, mode)

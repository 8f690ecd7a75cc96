"""The login shell is missing, so sshd refuses you.

Symptom: "me@SERVER: Permission denied (publickey)." although the key is correct; the server's log says "not allowed
because shell /usr/bin/zsh does not exist".

Cause: before it looks at any key, sshd checks that the account's shell in /etc/passwd exists and is executable. It is
missing if its package was removed, if chsh or usermod got a typo, or if the system was moved to a distribution that
keeps it elsewhere. Or it exists but lost its mode (`chmod 644 /bin/bash`).

Repair: give an existing shell its mode back (0755). If it is missing, give the account another: the same name in
another directory, else bash, else sh.

See: passwd(5), chsh(1); allowed_user in auth.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import PASSWD, Account
from rescue.accounts.lines import SHELL, with_passwd_field
from rescue.accounts.permissions import chmod
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS, each_login
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import LinkLoop, Read

STEP = Step.ACCOUNT
READS = SSHD_READS

DEFAULT = "/bin/sh"
FOLDERS = ("/bin", "/usr/bin", "/usr/local/bin")
USUAL = ("bash", "sh", "ash")
EXECUTE = 0o111
CLOSED = "is not executable"


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account), meant=False)


def _judged(facts: Facts, account: Account) -> Finding | None:
    shell = account.shell or DEFAULT
    if shell.endswith("\r"):
        return None  # the whole file is damaged: passwd-corrupt
    fault = _fault(facts, shell)
    if not fault:
        return None
    effective = facts.effective(account)
    jail = effective.words("ChrootDirectory")
    # sshd does not check the shell of a user in a ChrootDirectory; if that is / itself, exec(2) fails.
    locked = jail not in ((), ("none",))
    if locked and (jail != ("/",) or effective.words("ForceCommand")[:1] == ("internal-sftp",)):
        return None
    return Finding(
        check="shell-missing",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"sshd refuses {account.name}: the login shell {shell} {fault}.",
        symptom=Symptom.CLOSED if locked else Symptom.DENIED,
        locations=(account.location, *_place(facts, shell)),
        repairs=_repairs(facts, account, shell),
        subject=account.name,
    )


def _fault(facts: Facts, shell: str) -> str:
    """What stat(2) shows to be wrong with the program; empty if nothing is."""
    if not shell.startswith("/"):
        return "is not a path"
    facts.tree.require(Read(shell, depth=0, content=False))
    entry = facts.tree.entry(shell)
    if entry is None:
        return "is missing"
    if not entry.is_file:
        return "is not a program"
    return "" if entry.mode & EXECUTE else CLOSED


def _place(facts: Facts, shell: str) -> tuple[Location, ...]:
    """Where the shell is; nowhere if its links form a loop."""
    try:
        return (Location(facts.tree.resolve(shell)),)
    except LinkLoop:
        return ()


def _repairs(facts: Facts, account: Account, shell: str) -> tuple[Repair, ...]:
    if _fault(facts, shell) == CLOSED:
        # Somebody changed its mode: it is still the right shell for this account and every other.
        real = facts.tree.resolve(shell)
        return (Repair(f"make {real} executable (0755)", Safety.SAFE, partial(chmod, path=real, mode=0o755)),)
    own = shell.rpartition("/")[2]
    candidates = [f"{folder}/{name}" for name in dict.fromkeys((own, *USUAL)) if name for folder in FOLDERS]
    found = next((path for path in candidates if not _fault(facts, path)), None)
    if found is None:
        return (Repair(f"install a shell, and enter it for {account.name} in {PASSWD}", Safety.MANUAL),)
    edit = partial(with_passwd_field, name=account.name, field=SHELL, value=found)
    return (Repair(f"give {account.name} the login shell {found}", Safety.SAFE, edit),)

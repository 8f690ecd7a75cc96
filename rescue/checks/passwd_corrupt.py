"""/etc/passwd is damaged: CR LF line endings, or a line that no program can read.

Symptom: "me@SERVER: Permission denied (publickey)." for everybody, or for the one account.

Cause: the file was edited on Windows or copied from there, so every shell ends in a carriage return and does not exist;
or a field was lost or mistyped, so the line is no longer an account.

Repair: restore Linux line endings. Replace an unreadable line with the one for the same account in the system's copies
(/etc/passwd-, /var/backups/passwd.bak), if they have one.

See: passwd(5); allowed_user in auth.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import PASSWD, Accounts
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read, Tree

STEP = Step.ACCOUNT
COPIES = ("/etc/passwd-", "/var/backups/passwd.bak")
READS = (*SSHD_READS, *(Read(copy, depth=0) for copy in COPIES))

ROOT = "root"


def find(facts: Facts) -> Iterator[Finding]:
    text = facts.tree.text(PASSWD) or ""
    ending = [account for account in facts.accounts.users if account.shell.endswith("\r")]
    if ending:
        if facts.client.user is None or any(account.name == facts.client.user for account in ending):
            yield _windows(ending[0].location)
        return
    names = {facts.client.user} if facts.client.user is not None else {ROOT}
    for name in sorted(names - {account.name for account in facts.accounts.users}):
        place = _line(text, name)
        if place is not None:
            yield _unread(facts.tree, name, place)


def _line(text: str, name: str) -> Location | None:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith(f"{name}:"):
            # The text may be a misplaced password hash.
            return Location(PurePosixPath(PASSWD), number)
    return None


def _windows(place: Location) -> Finding:
    return Finding(
        check="passwd-corrupt",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"Lines in {PASSWD} end in CR LF, so their shells do not exist ({place}).",
        symptom=Symptom.DENIED,
        locations=(Location(place.path, place.line),),
        repairs=(Repair(f"convert {PASSWD} to Linux line endings", Safety.SAFE, _as_unix),),
    )


def _unread(tree: Tree, name: str, place: Location) -> Finding:
    copy = next((copy for copy in COPIES if _copied(tree, copy, name)), None)
    if copy is None:
        repair = Repair(f"rewrite the line of {name}: NAME:x:UID:GID:TEXT:HOME:SHELL", Safety.MANUAL)
    else:
        repair = Repair(
            f"copy the line of {name} from {copy}", Safety.SAFE, partial(_taken, copy=copy, name=name, line=place.line)
        )
    return Finding(
        check="passwd-corrupt",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The line of {name} in {PASSWD} can't be read ({place}), so the account does not exist.",
        symptom=Symptom.DENIED,
        locations=(place,),
        repairs=(repair,),
        subject=name,
        hides=(Step.KEY,),
    )


def _copied(tree: Tree, copy: str, name: str) -> str | None:
    """The account's line in a copy, if it is a valid one there."""
    entry = tree.entry(copy)
    if entry is None:
        return None
    account = Accounts(tree.with_entries({PASSWD: entry})).get(name)
    return None if account is None else (tree.text(copy) or "").split("\n")[account.location.line - 1]


def _taken(tree: Tree, copy: str, name: str, line: int) -> Tree:
    found = _copied(tree, copy, name)
    if found is None:
        raise ValueError(f"{copy} has no line for {name}")
    lines = (tree.text(PASSWD) or "").split("\n")
    lines[line - 1] = found
    return tree.write(PASSWD, "\n".join(lines))


def _as_unix(tree: Tree) -> Tree:
    return tree.write(PASSWD, (tree.text(PASSWD) or "").replace("\r\n", "\n").removesuffix("\r"))

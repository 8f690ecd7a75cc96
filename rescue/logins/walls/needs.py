"""What sshd, and a login of one account, need to see of the disk; and which units serve SSH."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.accounts.database import PASSWD, SHADOW, Account
from rescue.facts import Facts
from rescue.logins.each_login import elsewhere
from rescue.logins.ssh_units import accepting, serving, triggered
from rescue.logins.sshd_program import program
from rescue.model import Step, Symptom
from rescue.services.units import Unit
from rescue.sshd.listen import SOCKETS
from rescue.tree import LinkLoop, Tree

CONFIGURATION = "/etc/ssh"
PAM = "/etc/pam.d"
NULL, TERMINALS = "/dev/null", ("/dev/ptmx", "/dev/pts")
LIBRARIES = "/usr/lib"


@dataclass(frozen=True, slots=True)
class Need:
    """One path: what it is, which step fails without it, and what the client then sees.

    runs: it is a program. users: only this account needs it; "" for every login. doubt: why it may work without it.
    """

    path: PurePosixPath
    step: Step
    symptom: Symptom
    what: str
    runs: bool = False
    user: str = ""
    doubt: str = ""


def units(facts: Facts) -> Iterator[Unit]:
    """The units that serve SSH, and the service behind a socket."""
    for unit in serving(facts.units):
        yield unit
        if unit.name in SOCKETS:
            behind = triggered(facts.units, unit)
            yield facts.units.unit("ssh@.service") if accepting(unit) and behind.path is None else behind


def of_service(facts: Facts) -> Iterator[Need]:
    """What every login needs."""
    server = _resolved(facts.tree, program(facts))
    yield Need(server, Step.SERVICE, Symptom.REFUSED, "sshd itself", runs=True)
    yield Need(PurePosixPath(CONFIGURATION), Step.SERVICE, Symptom.REFUSED, "sshd's settings and host keys")
    yield Need(PurePosixPath(PASSWD), Step.SERVICE, Symptom.REFUSED, "the accounts")
    yield Need(PurePosixPath(NULL), Step.SERVICE, Symptom.REFUSED, "a device that sshd opens first")
    yield Need(PurePosixPath(LIBRARIES), Step.SERVICE, Symptom.REFUSED, "every program's libraries", runs=True)
    for path in TERMINALS:
        what = "which a terminal is made from"
        yield Need(PurePosixPath(path), Step.SESSION, Symptom.CLOSED, what, doubt="commands without a terminal may run")


def of_account(facts: Facts, account: Account) -> Iterator[Need]:
    """What a login of the account needs beside that."""
    name = account.name
    shell = account.shell or "/bin/sh"
    if shell.startswith("/"):
        yield Need(_resolved(facts.tree, shell), Step.ACCOUNT, Symptom.DENIED, f"the shell of {name}", True, name)
    if not facts.sshd.fatal and facts.effective(account).words("UsePAM") == ("yes",):
        yield Need(PurePosixPath(PAM), Step.ACCOUNT, Symptom.CLOSED, "PAM's settings")
        yield Need(PurePosixPath(SHADOW), Step.ACCOUNT, Symptom.CLOSED, "the accounts' expiry dates")


def key_files(facts: Facts, account: Account) -> tuple[Need, ...]:
    """The files with keys of the account: one of them is enough. () if there is none, or keys come from elsewhere."""
    if facts.sshd.fatal or elsewhere(facts, account):
        return ()
    return tuple(
        Need(_resolved(facts.tree, str(each.path)), Step.KEY, Symptom.DENIED, f"the keys of {account.name}",
             user=account.name)
        for each in facts.key_files(account)
        if each.present and each.keys
    )  # fmt: skip


def _resolved(tree: Tree, path: str) -> PurePosixPath:
    try:
        return tree.resolve(path)
    except LinkLoop:
        return PurePosixPath(path)

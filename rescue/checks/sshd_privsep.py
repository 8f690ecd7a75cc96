"""sshd's system user is missing, so sshd does not start.

Symptom: "ssh: connect to host SERVER port 22: Connection refused"; the server's log says "Privilege separation user
sshd does not exist".

Cause: sshd talks to clients as the unprivileged user "sshd", and does not start without it. Somebody tidied up
/etc/passwd, or restored an older copy of it.

Repair: create the user again: from a copy of /etc/passwd if it has the line, else with a free UID below 1000, no
password and no shell.

See: sshd(8) on /run/sshd; SSH_PRIVSEP_USER in sshd.c of OpenSSH; passwd(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.accounts.database import ACCOUNT_READS, PASSWD, SHADOW, Account, Accounts
from rescue.accounts.deleted import COPIES
from rescue.facts import Facts
from rescue.formats.append_line import with_last_line
from rescue.logins.ssh_units import of_ending_server, serving
from rescue.model import Finding, Location, Repair, Safety, Severity, Step
from rescue.services.units import UNIT_READS
from rescue.tree import Read, Tree

STEP = Step.SERVICE
_COPIES = tuple(copies.format("passwd") for copies in COPIES)
READS = (*ACCOUNT_READS, *UNIT_READS, *(Read(copy, depth=0) for copy in _COPIES))

USER = "sshd"
OPENSSH = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket")
HIGHEST, LOWEST = 999, 100
"""UIDs for system users, highest first (login.defs(5), SYS_UID_MAX)."""

NOBODY, HOME, NO_SHELL = 65534, "/run/sshd", "/usr/sbin/nologin"


def find(facts: Facts) -> Iterator[Finding]:
    if facts.accounts.get(USER) is not None or facts.openssh is None:
        return
    if not any(unit.name in OPENSSH for unit in serving(facts.units)):
        return
    repair = Repair(f"create the system user {USER} again", Safety.SAFE, make_again)
    if facts.accounts.by_uid(0) is None:
        # Adding a line to an empty or truncated file would make it look intact.
        steps = f"restore {PASSWD} from {PASSWD}- or a backup, in rescue shell: all other users are missing too"
        repair = Repair(f"restore {PASSWD}", Safety.MANUAL, steps=steps)
    yield Finding(
        check="sshd-privsep",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"sshd can't start: its system user {USER} is not in {PASSWD}.",
        symptom=of_ending_server(facts.units),
        locations=(Location(PurePosixPath(PASSWD)),),
        repairs=(repair,),
    )


def make_again(tree: Tree) -> Tree:
    """The tree with the user. Raises ValueError if no UID is free."""
    found = Accounts(tree)
    former = _former(tree)
    if former is None or found.by_uid(former.uid) is not None:
        free = next((uid for uid in range(HIGHEST, LOWEST - 1, -1) if found.by_uid(uid) is None), None)
        if free is None:
            raise ValueError("no UID is free for a system user")
        group = next((each.gid for each in found.groups if each.name == USER), NOBODY)
        line = f"{USER}:x:{free}:{group}::{HOME}:{NO_SHELL}"
    else:
        line = f"{USER}:x:{former.uid}:{former.gid}::{former.home}:{former.shell}"
    tree = with_last_line(tree, PASSWD, line)
    if found.has_shadow and found.shadow(USER) is None:
        tree = with_last_line(tree, SHADOW, f"{USER}:!*:::::::")
    return tree


def _former(tree: Tree) -> Account | None:
    """The user's line in a copy of passwd."""
    for copy in _COPIES:
        account = Accounts(tree.with_entries({PASSWD: tree.entry(copy)})).get(USER)
        if account is not None:
            return account
    return None

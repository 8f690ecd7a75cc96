"""Your shell is not in /etc/shells, which PAM requires: pam_shells.

Symptom: the key is accepted, then "Connection closed by SERVER port 22", although the shell exists and works.

Cause: a line with pam_shells in /etc/pam.d/sshd, or in a file that it includes, looks for the account's shell in
/etc/shells. The file is missing, is world-writable, or lists the shell under another path (/usr/bin/zsh when the
account has /bin/zsh), for instance because the shell was installed by hand.

Repair: add the shell to /etc/shells; remove others' write permission from the file.

See: shells(5), pam_shells(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.accounts.permissions import chmod
from rescue.facts import Facts
from rescue.formats.append_line import ended
from rescue.logins import pam
from rescue.logins.each_login import each_login
from rescue.logins.pam_refused import refused
from rescue.model import Finding, Repair, Safety, Step
from rescue.pam.lists import OTHERS_WRITE, SHELLS
from rescue.tree import Tree

STEP = Step.ACCOUNT
READS = pam.READS

USUAL = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh", "mksh", "tcsh", "csh"})
DIRECTORIES = ("/bin/", "/usr/bin/")
"""Where packages put the shells that they list in /etc/shells themselves, for anyone to choose."""


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: _judged(facts, account) if account.has_login_shell else None)


def _judged(facts: Facts, account: Account) -> Finding | None:
    found = next(pam.refusals(facts, account, "pam_shells"), None)
    if found is None:
        return None
    shell = account.shell or "/bin/sh"
    usual = shell.rpartition("/")[2] in USUAL and shell.startswith(DIRECTORIES)
    return refused(
        "pam-shells",
        STEP,
        account,
        found,
        f"PAM rejects {account.name} after the key is accepted: {found.ruling.why} ({found.handler.location}).",
        (
            Repair(
                f"add {shell} to {SHELLS}, writable by root only",
                Safety.SAFE if usual else Safety.UNSAFE,
                partial(_listed, shell=shell),
                weakens="" if usual else f"every user can choose {shell} as a login shell",
            ),
        ),
    )


def _listed(tree: Tree, shell: str) -> Tree:
    entry = tree.entry(SHELLS)
    text = tree.text(SHELLS) or ""
    if shell not in text.split("\n"):
        tree = tree.write(SHELLS, f"{ended(text)}{shell}\n")
    return chmod(tree, SHELLS, entry.mode & ~OTHERS_WRITE) if entry is not None else tree

"""Whether the user, who is not root, can use the shell.

Decides: sshd starts the shell as the user: the way to it (/, /usr, /usr/bin), the program, its interpreter and its
libraries have to be open to everybody. `chmod -R 700 /usr` or `chmod 750 /` keeps all users out but root.

Not judged: a file or directory on that way that the user may not use.

Supply: put its mode back (755 for directories and programs, 644 for libraries).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from rescue.checks import _sshd_program
from rescue.checks._each_login import SSHD_READS
from rescue.facts import Facts
from rescue.formats.accounts import Account
from rescue.formats.permissions import READ, SEARCH, Person, allows, first_barrier
from rescue.formats.program_files import program_files
from rescue.model import Gap, Link, Location
from rescue.tree import Read

LINK = Link.SESSION
READS = (*SSHD_READS, *_sshd_program.READS)


def find(facts: Facts) -> Iterator[Gap]:
    for account in facts.logins:
        shell = account.shell or "/bin/sh"
        if not shell.startswith("/"):
            continue
        place = _closed(facts, account, shell)
        if place is not None:
            what = f"whether {account.name} may use the shell: {place} is closed to it"
            yield Gap("session-as-user", LINK, what, f"chmod a+rX {place}", account.name, (Location(PurePosixPath(place)),))


def _closed(facts: Facts, account: Account, shell: str) -> str | None:
    tree = facts.tree
    person = Person(account.uid, facts.accounts.gids_of(account))
    files = program_files(tree, shell) or (shell,)
    tree.require(*(Read(path, depth=0, content=False) for path in files))
    for path in files:
        barrier = first_barrier(tree, path, person)
        if barrier is not None:
            return str(barrier[0])
        entry = tree.entry(path)
        if entry is None:
            continue
        runs = path == shell or "/ld-" in path or "/ld." in path
        if runs and not entry.mode & 0o111:
            return path
        if not allows(entry, person, READ | SEARCH if "/ld-" in path else SEARCH if path == shell else READ):
            return path
    return None

"""Whether the user, who is not root, can use the shell.

Decides: sshd starts the shell as the user: the way to it (/, /usr, /usr/bin), the program, its interpreter and its
libraries have to be open to everybody. `chmod -R 700 /usr` or `chmod 750 /` keeps all users out but root.

Not judged: a file or directory on that way that the user may not use.

Supply: put its mode back (755 for directories and programs, 644 for libraries).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.checks import _sshd_program
from rescue.checks._each_login import SSHD_READS
from rescue.evidence._together import together
from rescue.facts import Facts
from rescue.formats.accounts import Account
from rescue.formats.permissions import READ, SEARCH, Person, allows, first_barrier
from rescue.formats.program_files import program_files
from rescue.model import Gap, Link, Location
from rescue.tree import Read

LINK = Link.SESSION
READS = (*SSHD_READS, *_sshd_program.READS)


NOBODY = Person(65534, frozenset({65534}))
"""As whom the system's own services run, as far as files go."""


def find(facts: Facts) -> Iterator[Gap]:
    yield from together([lambda: _services(facts), *(partial(_of, facts, account) for account in facts.logins)])


def _services(facts: Facts) -> Iterator[Gap]:
    barrier = _barrier(facts, NOBODY, _sshd_program.program(facts), shell=False)
    if barrier is not None:
        what = f"whether services that are not root's start (the message bus, the network): {barrier} is closed to them"
        for link in (Link.BOOT, Link.NETWORK):
            yield Gap("session-as-user", link, what, f"chmod a+rX {barrier}", locations=(Location(PurePosixPath(barrier)),))


def _of(facts: Facts, account: Account) -> Iterator[Gap]:
    shell = account.shell or "/bin/sh"
    place = _closed(facts, account, shell) if shell.startswith("/") else None
    if place is not None:
        what = f"whether {account.name} may use the shell: {place} is closed to it"
        yield Gap("session-as-user", LINK, what, f"chmod a+rX {place}", account.name, (Location(PurePosixPath(place)),))


def _closed(facts: Facts, account: Account, shell: str) -> str | None:
    return _barrier(facts, Person(account.uid, facts.accounts.gids_of(account)), shell, shell=True)


def _barrier(facts: Facts, person: Person, program: str, *, shell: bool) -> str | None:
    """The first file or directory that a program needs and the person may not use; shell: the program itself, too."""
    tree = facts.tree
    files = program_files(tree, program) or (program,)
    tree.require(*(Read(path, depth=0, content=False) for path in files))
    for path in files:
        itself = path == program
        if itself and not shell:
            continue
        barrier = first_barrier(tree, path, person)
        if barrier is not None:
            return str(barrier[0])
        entry = tree.entry(path)
        if entry is None:
            continue
        loader = "/ld-" in path or "/ld." in path
        # Of root, too, nothing is started that nobody may execute.
        if (itself or loader) and not entry.mode & 0o111:
            return path
        if not allows(entry, person, SEARCH if itself else READ | SEARCH if loader else READ):
            return path
    return None

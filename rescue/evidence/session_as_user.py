"""Whether users other than root, including the system's services, can use programs and libraries.

Decides: the message bus and the network services run as separate users: `chmod -R 700 /usr` locks them out of /usr/lib.
A user whose shell starts (the check shell-unusable covers that) needs programs too.

Not judged: services, if the libraries that every program needs are closed to others; what a user can do in a shell, if
ls, cat or id are closed.

Supply: restore their modes (755 for directories and programs, 644 for libraries).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.accounts.permissions import SEARCH, Person, allows
from rescue.accounts.program_access import AS_USER_READS, barriers
from rescue.facts import Facts
from rescue.logins import sshd_program
from rescue.logins.each_login import SSHD_READS
from rescue.model import Gap, Location, Step
from rescue.tree import Read

STEP = Step.SESSION
SERVER = "/usr/sbin/sshd"
PROGRAMS = ("/usr/bin/ls", "/usr/bin/cat", "/usr/bin/id")
READS = (
    *SSHD_READS,
    *sshd_program.READS,
    *AS_USER_READS,
    *(Read(path, depth=0, content=False) for path in PROGRAMS),
)

NOBODY = Person(65534, frozenset({65534}))
"""A stand-in for the users of the system's services, for checking file modes."""


def find(facts: Facts) -> Iterator[Gap]:
    yield from _services(facts)
    for account in facts.logins:
        entries = ((path, facts.tree.entry(path)) for path in PROGRAMS)
        person = facts.person(account)
        closed = [path for path, entry in entries if entry is not None and not allows(entry, person, SEARCH)]
        if closed:
            what = f"what {account.name} can do in the shell: no permission for programs ({', '.join(closed)})"
            places = tuple(Location(facts.tree.resolve(path)) for path in closed)
            yield Gap("session-as-user", STEP, what, "restore them from their packages", account.name, places)


def _services(facts: Facts) -> Iterator[Gap]:
    program = sshd_program.program(facts)
    own = facts.tree.resolve(program)
    # sshd itself runs as root; other users need only what it shares with their programs.
    closed = (each.path for each in barriers(facts.tree, program, NOBODY) if each.path not in (own, own.parent))
    barrier = next(closed, None)
    if barrier is not None:
        what = f"whether services that don't run as root start (message bus, network): no permission for {barrier}"
        for link in (Step.BOOT, Step.NETWORK):
            yield Gap("session-as-user", link, what, f"chmod a+rX {barrier}", locations=(Location(barrier),))

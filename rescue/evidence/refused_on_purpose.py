"""Whether a user whom sshd refuses is meant to be kept out.

Decides: PermitRootLogin, AllowUsers, AllowGroups, DenyUsers and DenyGroups. Blocking root is good practice where people
have accounts of their own, and so is a list that names them: no fault, as long as nobody asks for that user.

Not judged: such a user's own verdict, if no user was named. The user can't log in; whether that is wanted is not on
the disk.

Supply: --user NAME, which judges that user alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.login_path import ON_PURPOSE
from rescue.logins.login_policy import POLICY_READS, LoginStanding, somebody_else_passes, standings
from rescue.model import Gap, Location, Step

STEP = Step.ACCOUNT
READS = POLICY_READS


def find(facts: Facts) -> Iterator[Gap]:
    if facts.client.user is not None:
        return
    found = standings(facts)
    people = any(each.account.uid != 0 for each in found)
    for each in found:
        places = _left_alone(facts, found, each, people=people)
        if places:
            name = each.account.name
            what = f"whether {name} is kept out on purpose: sshd refuses this user ({places[0]})"
            yield Gap(ON_PURPOSE, STEP, what, f"--user {name}", name, places)


def _left_alone(
    facts: Facts, found: tuple[LoginStanding, ...], each: LoginStanding, *, people: bool
) -> tuple[Location, ...]:
    """The lines that may refuse the user and of which the checks say nothing, as they may be meant."""
    root = each.account.uid == 0
    if root and people and each.root.allowed is not True:
        return each.root.locations
    if each.lists.allowed is True or not somebody_else_passes(found, each):
        return ()
    if root or not any(file.keys for file in facts.key_files(each.account)):
        return each.lists.locations
    return ()

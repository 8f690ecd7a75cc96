"""A PAM user list blocks you: pam_listfile.

Symptom: the key is accepted, then "Connection closed by SERVER port 22"; the server's log says "pam_listfile: Refused
user me for service sshd".

Cause: a line with pam_listfile in /etc/pam.d/sshd names a list of users who may log in, and you are not on it; or of
users who may not, and you are. With onerr=fail, a list that is missing or world-writable blocks everybody.

Repair: add your name to the list, or remove it; create a missing list. For all others nothing changes.

See: pam_listfile(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import Account
from rescue.accounts.permissions import chmod
from rescue.facts import Facts
from rescue.formats.append_line import ended
from rescue.logins import pam
from rescue.logins.each_login import each_login, say_where_from
from rescue.logins.pam_refused import exempted, turned_away
from rescue.model import Edit, Finding, Location, Repair, Safety, Step
from rescue.pam.lists import OTHERS_WRITE, ListOptions
from rescue.tree import Tree

STEP = Step.ACCOUNT
READS = pam.READS


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: turned_away(facts, account, "pam_listfile", _repairs))


def _repairs(facts: Facts, account: Account, found: pam.Refusal) -> Iterator[Repair]:
    tree = facts.tree
    options, place = ListOptions.of(found.handler.arguments), found.ruling.location
    if not found.certain:
        yield say_where_from(facts, found.handler.location)
        return
    if place is not None and options.item == "user":
        entry = tree.lentry(place.path)
        if entry is None:
            names = () if options.denies else (account.name,)
            make = partial(_make, path=place.path, names=names)
            if options.denies:
                note = "the list blocks nobody any more; whoever was on it can log in"
                yield Repair(f"create an empty list {place.path}", Safety.UNSAFE, make, weakens=note)
            else:
                yield _admitted(account, f"create the list {place.path} with {account.name} on it", make)
        elif entry.is_file and entry.mode & OTHERS_WRITE:
            yield Repair(f"chmod o-w {place.path}", Safety.SAFE, partial(_close, path=place.path))
        elif options.denies and place.line:
            yield _admitted(account, f"remove {account.name} from {place}", partial(_remove, location=place))
        elif options.denies is False and entry.is_file:
            add = partial(_add, path=place.path, name=account.name)
            yield _admitted(account, f"add {account.name} to {place.path}", add)
    pass_over = partial(exempted, location=found.handler.location, name=account.name)
    yield Repair(f"skip the list for {account.name} ({found.handler.location})", Safety.UNSAFE, pass_over,
                 weakens=f"{account.name} can log in whatever the list says")  # fmt: skip


def _admitted(account: Account, title: str, change: Edit) -> Repair:
    return Repair(title, Safety.SAFE, change, weakens=f"{account.name} can log in", lets_in=True)


def _make(tree: Tree, path: PurePosixPath, names: tuple[str, ...]) -> Tree:
    return tree.write(path, "".join(f"{name}\n" for name in names), mode=0o644, uid=0, gid=0)


def _close(tree: Tree, path: PurePosixPath) -> Tree:
    entry = tree.entry(path)
    return tree if entry is None else chmod(tree, path, entry.mode & ~OTHERS_WRITE)


def _remove(tree: Tree, location: Location) -> Tree:
    lines = (tree.text(location.path) or "").split("\n")
    left = [line for line in lines if line.rstrip("\r") != location.text.rstrip("\r")]
    return tree.write(location.path, "\n".join(left))


def _add(tree: Tree, path: PurePosixPath, name: str) -> Tree:
    return tree.write(path, f"{ended(tree.text(path) or '')}{name}\n")

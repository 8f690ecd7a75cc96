"""A deleted account whose lines are still in the backup copies of the account files. No check itself.

useradd(8), usermod(8), userdel(8) and passwd(1) leave what a file was before their change in the same name with a
hyphen; Debian's dpkg keeps another copy of each file in /var/backups, made daily.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.accounts.database import GROUP, PASSWD, SHADOW, Account, Accounts
from rescue.formats.append_line import with_last_line
from rescue.model import Location
from rescue.tree import Entry, Read, Tree

FILES = (PASSWD, SHADOW, GROUP)
COPIES = ("/etc/{}-", "/var/backups/{}.bak")
NO_PASSWORD = "{}:*:::::::"  # noqa: S105  a line of shadow(5) with which no password opens the account
"""The line used if no copy has one of /etc/shadow."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """An account's data in the copies: the location of its line, and its supplementary groups' names."""

    account: Account
    location: Location
    groups: tuple[str, ...]


def deleted(tree: Tree, name: str) -> Deleted | None:
    """The account as it was; None if no copy has it, somebody else has its user ID, or its home is gone.

    Raises NotCaptured where the copies or the home are not in the snapshot.
    """
    for copies in COPIES:
        former = _former(tree, copies)
        account = former.get(name)
        if account is not None:
            return _as_it_was(tree, former, account, PurePosixPath(copies.format("passwd")))
    return None


def _as_it_was(tree: Tree, former: Accounts, account: Account, copy: PurePosixPath) -> Deleted | None:
    present = Accounts(tree)
    if present.by_uid(account.uid) is not None or not account.home.startswith("/"):
        return None
    tree.require(Read(account.home, depth=0))
    home = tree.entry(account.home)
    if home is None or not home.is_dir:
        return None
    groups = tuple(name for name, _ in _lost_groups(present, former, account.name))
    return Deleted(account, Location(copy, account.location.line, account.location.text), groups)


def _former(tree: Tree, copies: str) -> Accounts:
    """The accounts of the copies."""
    paths = {path: copies.format(PurePosixPath(path).name) for path in FILES}
    tree.require(*(Read(copy, depth=0) for copy in paths.values()))
    changed: dict[str, Entry | None] = {path: tree.entry(copy) for path, copy in paths.items()}
    return Accounts(tree.with_entries(changed))


def _lost_groups(present: Accounts, former: Accounts, name: str) -> Iterator[tuple[str, int]]:
    """The groups that still exist and no longer list `name`: their names, and their lines in /etc/group."""
    for group in present.groups:
        before = former.group(group.gid)
        if before is not None and before.name == group.name and name in before.members and name not in group.members:
            yield group.name, group.location.line


def bring_back(tree: Tree, name: str) -> Tree:
    """The tree with the account, its primary group and its other memberships restored.

    Raises ValueError where `deleted` has none.
    """
    found = deleted(tree, name)
    if found is None:
        raise ValueError(f"no copy has the account {name}")
    copies = next(each for each in COPIES if each.format("passwd") == str(found.location.path))
    former, present = _former(tree, copies), Accounts(tree)
    raw = {path: (tree.text(copies.format(PurePosixPath(path).name)) or "").split("\n") for path in FILES}
    edited = with_last_line(tree, PASSWD, raw[PASSWD][found.account.location.line - 1])
    if found.account.password is None and present.has_shadow and present.shadow(name) is None:
        shadow = former.shadow(name)
        edited = with_last_line(
            edited, SHADOW, raw[SHADOW][shadow.location.line - 1] if shadow else NO_PASSWORD.format(name)
        )
    edited = _in_groups(edited, dict(_lost_groups(present, former, name)), name)
    first = former.group(found.account.gid)
    names = {group.name for group in present.groups}
    if first is not None and present.group(first.gid) is None and first.name not in names:
        edited = with_last_line(edited, GROUP, raw[GROUP][first.location.line - 1])
    return edited


def _in_groups(tree: Tree, groups: dict[str, int], name: str) -> Tree:
    """The tree where the lines `groups` of /etc/group list `name`, too."""
    if not groups:
        return tree
    lines = (tree.text(GROUP) or "").split("\n")
    for number in groups.values():
        *fields, listed = [*lines[number - 1].split(":", 3), ""][:4]
        lines[number - 1] = ":".join([*fields, f"{listed},{name}" if listed else name])
    return tree.write(GROUP, "\n".join(lines))

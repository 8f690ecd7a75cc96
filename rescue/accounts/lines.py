"""Changes to one account's line in passwd(5) or shadow(5) that leave every other byte alone."""

from __future__ import annotations

from rescue.accounts.database import GROUP, PASSWD, SHADOW, Accounts
from rescue.model import Location
from rescue.tree import Tree

SHELL = 6
"""The fields of passwd, from 0."""

PASSWORD, CHANGED, EXPIRES = 1, 2, 7
"""The fields of shadow, from 0."""


def with_passwd_field(tree: Tree, name: str, field: int, value: str) -> Tree:
    """The tree with another value in the account's line of passwd. ValueError if there is no such account."""
    account = Accounts(tree).get(name)
    if account is None:
        raise ValueError(f"there is no account {name}")
    return _with_field(tree, PASSWD, account.location, field, value)


def with_shadow_field(tree: Tree, name: str, field: int, value: str) -> Tree:
    """The tree with another value in the account's line of shadow. ValueError if it has none."""
    shadow = Accounts(tree).shadow(name)
    if shadow is None:
        raise ValueError(f"{SHADOW} has no line for {name}")
    return _with_field(tree, SHADOW, shadow.location, field, value)


def unlocked(tree: Tree, name: str) -> Tree:
    """The tree where the account is no longer locked, and still no password opens it.

    A hash that was locked stays in the line, behind a "*" in place of the "!": sshd(8) without PAM takes only the
    latter for a lock. ValueError if the account is not locked.
    """
    shadow = Accounts(tree).shadow(name)
    if shadow is None or not shadow.exclamation:
        raise ValueError(f"{name} is not locked in {SHADOW}")
    line = (tree.text(SHADOW) or "").split("\n")[shadow.location.line - 1]
    word = line.split(":")[PASSWORD].lstrip("!")
    return with_shadow_field(tree, name, PASSWORD, f"*{word}" if not word.startswith("*") else word)


def _with_field(tree: Tree, path: str, location: Location, field: int, value: str) -> Tree:
    text = tree.text(path)
    if text is None:
        raise ValueError(f"{path} can't be read")
    lines = text.split("\n")
    fields = lines[location.line - 1].split(":")
    fields += [""] * (field + 1 - len(fields))
    fields[field] = value
    lines[location.line - 1] = ":".join(fields)
    return tree.write(path, "\n".join(lines))


def with_member(tree: Tree, group: str, name: str) -> Tree:
    """The tree where the group's line of group(5) lists `name` as well. ValueError if there is no such group."""
    found = next((each for each in Accounts(tree).groups if each.name == group), None)
    if found is None:
        raise ValueError(f"there is no group {group}")
    lines = (tree.text(GROUP) or "").split("\n")
    *fields, listed = [*lines[found.location.line - 1].split(":", 3), "", "", ""][:4]
    lines[found.location.line - 1] = ":".join([*fields, f"{listed},{name}" if listed.strip() else name])
    return tree.write(GROUP, "\n".join(lines))

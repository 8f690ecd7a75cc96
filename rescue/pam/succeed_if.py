"""pam_succeed_if: conditions on the account, as the module evaluates them (pam_succeed_if.c of Linux-PAM 1.5)."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from re import compile as compile_pattern

from rescue.accounts.database import Account, Accounts
from rescue.pam.stacks import Ruling
from rescue.tree import Tree

FLAGS = frozenset({"debug", "use_uid", "quiet", "quiet_fail", "quiet_success", "audit"})
SERVICE, TTY = "sshd", "ssh"

_NAMES = {"login": "user", "name": "user", "dir": "home", "homedir": "home"}

_NUMBER = compile_pattern(r"([+-]?)(0[xX][0-9a-fA-F]{1,15}|[0-9]{1,18})")

_COMPARED: dict[str, Callable[[int, int], bool]] = {
    "lt": lambda left, right: left < right,
    "<": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
    "<=": lambda left, right: left <= right,
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "gt": lambda left, right: left > right,
    ">": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    ">=": lambda left, right: left >= right,
}


def succeed_if(tree: Tree, account: Account, source: str | None, arguments: tuple[str, ...]) -> Ruling:
    """Whether every condition of the line holds; allowed is None if one can't be determined."""
    words = [word for word in arguments if word not in FLAGS]
    groups = Accounts(tree).groups_of(account)
    unknown = ""
    for at in range(0, len(words) - 2, 3):
        left, operator, right = words[at : at + 3]
        held = _holds(account, groups, source, left, operator, right)
        if held is False:
            return Ruling(False, why=f"the condition {left} {operator} {right} does not hold")
        if held is None:
            unknown = unknown or f"the condition {left} {operator} {right} can't be determined from the disk"
    if len(words) % 3:
        return Ruling(False, why="its conditions are incomplete")
    return Ruling(None if unknown else True, why=unknown)


def failed_group(tree: Tree, account: Account, arguments: tuple[str, ...]) -> str:
    """The one group of an "ingroup" condition that the account is not in; "" where it is another condition."""
    words = [word for word in arguments if word not in FLAGS]
    groups = Accounts(tree).groups_of(account)
    for at in range(0, len(words) - 2, 3):
        left, operator, right = words[at : at + 3]
        named = (_NAMES.get(left.lower(), left.lower()), operator.lower())
        if named == ("user", "ingroup") and ":" not in right and right not in groups:
            return right
    return ""


def _holds(
    account: Account, groups: frozenset[str], source: str | None, left: str, operator: str, right: str
) -> bool | None:
    left, operator = _NAMES.get(left.lower(), left.lower()), operator.lower()
    if left == "user" and operator in ("ingroup", "notingroup"):
        return any(group in groups for group in right.split(":")) == (operator == "ingroup")
    if operator in ("innetgr", "notinnetgr", "ingroup", "notingroup"):
        return None
    values: dict[str, str | None] = {
        "user": account.name, "uid": str(account.uid), "gid": str(account.gid), "shell": account.shell,
        "home": account.home, "service": SERVICE, "tty": TTY, "rhost": source, "ruser": "",
    }  # fmt: skip
    if left not in values:
        return False
    value = values[left]
    return None if value is None else _compare(value, operator, right)


def _compare(value: str, operator: str, right: str) -> bool:
    if operator in _COMPARED:
        numbers = [_number(each) for each in (value, right)]
        return None not in numbers and _COMPARED[operator](numbers[0] or 0, numbers[1] or 0)
    if operator in ("=", "!="):
        return (value == right) == (operator == "=")
    if operator in ("=~", "glob", "!~", "noglob"):
        return fnmatchcase(value, right) == (operator in ("=~", "glob"))
    if operator in ("in", "notin"):
        return (value in right.split(":")) == (operator == "in")
    return False


def _number(text: str) -> int | None:
    """As strtoll(3) reads it with base 0."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits = match[2].lower()
    if digits.startswith("0x"):
        value = int(digits, 16)
    elif digits.startswith("0") and len(digits) > 1:
        if digits.strip("01234567"):
            return None
        value = int(digits, 8)
    else:
        value = int(digits)
    return -value if match[1] == "-" else value

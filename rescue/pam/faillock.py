"""Failed logins that lock an account: pam_faillock's tallies and settings, and pam_tally2's log.

Both count only where a password is asked for: a login with a key passes them by, and resets the count (check_tally and
pam_sm_acct_mgmt in pam_faillock.c, faillock.h, faillock_config.c of Linux-PAM 1.5; tallylog.h of 1.3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from re import compile as compile_pattern
from struct import Struct

from rescue.accounts.database import Account, Accounts
from rescue.model import Location
from rescue.pam.stacks import Ruling
from rescue.tree import Read, Tree

CONF = "/etc/security/faillock.conf"
FOLDER = "/var/run/faillock"
TALLYLOG = "/var/log/tallylog"

VALID = 1
_TALLY = Struct("<52sHHQ")
"""One failed login: where from, reserved, status, seconds since the epoch."""
_TALLY2 = Struct("<52sHHQ")
"""One account of tallylog, at its uid: where from, reserved, failures, seconds since the epoch."""

_SETTING = compile_pattern(r"[ \t]*([A-Za-z_]+)[ \t]*(?:=[ \t]*)?(.*?)[ \t]*")


@dataclass(frozen=True, slots=True)
class Limits:
    """What locks an account: so many failures within `interval` seconds, for `unlock` seconds (0: for good)."""

    folder: str = FOLDER
    deny: int = 3
    interval: int = 900
    unlock: int = 600
    root_unlock: int | None = None
    root_too: bool = False
    admins: str = ""


def limits_of(tree: Tree, arguments: tuple[str, ...]) -> Limits:
    """The settings of the file, then those of the module's line."""
    words = dict(word.partition("=")[::2] for word in arguments)
    path = words.get("conf", CONF)
    tree.require(Read(path, depth=0))
    found = Limits()
    for line in (tree.text(path) or "").split("\n"):
        match = _SETTING.fullmatch(line.partition("#")[0])
        if match is not None:
            found = _set(found, match[1], match[2])
    for word in arguments:
        name, _, value = word.partition("=")
        found = _set(found, name, value)
    return found


def _set(limits: Limits, name: str, value: str) -> Limits:
    if name == "even_deny_root":
        return replace(limits, root_too=True)
    if name == "dir" and value.startswith("/"):
        return replace(limits, folder=value)
    if name == "admin_group":
        return replace(limits, admins=value)
    number = 0 if value == "never" else int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
    if number is None:
        return limits
    if name == "deny":
        return replace(limits, deny=number)
    if name == "fail_interval":
        return replace(limits, interval=number)
    if name == "unlock_time":
        return replace(limits, unlock=number)
    if name == "root_unlock_time":
        return replace(limits, root_unlock=number, root_too=True)
    return limits


def tally_path(limits: Limits, account: Account) -> PurePosixPath:
    """The file with the account's failures."""
    return PurePosixPath(limits.folder) / account.name


def faillock(tree: Tree, account: Account, now: datetime, arguments: tuple[str, ...]) -> Ruling:
    """What pam_faillock says of the account's failures so far."""
    limits = limits_of(tree, arguments)
    admin = account.uid == 0 or (bool(limits.admins) and limits.admins in Accounts(tree).groups_of(account))
    if not limits.deny or (admin and not limits.root_too) or "/" in account.name:
        return Ruling(True)
    path = tally_path(limits, account)
    tree.require(Read(str(path), depth=0))
    data = tree.data(path) or b""
    times = [
        when
        for _, _, status, when in _TALLY.iter_unpack(data[: len(data) // _TALLY.size * _TALLY.size])
        if status & VALID
    ]
    latest = max(times, default=0)
    failures = sum(latest - each < limits.interval for each in times)
    if failures < limits.deny:
        return Ruling(True)
    unlock = limits.unlock
    if admin:
        unlock = limits.root_unlock if limits.root_unlock is not None else limits.unlock
    if unlock and latest + unlock < now.timestamp():
        return Ruling(True)
    until = f"for {unlock} seconds after the last" if unlock else "for good"
    return Ruling(False, Location(path), f"{failures} failed logins lock it {until}")


def tally2(tree: Tree, account: Account, now: datetime, arguments: tuple[str, ...]) -> Ruling:
    """What pam_tally2 says when it is asked for a password."""
    words = dict(word.partition("=")[::2] for word in arguments)
    deny, unlock = (_number(words.get(name)) for name in ("deny", "unlock_time"))
    if account.uid == 0 and "even_deny_root" not in words:
        return Ruling(True)
    path = words.get("file", TALLYLOG)
    tree.require(Read(path, depth=0))
    data = tree.data(path) or b""
    at = account.uid * _TALLY2.size
    if not deny or at + _TALLY2.size > len(data):
        return Ruling(True)
    _, _, failures, when = _TALLY2.unpack_from(data, at)
    if failures <= deny or (unlock and when + unlock <= now.timestamp()):
        return Ruling(True)
    return Ruling(False, Location(PurePosixPath(path)), f"{failures} failed logins lock it")


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0


def forgiven(tree: Tree, path: PurePosixPath, uid: int | None = None) -> Tree:
    """The tree without failures: the account's file of pam_faillock empty, or its entry of tallylog zero."""
    data = tree.data(path)
    if data is None:
        raise ValueError(f"{path} does not exist")
    if uid is None:
        return tree.write(path, b"")
    at = uid * _TALLY2.size
    return tree.write(path, data[:at] + bytes(_TALLY2.size) + data[at + _TALLY2.size :])

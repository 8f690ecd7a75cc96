"""limits.conf(5) as far as it can close a session: how many logins and processes, as pam_limits reads it.

Follows parse_config_file, process_limit and setup_limits of pam_limits.c of Linux-PAM 1.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.accounts.database import Account, Accounts
from rescue.model import Location
from rescue.pam.stacks import Ruling
from rescue.tree import Read, Tree

DEFAULT = PurePosixPath("/etc/security/limits.conf")
FOLDER = "/etc/security/limits.d"
LIMITS_READS = (Read(str(DEFAULT), depth=0), Read(FOLDER, depth=1))

LOGINS = ("maxlogins", "maxsyslogins")
PROCESSES = "nproc"
"""Items of which 0 means that nobody gets in, or that no shell can start."""

USER, GROUP, WHOLE_GROUP, EVERY_GROUP, EVERYBODY = range(5)
"""The kinds of subject of a line: the smallest number is the most specific, and wins."""

_SPACE = compile_pattern(r"[ \t]+")
_RANGE = compile_pattern(r"(\d*):(\d*)")


def limits(tree: Tree, account: Account, arguments: tuple[str, ...]) -> Ruling:
    """What pam_limits says when the session opens. None of these limits holds root (setup_limits)."""
    if account.uid == 0:
        return Ruling(True)
    options = dict(word.partition("=")[::2] for word in arguments)
    # nearness, value and place of what counts so far, by item and kind of limit
    found: dict[tuple[str, str], tuple[int, str, Location]] = {}
    for location, (domain, kind, item, value) in _lines(tree, options.get("conf")):
        nearness = _nearness(tree, domain, account)
        if nearness is None:
            continue
        if not item:
            if nearness in (USER, GROUP):
                return Ruling(True)  # "alice -" lifts every limit
            continue
        if item not in LOGINS and item != PROCESSES:
            continue
        for limit in ("soft", "hard") if kind == "-" else (kind,):
            key = ("logins", "") if item in LOGINS else (item, limit)
            if key not in found or found[key][0] >= nearness:
                found[key] = (nearness, value, location)
    for (item, _), (_, value, location) in found.items():
        if value == "0" and item == "logins":
            return Ruling(False, location, "no login at all is allowed")
    for (item, _), (_, value, location) in found.items():
        if value == "0" and item == PROCESSES:
            return Ruling(False, location, "no process is allowed, so no shell can start")
    return Ruling(True)


def applying(tree: Tree, account: Account, arguments: tuple[str, ...]) -> Iterator[tuple[str, str, Location]]:
    """Every line that sets something for the account: its item, its value and its place.

    Of two with one item the later or nearer one counts; which is not told apart here. Lines for everybody or for groups
    are not root's (process_limit, init_limits).
    """
    options = dict(word.partition("=")[::2] for word in arguments)
    for location, (domain, _, item, value) in _lines(tree, options.get("conf")):
        nearness = _nearness(tree, domain, account)
        if item and nearness is not None and (account.uid != 0 or nearness == USER):
            yield item, value, location


def _lines(tree: Tree, named: str | None) -> Iterator[tuple[Location, tuple[str, str, str, str]]]:
    for path in _files(tree, named):
        for number, line in enumerate((tree.text(path) or "").split("\n"), start=1):
            words = [word for word in _SPACE.split(line.partition("#")[0].strip()) if word]
            kind = words[1].lower() if len(words) > 1 else ""
            if len(words) >= 4 and kind in ("soft", "hard", "-"):
                yield Location(path, number, line.rstrip()), (words[0], kind, words[2].lower(), words[3].lower())
            elif len(words) == 2 and kind.startswith("-"):
                yield Location(path, number, line.rstrip()), (words[0], kind, "", "")


def _files(tree: Tree, named: str | None) -> tuple[PurePosixPath, ...]:
    if named is not None:
        tree.require(Read(named, depth=0))
        return (PurePosixPath(named),)
    tree.require(*LIMITS_READS)
    return (DEFAULT, *(PurePosixPath(FOLDER) / name for name in tree.children(FOLDER) if name.endswith(".conf")))


def _nearness(tree: Tree, domain: str, account: Account) -> int | None:
    """How near a line's domain is to the account; None where it is for others."""
    if domain == account.name:
        return USER
    if domain == "%":
        return EVERY_GROUP
    if domain.startswith(("@", "%")):
        nearness = GROUP if domain.startswith("@") else WHOLE_GROUP
        return nearness if domain[1:] in Accounts(tree).groups_of(account) else None
    span = _RANGE.fullmatch(domain)
    if span is not None and (span[1] or span[2]):
        low, high = int(span[1] or span[2]), int(span[2] or (1 << 32))
        if not span[1] or not span[2]:
            low, high = (int(span[1]), 1 << 32) if span[1] else (int(span[2]), int(span[2]))
        return USER if low <= account.uid <= high else None
    return EVERYBODY if domain == "*" else None

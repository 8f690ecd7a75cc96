"""time.conf(5): who may log in when, as pam_time reads it (pam_time.c of Linux-PAM 1.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.accounts.database import Account
from rescue.model import Location
from rescue.pam.stacks import Ruling
from rescue.tree import Read, Tree

DEFAULT = PurePosixPath("/etc/security/time.conf")
SERVICE, TTY = "sshd", "ssh"

_TOKEN = compile_pattern(r"[A-Za-z0-9*_./:-]+|[&|!]")
_SPAN = compile_pattern(r"([0-9]{0,4})-([0-9]{4})")
_HOUR = compile_pattern(r"[0-9]{1,4}")
_DAYS = {
    "su": 0x01, "mo": 0x02, "tu": 0x04, "we": 0x08, "th": 0x10, "fr": 0x20, "sa": 0x40, "wk": 0x3E, "wd": 0x41,
    "al": 0x7F,
}  # fmt: skip


def time_rules(tree: Tree, account: Account, arguments: tuple[str, ...]) -> Ruling:
    """What pam_time says. The server's time zone is not known: allowed is None if it depends on the hour."""
    options = dict(word.partition("=")[::2] for word in arguments)
    path = PurePosixPath(options.get("conffile", str(DEFAULT)))
    tree.require(Read(str(path), depth=0))
    undecided: Ruling | None = None
    for location, (service, tty, users, times) in _rules(tree, path):
        if not (_logic(service, partial(_same, SERVICE)) and _logic(tty, partial(_same, TTY))):
            continue
        netgroup = users.startswith("@")
        if not netgroup and not _logic(users, partial(_same, account.name)):
            continue
        when = {_logic(times, partial(_within, moment)) for moment in _moments(times)}
        if when == {True}:
            continue
        if when == {False} and not netgroup:
            return Ruling(False, location, f"the times {times} never come")
        if undecided is None:
            undecided = Ruling(None, location, f"it allows logins at {times} only")
    return undecided or Ruling(True)


def _rules(tree: Tree, path: PurePosixPath) -> Iterator[tuple[Location, list[str]]]:
    """The lines with four fields; a comment goes to the line's end, a backslash joins two lines."""
    begun, start = "", 0
    for number, line in enumerate((tree.text(path) or "").split("\n"), start=1):
        start = start or number
        text = line.partition("#")[0]
        if text.endswith("\\"):
            begun += text[:-1]
            continue
        fields, first = [field.strip(" \t") for field in (begun + text).split(";")], start
        begun, start = "", 0
        if len(fields) == 4:
            yield Location(path, first, line.rstrip()), fields


def _logic(field: str, agrees: Callable[[str], bool]) -> bool:
    """logic_field: names joined by & and |, worked out from the left; a ``!`` turns round the name behind it."""
    result, joined, negated, wants_name = False, "|", False, True
    for piece in _TOKEN.findall(field):
        if wants_name and piece == "!":
            negated = not negated
        elif wants_name and piece not in "&|":
            here = agrees(piece) != negated
            result = (result and here) if joined == "&" else (result or here)
            negated = wants_name = False
        elif not wants_name and piece in "&|":
            joined, wants_name = piece, True
        else:
            return False
    return result


def _same(value: str, pattern: str) -> bool:
    """is_same: one ``*`` stands for anything."""
    head, star, tail = pattern.partition("*")
    if not star:
        return value == pattern
    return value.startswith(head) and (not tail or value.endswith(tail))


@dataclass(frozen=True, slots=True)
class _Moment:
    """A day of the week as a bit, and an hour as in 2359."""

    day: int
    minute: int


def _moments(field: str) -> Iterator[_Moment]:
    """One moment in every period that a times field could distinguish."""
    edges = {0, 2359}
    for number in _HOUR.findall(field):
        edges.update((int(number) - 1, int(number), int(number) + 1))
    for day in range(7):
        yield from (_Moment(1 << day, edge) for edge in edges if 0 <= edge <= 2359)


def _within(moment: _Moment, text: str) -> bool:
    """check_time: whether a time is in a range such as Wk0800-1800. Without hours it always is, without a day never."""
    at, days = 0, 0
    while at < len(text) and text[at].isalpha():
        bit = _DAYS.get(text[at : at + 2].lower())
        if bit is None:
            return False
        days, at = days ^ bit, at + 2
    if not days:
        return False
    match = _SPAN.match(text, at)
    if match is None:
        return True
    start, end = int(match[1] or 0), int(match[2])
    if start < end:
        return bool(moment.day & days) and start <= moment.minute < end
    if moment.day & days and moment.minute >= start:
        return True
    following = days << 1 | days >> 6 & 1
    return bool(moment.day & following) and moment.minute <= end

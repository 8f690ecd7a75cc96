"""The criteria of a Match line, and whether a connection meets them.

Source: match_cfg_line in servconf.c of OpenSSH 8.4, 9.2 and 10.0, sshd_config(5). From 9.9 on the line is cut like any
other and takes ``user=name`` as one word; before, ``=`` separates like a blank.
"""

from __future__ import annotations

from dataclasses import dataclass

from rescue.model import Address, Known
from rescue.sshd.language.dialect import Dialect
from rescue.sshd.language.faults import BadLine, Fault
from rescue.sshd.language.patterns import (
    BadAddress,
    check_addresses,
    match_address,
    match_groups,
    match_host,
    match_list,
)
from rescue.sshd.language.places import Ports
from rescue.sshd.language.syntax import UnbalancedQuotes, Version, next_word, split_arguments
from rescue.sshd.language.values import closest

SPLIT_LIKE_ARGUMENTS: Version = (9, 9)
CRITERIA = ("User", "Group", "Host", "Address", "LocalAddress", "LocalPort", "RDomain")
VERSIONED: dict[str, Version] = {"invalid-user": (9, 9), "version": (10, 0)}


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection that a Match line is checked against. None means unknown; local_port is the port the client
    connects to."""

    user: str
    groups: frozenset[str]
    address: Address | None = None
    host: str | None = None
    local_address: Address | None = None
    local_port: int = 22


@dataclass(frozen=True, slots=True)
class Criteria:
    """A Match line: all of `tests` must hold; each is a criterion in lower case and its argument."""

    tests: tuple[tuple[str, str], ...]

    @property
    def everybody(self) -> bool:
        """``Match all``, which sshd applies from the start."""
        return self.tests == (("all", ""),)

    def holds_for(self, connection: Connection | None) -> Known:
        """Whether the block applies; None if unknown. No connection: as sshd reads it when it starts."""
        if self.everybody:
            return True
        sure: Known = True
        for name, argument in self.tests:
            result = _decide(name, argument, connection)
            if result is False:
                return False
            if result is None:
                sure = None
        return sure


def parse_match(rest: str | None, dialect: Dialect, ports: Ports) -> Criteria:
    """The criteria after the keyword Match. Raises BadLine if this sshd rejects them."""
    words = _words(rest, dialect)
    if not words:
        raise BadLine(Fault.MISSING, "Match needs a criterion, such as User alice")
    tests: list[tuple[str, str]] = []
    at = 0
    while at < len(words):
        name = words[at].lower()
        if name == "all":
            if tests or len(words) > at + 1:
                raise BadLine(Fault.VALUE, "Match all can't be combined with other criteria")
            return Criteria((("all", ""),))
        if name == "invalid-user" and not dialect.before(VERSIONED[name]):
            tests.append((name, ""))
            at += 1
            continue
        name, argument, at = _test(words, at, dialect)
        tests.append((name, argument))
    for name, argument in tests:
        _check(name, argument, dialect, ports)
    return Criteria(tuple(tests))


def _words(rest: str | None, dialect: Dialect) -> tuple[str, ...]:
    if dialect.argv_split:
        if not rest:
            raise BadLine(Fault.MISSING, "Match needs a criterion, such as User alice")
        try:
            cut = split_arguments(rest)
        except UnbalancedQuotes as problem:
            raise BadLine(Fault.QUOTES, "a quotation mark is opened and never closed") from problem
        if dialect.version >= SPLIT_LIKE_ARGUMENTS:
            return _before_comment(cut)
    words: list[str] = []
    word, rest = next_word(rest)
    while word:
        words.append(word)
        word, rest = next_word(rest)
    if word == "" and rest:
        raise BadLine(Fault.EXTRA, f"Match can't be read from here on: {rest}")
    return _before_comment(tuple(words))


def _before_comment(words: tuple[str, ...]) -> tuple[str, ...]:
    at = next((index for index, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:at]


def _test(words: tuple[str, ...], at: int, dialect: Dialect) -> tuple[str, str, int]:
    """One criterion, its argument, and where the next begins."""
    name, equals, argument = words[at].partition("=")
    newer = (each for each, since in VERSIONED.items() if not dialect.before(since))
    known = (*(each.lower() for each in CRITERIA), *newer)
    if equals and name.lower() in known:
        at += 1
    else:
        name, argument = words[at], words[at + 1] if at + 1 < len(words) else ""
        at += 2
    if name.lower() not in known:
        meant = closest(name, CRITERIA)
        raise BadLine(Fault.VALUE, f"Match does not know {name}; it knows {', '.join(CRITERIA)} and all", meant)
    if not argument:
        raise BadLine(Fault.MISSING, f"Match {name} needs a value")
    return name.lower(), argument, at


def _check(name: str, argument: str, dialect: Dialect, ports: Ports) -> None:
    if name in ("address", "localaddress"):
        try:
            check_addresses(argument)
        except BadAddress as problem:
            raise BadLine(Fault.VALUE, f"Match {name} does not take {argument}: {problem}") from problem
    if name == "localport" and ports(argument) is None:
        raise BadLine(Fault.VALUE, f"Match LocalPort does not take {argument}: it takes one port")


def _decide(name: str, argument: str, connection: Connection | None) -> Known:
    if name == "version":
        # The full version string (with the distribution's addition) is not on the disk in plain sight.
        return True if argument == "*" else None
    if connection is None:
        return False
    match name:
        case "user":
            return match_list(connection.user, argument) == 1
        case "group":
            return match_groups(connection.groups, argument)
        case "host":
            return match_host(connection.host, argument)
        case "address":
            return match_address(connection.address, argument)
        case "localaddress":
            return match_address(connection.local_address, argument)
        case "localport":
            return str(connection.local_port) == argument.strip().lstrip("+0")
        case "rdomain":
            # On Linux an ordinary socket is in no routing domain: the name is empty.
            return match_list("", argument) == 1
    return False

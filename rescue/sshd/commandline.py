"""The options that a service gives sshd: ExecStart= and the variables that it takes from its environment files.

Source: sshd(8), systemd.service(5), systemd.exec(5). Debian's and Ubuntu's SSHD_OPTS live in /etc/default/ssh, Red
Hat's OPTIONS in /etc/sysconfig/sshd, Alpine's in /etc/conf.d/sshd.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from re import compile as compile_pattern
from typing import Protocol

from rescue.model import Location
from rescue.sshd.language.numbers import integer
from rescue.sshd.language.syntax import unquoted
from rescue.tree import Tree

DEBIAN_OPTIONS, RED_HAT_OPTIONS, OPENRC_OPTIONS = "/etc/default/ssh", "/etc/sysconfig/sshd", "/etc/conf.d/sshd"
SCRIPT_FILES = (DEBIAN_OPTIONS, OPENRC_OPTIONS)
"""The files that the start scripts of System V init and OpenRC read."""

SCRIPT_COMMAND = "sshd $SSHD_OPTS $command_args"

VALUED = frozenset("bCcEfghkopu")
"""sshd's options that take an argument (sshd.c)."""

FAMILIES = {"4": "inet", "6": "inet6"}

_WORD = compile_pattern(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+""")
_VARIABLE = compile_pattern(r"\$\{?(\w+)\}?")


class AssignmentLike(Protocol):
    """An assignment of a unit file (see rescue.services.unit_files.Assignment)."""

    @property
    def section(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def location(self) -> Location: ...


@dataclass(frozen=True, slots=True)
class Options:
    """sshd's command line: `-p` ports, `-o` settings as (keyword in lower case, value), the file of `-f`, with
    locations.

    -4 and -6 are AddressFamily settings.
    """

    ports: tuple[tuple[int, Location], ...] = ()
    settings: tuple[tuple[str, str, Location], ...] = ()
    config: PurePosixPath | None = None

    def values(self, keyword: str) -> tuple[tuple[str, Location], ...]:
        return tuple((value, place) for key, value, place in self.settings if key == keyword)


Word = tuple[str, Location]


def command_line(tree: Tree, assignments: Sequence[AssignmentLike]) -> Options:
    """The options of a service's unit, or of the start scripts if there is no unit."""
    commands = _last_command(assignments)
    if commands is None:
        variables = dict(_variables(tree, SCRIPT_FILES))
        return _options(_expand((SCRIPT_COMMAND, Location(PurePosixPath(SCRIPT_FILES[0]))), variables))
    variables = dict(_environment(assignments))
    variables |= dict(_variables(tree, _files(assignments)))
    return _options(_expand(commands, variables))


def _last_command(assignments: Sequence[AssignmentLike]) -> Word | None:
    found: Word | None = None
    for each in assignments:
        if each.section == "Service" and each.key == "ExecStart":
            found = (each.text, each.location) if each.text else None
    return found


def _environment(assignments: Sequence[AssignmentLike]) -> Iterator[tuple[str, Word]]:
    for each in assignments:
        if each.section == "Service" and each.key == "Environment":
            for word in _WORD.findall(each.text):
                name, _, value = unquoted(word).partition("=")
                yield name, (value, each.location)


def _files(assignments: Sequence[AssignmentLike]) -> tuple[str, ...]:
    paths: list[str] = []
    for each in assignments:
        if each.section == "Service" and each.key == "EnvironmentFile":
            if each.text:
                paths.append(each.text.removeprefix("-"))
            else:
                paths.clear()
    return tuple(path for path in paths if path.startswith("/") and "*" not in path)


def _variables(tree: Tree, paths: Sequence[str]) -> Iterator[tuple[str, Word]]:
    """NAME=value lines; a later one wins."""
    for path in paths:
        for number, line in enumerate((tree.text(path) or "").split("\n"), 1):
            name, equals, value = line.strip().removeprefix("export ").partition("=")
            if equals and name.isidentifier():
                yield name, (unquoted(value.strip()), Location(PurePosixPath(path), number, line.strip()))


def _expand(command: Word, variables: Mapping[str, Word]) -> Iterator[Word]:
    text, place = command
    for word in _WORD.findall(text):
        whole = _VARIABLE.fullmatch(unquoted(word))
        if whole is None:
            yield unquoted(word), place
        elif whole[1] in variables:
            value, origin = variables[whole[1]]
            yield from ((unquoted(piece), origin) for piece in _WORD.findall(value))


def _options(words: Iterator[Word]) -> Options:
    ports: list[tuple[int, Location]] = []
    settings: list[tuple[str, str, Location]] = []
    config: PurePosixPath | None = None
    program, _ = next(words, ("", Location(PurePosixPath("/"))))
    if not program.rpartition("/")[2].startswith("sshd"):
        return Options()
    for letter, value, place in _letters(words):
        number = integer(value, 1, 65535)
        if letter == "p" and number is not None:
            ports.append((number, place))
        elif letter == "o":
            keyword, _, argument = value.replace("=", " ", 1).strip().partition(" ")
            settings.append((keyword.lower(), argument.strip(), place))
        elif letter in FAMILIES:
            settings.append(("addressfamily", FAMILIES[letter], place))
        elif letter == "f" and value.startswith("/"):
            config = PurePosixPath(value)
    return Options(tuple(ports), tuple(settings), config)


def _letters(words: Iterator[Word]) -> Iterator[tuple[str, str, Location]]:
    """getopt(3): flags may be bundled, a value may follow its letter directly or as the next word."""
    for word, place in words:
        if not word.startswith("-") or word == "-":
            return
        rest = word[1:]
        while rest:
            letter, rest = rest[0], rest[1:]
            if letter in VALUED:
                if not rest:
                    rest, place = next(words, ("", place))
                yield letter, rest, place
                break
            yield letter, "", place

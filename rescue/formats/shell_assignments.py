"""Files of settings that a program reads with the shell's "." command: parsed, never executed.

The last assignment of a name wins. What is not an assignment would be run as a command; since ufw-init runs with
``set -e``, a command that does not exist stops it there (dash(1)).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.model import Location

_ASSIGNMENT = compile_pattern(r"[A-Za-z_][A-Za-z0-9_]*=")

_COMMANDS = frozenset(
    [".", ":", "[", "case", "do", "done", "echo", "elif", "else", "esac", "export", "false", "fi", "for", "if",
     "local", "printf", "readonly", "set", "source", "test", "then", "true", "unset", "{", "}"]
)  # fmt: skip
"""Words of the shell itself: what they do is not followed, but they do not fail for not being there."""


@dataclass(frozen=True, slots=True)
class ShellAssignment:
    """A value and the line that set it."""

    value: str
    location: Location


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of some files read in order. stopped: the line at which the shell gives up, if it does."""

    values: dict[str, ShellAssignment]
    stopped: Location | None = None

    def get(self, name: str, default: str = "") -> str:
        found = self.values.get(name)
        return found.value if found else default

    def location(self, name: str, default: Location) -> Location:
        """Where the value was set."""
        found = self.values.get(name)
        return found.location if found else default


def read_settings(files: Iterator[tuple[PurePosixPath, str]], *, stops: bool = True) -> Settings:
    """What the shell knows after it has read `files`, (path, text) each, in order.

    stops: it runs with ``set -e``; else only what it can't parse makes it give up.
    """
    values: dict[str, ShellAssignment] = {}
    for path, text in files:
        lines = text.split("\n")
        for number, words in _statements(text):
            here = Location(path, number, lines[number - 1])
            start = 1 if words[0] in ("export", "readonly", "local") else 0
            assigned = [word for word in words[start:] if _ASSIGNMENT.match(word)]
            if len(assigned) == len(words) - start:
                for word in assigned:
                    name, _, value = word.partition("=")
                    values[name] = ShellAssignment(value, here)
            elif words[0] in _QUOTES or (stops and _command(words) not in _COMMANDS):
                return Settings(values, here)
    return Settings(values)


def _command(words: list[str]) -> str:
    return next(word for word in words if not _ASSIGNMENT.match(word))


_QUOTES = ("'", '"')
"""What `_statements` gives for a quote that does not end."""


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """The simple commands of a shell script as (line, words), quotes taken off. Expansions stay as they are written."""
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    line = began = 1
    at, end = 0, len(text)
    while at < end:
        char = text[at]
        at += 1
        if char == "\\" and quote != "'" and at < end:
            if text[at] == "\n":
                line += 1
            else:
                kept = quote == '"' and text[at] not in '"\\$`'
                word = (word or []) + (["\\"] if kept else []) + [text[at]]
            at += 1
        elif quote:
            if char == quote:
                quote = ""
            else:
                word = word if word is not None else []
                word.append(char)
        elif char in "'\"":
            quote, word = char, word if word is not None else []
        elif char in " \t\n;&|":
            if word is not None:
                words.append("".join(word))
                word = None
            if char not in " \t" and words:
                yield began, words
                words = []
        elif char == "#" and word is None:
            newline = text.find("\n", at)
            at = newline if newline >= 0 else end
        else:
            if word is None:
                word = []
                began = began if words else line
            word.append(char)
        if char == "\n":
            line += 1
            began = began if words else line
    if quote:
        words = [quote]  # the shell looks for the other quote in vain, and gives up: a syntax error
    elif word is not None:
        words.append("".join(word))
    if words:
        yield began, words

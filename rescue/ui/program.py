"""How this program was started, so that what is proposed can be typed as it stands here."""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path
from shlex import join, quote
from shutil import which

NAME = "rescue"
VERBS = (
    "disks", "inspect", "fix", "undo", "history", "timeline", "firewall", "space", "mount", "umount", "shell",
    "capture", "explain", "lab", "doctor", "probe", "console", "ticket", "diff", "blame", "help", "version",
)  # fmt: skip
"""The words that a command line begins with. The parser has the same, but takes too long to import for a message."""

_COMMAND = re.compile(rf"(?<![\w./-])(?<!-m )rescue (?=(?:{'|'.join(VERBS)}|\.\.\.)(?![\w-]))")
_PLACEHOLDER = re.compile(rf"({_COMMAND.pattern}(?:{'|'.join(VERBS)})) TARGET\b(?: DIR\b)?")


@cache
def program() -> str:
    """The words before the verb, as for a shell: "rescue" where that is found, else as it was typed.

    A .run file starts Python by a script and names itself in RESCUE_STARTED_AS. Where it was started from another
    computer (--via), RESCUE_VIA holds what is typed there.
    """
    if via := os.environ.get("RESCUE_VIA"):
        return via
    if file := os.environ.get("RESCUE_STARTED_AS"):
        return quote(file if "/" in file else f"./{file}") if os.access(file, os.X_OK) else join(["sh", file])
    return spelled(sys.argv[0] if sys.argv else "", list(sys.orig_argv))


def home_name(path: Path) -> str:
    """A file that was written, as the person knows it: one for another computer (--via) by its name alone."""
    folder = os.environ.get("RESCUE_VIA_FOLDER")
    return path.name if folder and path.is_relative_to(folder) else str(path)


def spelled(started: str, words: list[str]) -> str:
    """The same for a program that was started as `started` (argv[0]) by the command line `words`."""
    if not started or not _is_ours(started):
        return NAME
    if "-m" in words[:-1] and words[words.index("-m") + 1] == NAME:
        return join(words[: words.index("-m") + 2])
    found = which(NAME)
    if found is not None and _same(found, started):
        return NAME
    if os.access(started, os.X_OK):
        # A bare name would be looked for in PATH, where it is not.
        return quote(started if "/" in started else f"./{started}")
    return join([words[0], started]) if words else NAME


def _is_ours(started: str) -> bool:
    """Whether the script is this program, and not another that has it for a library: a test runner, a shell."""
    path = Path(started)
    return path.name.startswith(NAME) or path.parent.name == NAME


def _same(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


def as_started(text: str) -> str:
    """`text` with the commands in it spelled as the program was started."""
    spelling = program()
    return text if spelling == NAME else _COMMAND.sub(lambda _: f"{spelling} ", text)


def complete(text: str) -> str:
    """`text` with commands that can be typed as they stand: without a target they are for the one at hand."""
    return _PLACEHOLDER.sub(r"\1", text)


def proposed(text: str) -> str:
    """The same, spelled as the program was started: for a person. Documents have the plain name."""
    return as_started(complete(text))

"""What of a command line is about files of the person's own computer: they are read here, and come back to here."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from rescue.errors import UsageError
from rescue.verbs.request.client import console_text
from rescue.verbs.request.public_key import comment_of, key_to_add, read_public_key
from rescue.verbs.via.errors import ViaError

_BUNDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,80}\.bundle")
"""The name that capture gives to its file by itself."""


@dataclass
class HandedOver:
    """words: the command line without its local files. console: what is sent of one.

    results: the option and the local file that what it writes comes back to; named_there: capture names its file.
    """

    words: list[str]
    behind: list[str] = field(default_factory=list)
    console: bytes | None = None
    results: dict[str, Path] = field(default_factory=dict)
    named_there: bool = False

    @property
    def writes(self) -> bool:
        """Whether files come back."""
        return bool(self.results) or self.named_there

    def command(self, folder: str, console: str) -> list[str]:
        """The words as they are typed there: results go into `folder`."""
        made = [f"{option}={PurePosixPath(folder, _name(option))}" for option in self.results]
        if console:
            made.append(f"--console={console}")
        verb, rest = self.words[:1], self.words[1:]
        if self.behind:
            # The first "--" is the one before the server's own command.
            rest = [word for word in rest if word != "--"]
        return [*verb, *made, *rest, *self.behind]

    def fetch(self, folder: str, there: Sequence[str], get: Callable[[str, Path], None]) -> list[Path]:
        """Get what was written. there: the names in `folder`; get: brings a file of it. Returns the local files."""
        came = []
        for option, path in self.results.items():
            if _name(option) in there:
                get(f"{folder}/{_name(option)}", path)
                came.append(path)
        if self.named_there:
            for name in sorted(name for name in there if _BUNDLE.fullmatch(name))[:1]:
                path = _free(Path(name))
                get(f"{folder}/{name}", path)
                came.append(path)
        return came


def _name(option: str) -> str:
    return {"--html": "report.html", "--output": "server.bundle"}[option]


def _free(path: Path) -> Path:
    """`path`, or the same with a number where it is there already."""
    for number in range(2, 1000):
        if not path.exists() and not path.is_symlink():
            return path
        path = path.with_name(f"{path.stem.removesuffix(f'-{number - 1}')}-{number}{path.suffix}")
    return path


def handed_over(words: Sequence[str], behind: Sequence[str], options: Namespace) -> HandedOver:
    """The command line `words`, parsed as `options`, for the other side. Raises UsageError for what is no local file.

    behind: what is behind "--" and another program's.
    """
    given = vars(options)
    made = HandedOver(list(words), ["--", *behind] if behind else [])
    if given.get("key") is not None:
        key = read_public_key(options.key, "--key")
        made.words = _replaced(made.words, "--key", f"{key.public} {comment_of(key)}".strip())
    if given.get("add_key") is not None:
        key = key_to_add(options.add_key)
        made.words = _replaced(made.words, "--add-key", f"{key.public} {comment_of(key)}".strip())
    if given.get("password_file") is not None:
        raise UsageError(
            "--password-file stays on this machine, and is not handed over with --via",
            "Leave it out: the password is then asked for on the other side, over ssh.",
        )
    if given.get("console") is not None:
        made.console = console_text(options.console).encode()
        made.words = _without(made.words, "--console")
    for name, option, short in (("html", "--html", ""), ("output", "--output", "-o")):
        if given.get(name) is not None:
            path = Path(given[name]).expanduser()
            if option == "--output" and (path.exists() or path.is_symlink()):
                raise UsageError(f"{path} is there already", "Name another file after -o, or remove it first.")
            if not path.absolute().parent.is_dir() or not os.access(path.absolute().parent, os.W_OK):
                raise UsageError(
                    f"{option} {path}: its directory is not there, or can't be written",
                    "Name a file of this computer, in a directory that is there and can be written.",
                )
            made.results[option] = path
            made.words = _without(made.words, option, short)
    made.named_there = given.get("verb") == "capture" and not made.results
    return made


def _replaced(words: list[str], option: str, value: str) -> list[str]:
    verb, rest = words[:1], words[1:]
    return [*verb, f"{option}={value}", *_without(rest, option)]


def _without(words: list[str], option: str, short: str = "") -> list[str]:
    """The words without the option; its value is bound to it (`rescue.cli` arranges them so)."""
    at = words.index("--") if "--" in words else len(words)
    left = [
        word
        for word in words[:at]
        if word.partition("=")[0] != option and not (short and word.startswith(short) and not word.startswith("--"))
    ]
    return left + words[at:]


def keep(path: Path, data_into: Callable[[Path], None], *, private: bool) -> None:
    """Have `data_into` write a new file, which gets its name when it is whole. Raises ViaError."""
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600 if private else 0o666)
        os.close(descriptor)
        data_into(part)
        part.replace(path)
    except OSError as problem:
        raise ViaError(f"{path} can't be written: {problem.strerror}", "What is to be in it is lost.") from problem
    finally:
        part.unlink(missing_ok=True)

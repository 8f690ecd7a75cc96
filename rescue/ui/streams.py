"""The three standard streams, which need not be there, and may break.

A stream that is closed when the program begins would be given, by its number, to the first file that is opened: a
message would be written into a server's disk. And what can't be told to anybody must not end as a traceback.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

from rescue.errors import RescueError


class OutputError(RescueError, OSError):
    """The standard output takes no more: its device is full, or was closed."""

    def __init__(self, number: int | None, why: str | None) -> None:
        super().__init__(
            f"the output can't be written: {why}",
            "What it was to say is lost. What a fix has written stays written: rescue history lists it.",
        )
        self.errno, self.strerror = number, why


class Watched(io.TextIOWrapper):
    """The standard output. Says of its errors that they are its own, and not the disk's that is looked at."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as problem:
            raise _failed(problem) from problem

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as problem:
            raise _failed(problem) from problem


class Tolerant(io.TextIOWrapper):
    """The error stream. A message that nobody can read is no reason to stop."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            silence(2)


def _failed(problem: OSError) -> OSError:
    if problem.errno == errno.EPIPE:
        return problem  # whoever read it went away, which is no fault
    return OutputError(problem.errno, problem.strerror)


def open_streams() -> None:
    """Give the program all three: a closed one leads nowhere. To be called before any file is opened."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  a descriptor, for good
    sys.stdout = _made(Watched, sys.stdout, 1)
    sys.stderr = _made(Tolerant, sys.stderr, 2)


def _made(kind: type[Watched | Tolerant], stream: TextIO | None, descriptor: int) -> TextIO:
    """The stream as one of `kind`, with its own encoding."""
    if stream is not None and stream.isatty():
        return stream
    encoding, errors = ("utf-8", "backslashreplace") if stream is None else (stream.encoding, stream.errors)
    raw = open(descriptor, "wb", closefd=False)  # noqa: SIM115  the program's own, for good
    return kind(raw, encoding=encoding, errors=errors, line_buffering=descriptor == 2)


def silence(descriptor: int) -> None:
    """Let what is still to be written there go nowhere, so that the interpreter's own end is quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)

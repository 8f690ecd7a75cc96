"""Whether ``--journal DIR`` can be the directory of an undo log, asked before anything else is done."""

from __future__ import annotations

from pathlib import Path

from rescue.errors import UsageError


def check_journal(directory: str | None, verb: str) -> None:
    """Raise UsageError where no records can be there: a file, a link that leads nowhere, for undo nothing at all."""
    if directory is None:
        return
    path = Path(directory)
    shown = f"--journal takes a directory, and {directory!r}"
    hint = "Name a directory of this machine in which the undo log is, or is to be made."
    if not directory:
        raise UsageError("--journal takes a directory, and its name is empty", hint)
    try:
        if path.is_dir():
            return
        if path.exists():
            raise UsageError(f"{shown} is a file", hint)
        if path.is_symlink():
            raise UsageError(f"{shown} is a link that leads nowhere", hint)
        above = next(each for each in path.absolute().parents if each.exists() or each.is_symlink())
        if not above.is_dir():
            raise UsageError(f"{shown} can't be one: {str(above)!r} is a file, or a link that leads nowhere", hint)
    except OSError as problem:
        raise UsageError(f"{shown} can't be looked at: {problem.strerror}", hint) from problem
    if verb in ("undo", "history"):
        raise UsageError(f"{shown} is not there", "Name the directory that was given to rescue fix --journal.")

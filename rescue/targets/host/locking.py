"""One fix of a target at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rescue.targets.protocol import TargetBusy, TargetError


@contextmanager
def locked(identity: str, name: str) -> Iterator[None]:
    """Hold the lock of the target with this `identity` ("device-inode"). Raises TargetBusy if another process does.

    The lock is flock(2)'s, on an empty file on this machine, never on the target: it goes with the process.
    """
    path = run_directory() / f"{identity}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise TargetError(f"can't make the lock {path}: {problem.strerror}", "Is there room in /run?") from problem
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TargetBusy(
                f"another rescue is changing {name} right now", "Wait until it ends, or stop it, and try again."
            ) from None
        yield
    finally:
        os.close(descriptor)


def run_directory() -> Path:
    """This user's private directory for data that lasts until the next boot. Raises TargetError if it is not ours."""
    own = os.geteuid()
    path = Path("/run/rescue") if own == 0 else Path(tempfile.gettempdir()) / f"rescue-{own}"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        path = Path(tempfile.gettempdir()) / f"rescue-{own}"
        path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != own:
        raise TargetError(f"{path} belongs to somebody else", f"Remove it, and try again: rm {path}")
    return path

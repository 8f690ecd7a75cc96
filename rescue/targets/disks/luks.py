"""Encrypted volumes (LUKS): the passphrase, and opening them by this machine's kernel (dm-crypt).

Volumes are opened read-only unless they are to be written to, and closed with the rest; after a kill -9, by
``rescue umount``. Source: cryptsetup-open(8).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from rescue.targets.disks.sources import Piece
from rescue.targets.host.device_mapper import has_device_mapper
from rescue.targets.host.resources import ProgramError, Resources, run
from rescue.targets.opening import Opening
from rescue.targets.protocol import TargetError

TRIES = 3


def unlock(name: str, opening: Opening, attempt: Callable[[bytes], None], refused: type[Exception]) -> None:
    """Call `attempt` with the passphrase of the volume `name` until it takes it; it raises `refused` if not.

    Raises TargetError where none is taken.
    """
    last: Exception | None = None
    for number in range(TRIES if opening.asks else 1):
        key = opening.passphrase(name, number > 0)
        # A passphrase in a file usually ends with a newline that is not part of it; in a key, it may be.
        for form in dict.fromkeys((key, key.removesuffix(b"\n"))):
            try:
                attempt(form)
            except refused as problem:
                last = problem
                continue
            return
    raise TargetError(
        f"the passphrase of {name} is wrong, or it can't be opened: {str(last).rpartition(': ')[2]}",
        "Use the one that the server asks for at boot.",
    ) from last


def can_open() -> bool:
    """Whether this machine has cryptsetup(8), and device-mapper in its kernel."""
    return shutil.which("cryptsetup") is not None and has_device_mapper()


def opened(
    resources: Resources, name: str, uuid: str, pieces: Sequence[Piece], node: Path | None, opening: Opening, *,
    write: bool,
) -> Path:  # fmt: skip
    """The device of what is in an encrypted volume, until `resources` is closed.

    name, uuid: the volume's. pieces, node: where it lies, and its own device, if it has one. Raises TargetError.
    """
    (piece,) = pieces
    if node is not None and write:
        device = node
    elif write:
        device = resources.loop(piece.source.writable(resources), piece.start, piece.size)
    else:
        # Not even a header that calls for repair is written to through a read-only loop device.
        path = piece.source.readable()
        device = resources.loop(path, piece.start, piece.size, read_only=True)
    mapped = f"rescue-luks-{uuid[:8]}-{os.getpid()}"
    resources.mapped(mapped)
    words = ["cryptsetup", "open", "--type", "luks", "--key-file", "-", *([] if write else ["--readonly"])]
    unlock(name, opening, lambda key: _tried([*words, "--", str(device), mapped], key), ProgramError)
    return Path("/dev/mapper") / mapped


def _tried(words: Sequence[str], key: bytes) -> None:
    run(*words, given=key)

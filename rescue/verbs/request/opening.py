"""How the options say that a disk or an image is to be opened; the passphrase of an encrypted one."""

from __future__ import annotations

import sys
from pathlib import Path

from rescue.errors import UsageError
from rescue.targets.opening import Opening, no_passphrase
from rescue.text.safe import safe
from rescue.ui.prompts import is_terminal, passphrase
from rescue.verbs.request.request import OpeningOptions

_KEY_LIMIT = 8 << 20
"""Bytes of a key file that are read, as by cryptsetup(8)."""

_typed: dict[str, bytes] = {}
"""What was typed for each volume: a fix opens it twice, and asks once. It goes with the process."""


def opening_of(options: OpeningOptions) -> Opening:
    """The opening that the options describe, but for the backend and the root.

    Raises UsageError where the key file can't be read.
    """
    disks = tuple(Path(disk) for disk in options.disks)
    made = Opening(disks=disks, format=options.format, allow_backing=options.allow_backing)
    if options.key_file is not None:
        key = _read(options.key_file)
        return Opening(
            disks=disks, format=made.format, allow_backing=made.allow_backing, passphrase=lambda name, again: key
        )
    asks = is_terminal(sys.stdin)
    return Opening(
        disks=disks, format=made.format, allow_backing=made.allow_backing,
        passphrase=_asked if asks else no_passphrase, asks=asks,
    )  # fmt: skip


def _read(name: str) -> bytes:
    try:
        with Path(name).expanduser().open("rb") as stream:
            key = stream.read(_KEY_LIMIT)
    except OSError as problem:
        raise UsageError(
            f"--key-file {name}: {problem.strerror}", "It is a file with the passphrase of the disk in it."
        ) from problem
    if not key.strip(b"\n"):
        raise UsageError(f"--key-file {name} is empty", "It is a file with the passphrase of the disk in it.")
    return key


def _asked(name: str, again: bool) -> bytes:
    """The passphrase, typed without being shown."""
    if again or name not in _typed:
        if again:
            print("That was not it.", file=sys.stderr)
        _typed[name] = passphrase(f"Passphrase of {safe(name)} (not shown): ").encode("utf-8", "surrogateescape")
    return _typed[name]

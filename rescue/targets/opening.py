"""How to open a disk or an image: the user's options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rescue.targets.protocol import TargetError

BACKENDS = ("auto", "kernel", "guestfs")


def no_passphrase(name: str, again: bool) -> bytes:
    """The error if no key file was given and nobody can be asked."""
    raise TargetError(
        f"{name} is encrypted, and there is no terminal on which to ask for its passphrase",
        "Put the passphrase in a file, and add --key-file FILE.",
    )


@dataclass(frozen=True, slots=True)
class Opening:
    """backend: who reads it. root: which of its file systems is the server's root, where there are several.

    disks: the same server's other disks. format: that of image files ("qcow2"); None to tell it from the file.
    allow_backing: an image may have backing files. passphrase: asked with the name of an encrypted volume (LUKS), and
    whether the last answer was wrong. asks: a person answers, who may mistype.
    """

    backend: str = "auto"
    root: str | None = None
    disks: tuple[Path, ...] = ()
    format: str | None = None
    allow_backing: bool = False
    passphrase: Callable[[str, bool], bytes] = no_passphrase
    asks: bool = False

    @property
    def has_key(self) -> bool:
        """Whether a passphrase was given, so that nobody has to be asked."""
        return not self.asks and self.passphrase is not no_passphrase

"""What this rescue system knows of the person who sits at it. Each is a guess, to be confirmed by them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from rescue.keys.authorized_keys import AuthorizedKey, parse_keys
from rescue.text.safe import safe
from rescue.verbs.request.client import source_of

MOST = 5
"""Keys that are offered."""
LIMIT = 64 << 10


def address(environment: Mapping[str, str] = os.environ) -> str | None:
    """The address from which this SSH session came (sshd(8): SSH_CONNECTION); None where it is not one."""
    first = environment.get("SSH_CONNECTION", "").split(" ")[0]
    try:
        return str(source_of(first))
    except ValueError:
        return None


def keys(home: Path | None = None) -> tuple[AuthorizedKey, ...]:
    """The keys that open this rescue system: providers put the customer's there."""
    path = (home or Path("~").expanduser()) / ".ssh/authorized_keys"
    try:
        with path.open("rb") as stream:
            text = stream.read(LIMIT).decode("utf-8", "replace")
    except OSError:
        return ()
    found = [line.key for line in parse_keys(text, PurePosixPath(safe(str(path)))) if line.key is not None]
    return tuple(found[:MOST])

"""The last inspection, remembered on this machine, so that ``rescue fix 3`` needs no path to be typed again.

It holds names and options only, in /run (gone after a reboot), readable by its owner alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Recalled:
    """A target and the options it was inspected with."""

    target: str
    options: dict[str, object]


REMEMBERED = ("user", "sources", "port", "key", "backend", "root")


def remember(target: str, options: dict[str, object]) -> None:
    """Keep the target's name. Failing to is no fault: the person types it again."""
    where = Path(target)
    kept = {name: options.get(name) for name in REMEMBERED}
    text = json.dumps({"target": str(where.absolute()) if where.exists() else target, "options": kept})
    path = _path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
    except OSError:
        return


def recall() -> Recalled | None:
    """The last inspection, or None."""
    try:
        found = json.loads(_path().read_text())
        return Recalled(str(found["target"]), dict(found["options"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path() -> Path:
    if os.geteuid() == 0:
        return Path("/run/rescue/last.json")
    return Path(os.environ.get("XDG_RUNTIME_DIR") or Path.home() / ".cache") / "rescue" / "last.json"

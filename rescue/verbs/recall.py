"""The last target, remembered on this machine, so that ``rescue fix 3`` and ``rescue undo`` need no path again.

It holds names and options only, in /run (gone after a reboot), readable by its owner alone.
"""

from __future__ import annotations

import json
import os
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from rescue.verbs.session import Session, UsageError, session_of


@dataclass(frozen=True, slots=True)
class Recalled:
    """A target and the options it was inspected with."""

    target: str
    options: dict[str, object]


REMEMBERED = (
    "user", "sources", "port", "key", "backend", "root", "disks", "key_file", "format", "allow_backing",
)  # fmt: skip


def remember(target: str, options: dict[str, object]) -> None:
    """Keep the target's name. Failing to is no fault: the person types it again."""
    where = Path(target)
    kept = {name: options.get(name) for name in REMEMBERED}
    kept["key"] = kept["key"] or options.get("add_key")
    if isinstance(key := kept["key"], str):
        kept["key"] = str(Path(key).expanduser().absolute())
    if isinstance(passphrase := kept["key_file"], str):
        kept["key_file"] = str(Path(passphrase).expanduser().absolute())
    if isinstance(disks := kept["disks"], list):
        kept["disks"] = [str(Path(disk).absolute()) for disk in disks]
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
    """The target inspected last, or None."""
    try:
        found = json.loads(_path().read_text())
        options = dict(found["options"])
        return Recalled(
            str(found["target"]), {name: options[name] for name in REMEMBERED if options.get(name) is not None}
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def resolved(session: Session, spec: str | None) -> tuple[Session, str]:
    """The target named, or else the one inspected last, with the options that it was inspected with.

    An option that is given now counts before a remembered one. Raises UsageError where there is neither.
    """
    if spec is not None:
        return session, spec
    last = recall()
    if last is None:
        verb = session.options.verb
        raise UsageError("which target?", f"Name it: rescue {verb} TARGET. `rescue disks` shows what is here.")
    given = {name: value for name, value in vars(session.options).items() if value not in (None, [], "auto")}
    known = {name: value for name, value in last.options.items() if name != "key" or "add_key" not in given}
    made = session_of(Namespace(**{**vars(session.options), **known, **given}))
    made.progress(f"the target inspected last: {last.target}")
    return made, last.target


def _path() -> Path:
    if os.geteuid() == 0:
        return Path("/run/rescue/last.json")
    return Path(os.environ.get("XDG_RUNTIME_DIR") or Path.home() / ".cache") / "rescue" / "last.json"

"""Which target is meant where none is named: the last one, or the only server that is found on this machine.

The last one is remembered, so that ``rescue fix 3`` and ``rescue undo`` need no path again: names and options only, in
/run (gone after a reboot), readable by its owner alone.
"""

from __future__ import annotations

import json
import os
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from rescue.errors import UsageError
from rescue.targets.host_disks import find_disks
from rescue.targets.protocol import TargetError
from rescue.ui.report import command
from rescue.verbs.request.session import Session, session_of


@dataclass(frozen=True, slots=True)
class Recalled:
    """A target and the options it was inspected with."""

    target: str
    options: dict[str, object]


MOST_LISTED = 6
"""Servers that a message names."""

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

    An option that is given now counts before a remembered one. Without either the only server found on this machine is
    taken, if nothing is written unasked. Raises UsageError where there is none or more than one.
    """
    if spec is not None:
        return session, spec
    last = recall()
    if last is None:
        return _only_one(session)
    given = {name: value for name, value in vars(session.options).items() if value not in (None, [], "auto")}
    known = {name: value for name, value in last.options.items() if name != "key" or "add_key" not in given}
    made = session_of(Namespace(**{**vars(session.options), **known, **given}))
    made.progress(f"the target inspected last: {last.target}")
    return made, last.target


_WRITING = frozenset({"undo", "mount", "shell"})
"""Verbs that write, or let others write, without asking: they take no server that nobody has named."""


def _only_one(session: Session) -> tuple[Session, str]:
    """The only server on this machine's disks, but the system that runs. Raises UsageError that says what to type."""
    options = session.options
    session.progress("no target is named: looking for a server on the disks of this machine")
    try:
        here = [words[2:] for disk in find_disks() if not disk.is_own for words in disk.next_commands]
        unseen = ""
    except (TargetError, OSError, ValueError) as problem:
        here, unseen = [], f" The disks can't be listed: {problem}."
    writes = options.verb in _WRITING or bool(getattr(options, "yes", False))
    if len(here) == 1 and not writes:
        target, *more = here[0]
        session.progress(f"the only server found here: {target}")
        if more and options.root is None:
            session = session_of(Namespace(**{**vars(options), "root": more[-1]}))
        return session, target
    verb = options.verb
    if here:
        listed = ", or: ".join(command(verb, *words) for words in here[:MOST_LISTED])
        found = "one server is here" if len(here) == 1 else f"{len(here)} servers are here"
        raise UsageError(f"which target? {found}", f"Type: {listed}")
    raise UsageError(
        "which target? No server's disk was found on this machine",
        f"Name a disk, an image or a folder behind {command(verb)}; / is the system that runs here: "
        f"{command(verb, '/')}.{unseen} What is here: {command('disks')}",
    )


def _path() -> Path:
    if os.geteuid() == 0:
        return Path("/run/rescue/last.json")
    return Path(os.environ.get("XDG_RUNTIME_DIR") or Path.home() / ".cache") / "rescue" / "last.json"

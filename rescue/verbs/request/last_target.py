"""Which target is meant where none is named: the last one, or the only server that is found on this machine.

The last one is remembered, so that ``rescue fix 3`` and ``rescue undo`` need no path again: names and options only, in
/run (gone after a reboot), readable by its owner alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from rescue.errors import UsageError
from rescue.targets.host_disks import find_disks
from rescue.targets.protocol import TargetError
from rescue.ui.report import command
from rescue.verbs.request.client import ClientOptions
from rescue.verbs.request.public_key import is_pasted
from rescue.verbs.request.request import OpeningOptions, Request
from rescue.verbs.request.session import Session

Options = TypeVar("Options", ClientOptions, OpeningOptions)


@dataclass(frozen=True, slots=True)
class Recalled:
    """A target and the options it was inspected with."""

    target: str
    who: ClientOptions
    opening: OpeningOptions


MOST_LISTED = 6
"""Servers that a message names."""


def remember(request: Request) -> None:
    """Keep the target and how it was looked at. Failing to is no fault: the person types it again."""
    if request.spec is None:
        return
    where = Path(request.spec)
    opening = request.opening
    who = replace(
        request.who,
        key=_key(request.who.key or request.who.add_key),
        add_key=None,
        console=_whole(request.who.console),
    )
    opening = replace(
        opening, key_file=_whole(opening.key_file), disks=tuple(str(Path(disk).absolute()) for disk in opening.disks)
    )
    target = str(where.absolute()) if where.exists() else request.spec
    text = json.dumps({"target": target, "options": asdict(who) | asdict(opening)})
    path = _path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
    except OSError:
        return


def _key(words: str | None) -> str | None:
    """A key's file; the key itself where it was pasted."""
    return words if words is not None and is_pasted(words) else _whole(words)


def _whole(name: str | None) -> str | None:
    return str(Path(name).expanduser().absolute()) if name is not None else None


def recall() -> Recalled | None:
    """The target inspected last, or None."""
    try:
        found = json.loads(_path().read_text())
        options = dict(found["options"])
        who = replace(_read(ClientOptions(), options), add_key=None)
        return Recalled(str(found["target"]), who, _read(OpeningOptions(), options))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(default: Options, found: dict[str, object]) -> Options:
    """The options that are in the file, for those of `default`. Raises ValueError for what can't be one's value."""
    made: dict[str, Any] = {}
    for each in fields(default):
        value, usual = found.get(each.name), getattr(default, each.name)
        if value is None:
            continue
        kind = _KINDS.get(each.name, str)
        if isinstance(usual, tuple):
            if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
                raise ValueError(each.name)
            made[each.name] = tuple(value)
        elif type(value) is kind:
            made[each.name] = value
        else:
            raise ValueError(each.name)
    return replace(default, **made)


_KINDS: dict[str, type] = {"port": int, "allow_backing": bool, "by_password": bool}
"""Of the values that are no words."""


def resolved(session: Session) -> str:
    """The target that the session is about, after its request was completed. Raises UsageError: see `completed`."""
    session.request, spec = completed(session.request, session.progress)
    return spec


def completed(request: Request, progress: Callable[[str], None]) -> tuple[Request, str]:
    """The target named, or else the one inspected last, with the options that it was inspected with.

    An option that is given now counts before a remembered one. Without either the only server found on this machine is
    taken, if nothing is written unasked. Raises UsageError where there is none or more than one.
    """
    if request.spec is not None:
        return request, request.spec
    last = recall()
    if last is None:
        return _only_one(request, progress)
    known = last.who if request.who.add_key is None else replace(last.who, key=None)
    made = replace(request, spec=last.target, opening=_filled(request.opening, last.opening))
    made = made.known_as(_filled(request.who, known))
    progress(f"the target inspected last: {last.target}")
    return made, last.target


def _filled(given: Options, known: Options) -> Options:
    """What is given, and what is known where nothing is."""
    left = {each.name: getattr(known, each.name) for each in fields(given) if getattr(given, each.name) == each.default}
    return replace(given, **left)


_WRITING = frozenset({"undo", "mount", "shell"})
"""Verbs that write, or let others write, without asking: they take no server that nobody has named."""


def _only_one(request: Request, progress: Callable[[str], None]) -> tuple[Request, str]:
    """The only server on this machine's disks, but the system that runs. Raises UsageError that says what to type."""
    verb = request.verb
    progress("no target is named: looking for a server on the disks of this machine")
    try:
        here = [words[2:] for disk in find_disks() if not disk.is_own for words in disk.next_commands]
        unseen = ""
    except (TargetError, OSError, ValueError) as problem:
        here, unseen = [], f" The disks can't be listed: {problem}."
    writes = verb in _WRITING or request.unattended
    if len(here) == 1 and not writes:
        target, *more = here[0]
        progress(f"the only server found here: {target}")
        if more and request.opening.root is None:
            request = request.opened(root=more[-1])
        return replace(request, spec=target), target
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

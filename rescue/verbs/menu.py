"""``rescue`` alone: the guided way. Every answer is a digit and Enter."""

from __future__ import annotations

from argparse import Namespace

from rescue.status import Status
from rescue.target.disks import Disk, find_disks
from rescue.target.protocol import TargetError
from rescue.ui.prompts import Cancelled, Nobody, NobodyToAsk
from rescue.verbs import explain, fix, history, inspect, undo
from rescue.verbs.session import Session, UsageError, session_of
from rescue.words.numbers import size
from rescue.words.text import safe

DEFAULTS: dict[str, object] = {
    "all": False,
    "html": None,
    "yes": False,
    "unsafe": False,
    "only": [],
    "dry_run": False,
    "journal": None,
    "id": None,
}
"""The options that a verb's own command line would have set."""


def run(session: Session) -> Status:
    """Ask for a target, inspect it, and offer what makes sense, until the person leaves."""
    if isinstance(session.asker, Nobody):
        raise NobodyToAsk("menu")
    session.report.line("Locked out? Let us see what keeps you out. Nothing is changed without asking.", "bold")
    session.report.line()
    options = Namespace(**{**DEFAULTS, **vars(session.options)})
    options.target = _target(session)
    status = _inspect(options)
    while True:
        taken = session.asker.choose(
            "What now?",
            [
                "repair it (every change is shown first)",
                "say who wants in (user, address), and inspect again",
                "explain a cause",
                "take a fix back",
                "list the fixes that were made",
                "another server or disk",
                "leave",
            ],
        )
        if taken == 6:
            return status
        try:
            status = _do(taken, session, options, status)
        except Cancelled:
            session.report.line("Nothing was changed.")
        except (TargetError, UsageError) as problem:
            session.report.problem(str(problem), problem.hint)


def _do(taken: int, session: Session, options: Namespace, status: Status) -> Status:
    """One choice of the menu; gives the status that the program will end with."""
    if taken == 0:
        return fix.run(session_of(_with(options, what=[options.target])))
    if taken == 1:
        options.user = session.asker.text("User name (Enter: anybody):") or None
        address = session.asker.text("Your public address (Enter: any):")
        options.sources = [address] if address else []
        return _inspect(options)
    if taken == 2:
        cause = session.asker.text("Which cause (Enter: list them)?") or None
        explain.run(session_of(_with(options, cause=cause)))
    if taken == 3:
        return undo.run(session_of(options))
    if taken == 4:
        history.run(session_of(options))
    if taken == 5:
        options.target = _target(session)
        return _inspect(options)
    return status


def _with(options: Namespace, **more: object) -> Namespace:
    return Namespace(**{**vars(options), **more})


def _inspect(options: Namespace) -> Status:
    return inspect.run(session_of(options))


def _target(session: Session) -> str:
    """The target that the person chooses from what is here."""
    found = [disk for disk in find_disks() if disk.is_root and not disk.is_own]
    options = [f"{disk.path}  {_words(disk)}" for disk in found]
    taken = session.asker.choose(
        "Which server?", [*options, "the system that runs here (/)", "an image file, device or directory: type it"]
    )
    if taken < len(found):
        return str(found[taken].path)
    return "/" if taken == len(found) else session.asker.text("Path:")


def _words(disk: Disk) -> str:
    name = disk.release or "Linux"
    return safe(f"{name}{f' on {disk.hostname}' if disk.hostname else ''}, {size(disk.size)}")

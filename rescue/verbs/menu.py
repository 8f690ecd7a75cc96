"""``rescue`` alone: the guided way. A digit and Enter answer each question; a path or a name is typed where need be."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from rescue.errors import RescueError
from rescue.status import Status
from rescue.targets.host_disks import Disk, find_disks
from rescue.targets.protocol import TargetError
from rescue.text.numbers import natural, size
from rescue.text.safe import safe
from rescue.ui.prompts import Cancellation, Leaving, NobodyToAsk, NoTerminal
from rescue.verbs import explain, fix, history, inspect, menu_extras, undo
from rescue.verbs.failures import failure
from rescue.verbs.request import guesses
from rescue.verbs.request.options import (
    ExplainOptions,
    FixOptions,
    HistoryOptions,
    InspectOptions,
    NoOptions,
    UndoOptions,
)
from rescue.verbs.request.request import Request
from rescue.verbs.request.session import Session

ROOM = 24 - 11
"""Lines of a screen that the menu leaves to a summary."""


def run(session: Session, options: NoOptions) -> Status:
    """Ask for a target, inspect it, and offer what makes sense, until the person leaves."""
    if isinstance(session.asker, NoTerminal):
        raise NobodyToAsk("menu")
    session.report.line("Locked out? Let us see what keeps you out. Nothing is changed without asking.", "bold")
    session.report.line()
    menu = Menu(session)
    while menu.status is None:
        menu.tried(Menu.another)
    choices = list(Menu.CHOICES)
    while True:
        try:
            taken = session.asker.choose("What now?", [*choices, "leave"])
        except Leaving:
            return menu.status
        except Cancellation:
            raise KeyboardInterrupt from None  # it may be that something was changed before
        if taken == len(choices):
            return menu.status
        menu.tried(Menu.CHOICES[choices[taken]])


class Menu:
    """What the person may choose, and what is known so far: the request, and the status of the last inspection."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.request = session.request
        self.status: Status | None = None

    def tried(self, choice: Callable[[Menu], None]) -> None:
        """One choice done. What fails is told, and the menu goes on."""
        try:
            choice(self)
        except Cancellation:
            if self.status is None:
                raise  # nothing was inspected yet: whoever leaves here leaves it all
            self.session.report.line("Nothing was changed.")
        except (RescueError, OSError) as problem:
            told = failure(problem)
            self.session.report.problem(told.message, told.hint)
        self.session.report.line()

    def repair(self) -> None:
        self.status = fix.run(self._asking(), FixOptions())

    def who(self) -> None:
        """Ask for user, address and key. What this system knows is a guess, and taken only where it is confirmed."""
        asker, report = self.session.asker, self.session.report
        user = asker.text("User name (Enter: root and all users with keys):") or None
        guess = guesses.address()
        if guess is not None:
            report.line(f"1  {guess}: you reached this system from there")
        address = asker.text("Your public address (Enter: any):")
        address = guess if guess is not None and address == "1" else address
        keys = guesses.keys() if self.request.spec != "/" else ()
        for number, each in enumerate(keys, 1):
            report.line(f"{number}  {each.fingerprint} {safe(each.comment)}: it opens this rescue system".rstrip())
        key = asker.text("Your public key, pasted or its file (Enter: not checked):") or None
        taken = natural(key) if key is not None else None
        if taken is not None and 1 <= taken <= len(keys):
            key = keys[taken - 1].public
        who = replace(self.request.who, user=user, sources=(address,) if address else (), key=key, add_key=None)
        self._inspect(self.request.known_as(who))

    def explain(self) -> None:
        cause = self.session.asker.text("Which cause (Enter: list them)?") or None
        about = self.request if cause == explain.SSHD else replace(self.request, spec=None)
        explain.run(self.session.asking_for(about), ExplainOptions(cause))

    def undo(self) -> None:
        undo.run(self._asking(), UndoOptions())
        self._inspect(self.request)

    def history(self) -> None:
        history.run(self._asking(), HistoryOptions())

    def another(self) -> None:
        target, root = _target(self.session)
        opening = replace(self.request.opening, root=root)
        self._inspect(replace(self.request, spec=target, opening=opening))

    def more(self) -> None:
        ways = menu_extras.ways(self.request.spec or "")
        taken = self.session.asker.choose("More:", [*(each.title for each in ways), "back"])
        if taken == len(ways):
            return
        ways[taken].run(self._asking())
        if ways[taken].changes:
            self._inspect(self.request)

    CHOICES: ClassVar[dict[str, Callable[[Menu], None]]] = {
        "repair it (every change is shown first)": repair,
        "set user, address and key, then check again": who,
        "explain a cause": explain,
        "undo the last fix": undo,
        "list the fixes that were made": history,
        "another server or disk": another,
        "more: the firewall, the disk's room, repairs by hand, a support bundle": more,
    }

    def _inspect(self, request: Request) -> None:
        """Inspect what `request` is about, and keep it if that can be done."""
        session = self.session.asking_for(request)
        self.status = inspect.run(session, InspectOptions(), room=ROOM)
        self.request = session.request

    def _asking(self) -> Session:
        return self.session.asking_for(self.request)


def _target(session: Session) -> tuple[str, str | None]:
    """The target that the person chooses from what is here, and which root of it."""
    try:
        found = [(disk, words) for disk in find_disks() if not disk.is_own for words in disk.next_commands]
    except TargetError as problem:
        session.report.line(f"The disks can't be listed: {safe(str(problem))}", "yellow")
        found = []
    options = [f"{safe(disk.path)}  {_words(disk, number)}" for number, disk in _numbered([each for each, _ in found])]
    taken = session.asker.choose(
        "Which server?", [*options, "the system that runs here (/)", "an image file, device or directory: type it"]
    )
    if taken < len(found):
        disk, words = found[taken]
        return disk.path, words[4] if len(words) > 4 else None
    if taken == len(found):
        return "/", None
    return os.path.expanduser(session.asker.text("Path:")), None  # noqa: PTH111 - "" stays ""


def _numbered(disks: list[Disk]) -> list[tuple[int, Disk]]:
    """Each disk with how often it was there before: its first root, its second one."""
    return [(disks[:at].count(disk), disk) for at, disk in enumerate(disks)]


def _words(disk: Disk, number: int) -> str:
    root = disk.roots[number]
    name = root.release or "Linux"
    return safe(f"{name}{f' on {root.hostname}' if root.hostname else ''}, {size(disk.size)}")

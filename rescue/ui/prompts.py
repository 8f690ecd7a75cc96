"""One place asks. Every question can be answered with a digit and Enter, so that it works at any console.

On a terminal that understands cursor movement the questions are questionary's; on a dumb line they are plain ones
read with input(). Without a terminal nothing is asked at all: a default is never taken from a pipe.

Consent is never taken from the keyboard's buffer: what was typed before a question stands there is dropped, as nobody
can have meant it as an answer. Writing takes more than a key: the word "yes", typed.
"""

from __future__ import annotations

import os
import shutil
import sys
import termios
from collections.abc import Sequence
from contextlib import suppress
from getpass import getpass
from textwrap import wrap
from typing import TYPE_CHECKING, Protocol, TextIO

from rescue.errors import RescueError, UsageError
from rescue.status import Status
from rescue.text.numbers import natural

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

WIDTH = 80
"""Columns for which a question is wrapped; fewer on a narrower terminal."""


class Cancellation(RescueError):
    """The person said no to going on (Ctrl-C, Ctrl-D)."""

    status = Status.CANCELLED

    def __init__(self) -> None:
        super().__init__("cancelled; nothing was changed")


class Leaving(Cancellation):
    """The person left a list of choices with 0 or q: one step back, or out."""


LEAVES = ("0", "q")
"""What leaves a list of choices, wherever it is."""


class NobodyToAsk(UsageError):
    """A question is due and there is no terminal."""

    def __init__(self, question: str) -> None:
        super().__init__(
            "there is no terminal to ask on", "Add --yes to take every safe repair, or --dry-run to see the changes."
        )
        self.question = question


class Asker(Protocol):
    """Asks one question at a time."""

    def choose(self, question: str, options: Sequence[str], *, preselected: int = 0) -> int:
        """The index of the option taken. preselected: the one that Enter alone takes, where it takes any.

        Raises Leaving where the answer is 0 or q, Cancellation, NobodyToAsk.
        """

    def confirm(self, question: str) -> bool:
        """Whether the person agrees, by typing the word "yes". Raises Cancellation, NobodyToAsk."""

    def text(self, question: str) -> str:
        """A line of text, stripped. Raises Cancellation, NobodyToAsk."""


class NoTerminal:
    """Stands where no terminal is."""

    def choose(self, question: str, options: Sequence[str], *, preselected: int = 0) -> int:
        raise NobodyToAsk(question)

    def confirm(self, question: str) -> bool:
        raise NobodyToAsk(question)

    def text(self, question: str) -> str:
        raise NobodyToAsk(question)


class Plain:
    """Questions for a line that only prints and reads: a serial console, TERM=dumb. Enter alone takes nothing."""

    def choose(self, question: str, options: Sequence[str], *, preselected: int = 0) -> int:
        drop_typed_ahead()
        for line in _wrapped(question):
            print(line)
        for number, option in enumerate(options, 1):
            for line in _wrapped(option, f"{number:>3} "):
                print(line)
        while True:
            answer = self._line(f"1-{len(options)}: ")
            if answer.lower() in LEAVES:
                raise Leaving
            taken = natural(answer)
            if taken is not None and 1 <= taken <= len(options):
                return taken - 1
            print(f"Type a number from 1 to {len(options)} and Enter; 0 leaves.")

    def confirm(self, question: str) -> bool:
        drop_typed_ahead()
        for line in _wrapped(question):
            print(line)
        while True:
            answer = self._line("Type yes and Enter, or no: ").lower()
            if answer in ("yes", "no", "n"):
                return answer == "yes"
            print("The word yes goes on; no leaves everything as it is.")

    def text(self, question: str) -> str:
        drop_typed_ahead()
        return self._line(f"{question} ")

    @staticmethod
    def _line(prompt: str) -> str:
        try:
            return input(prompt).strip()
        except (EOFError, KeyboardInterrupt) as problem:
            print()
            raise Cancellation from problem


class Questionary:
    """Menus on a real terminal: the digit of the option, or the arrow keys, and Enter.

    color: false for a menu without any, whatever the terminal can.
    """

    def __init__(self, *, color: bool = True) -> None:
        self._color = color

    def choose(self, question: str, options: Sequence[str], *, preselected: int = 0) -> int:
        # Asking for the cursor's position confuses consoles that can't answer, and gains nothing here.
        os.environ["PROMPT_TOOLKIT_NO_CPR"] = "1"
        import questionary
        from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
        from prompt_toolkit.output import ColorDepth

        shortcuts = "123456789abcdefghilmnoprstuvwxyz"
        if len(options) > len(shortcuts):
            return Plain().choose(question, options)
        choices = [
            # Wrapped here, as the terminal would break lines in the middle of a word.
            questionary.Choice("\n      ".join(_wrapped(option, room=7)), number, shortcut_key=shortcuts[number])
            for number, option in enumerate(options)
        ]
        asked = questionary.select(
            "\n  ".join(_wrapped(question, room=28)),
            choices=choices,
            default=choices[preselected],
            use_shortcuts=True,
            use_jk_keys=False,
            instruction="(digit, Enter; 0: leave)",
            qmark="?",
            pointer=">",
            erase_when_done=True,
            color_depth=None if self._color else ColorDepth.DEPTH_1_BIT,
        )
        _deaf_until_drawn(asked.application)
        leaving = KeyBindings()
        leaving.add("c-d")(lambda event: event.app.exit(exception=EOFError))
        for key in LEAVES:
            leaving.add(key)(lambda event: event.app.exit(exception=Leaving()))
        asked.application.key_bindings = merge_key_bindings([asked.application.key_bindings or KeyBindings(), leaving])
        try:
            answer = int(asked.unsafe_ask())
        except (EOFError, KeyboardInterrupt) as problem:
            raise Cancellation from problem
        for line in _wrapped(options[answer], f"{question} "):
            print(line)
        return answer

    def confirm(self, question: str) -> bool:
        return Plain().confirm(question)

    def text(self, question: str) -> str:
        return Plain().text(question)


def drop_typed_ahead() -> None:
    """Forget the keys that were typed before the question is asked. What was printed so far is on the screen then."""
    sys.stdout.flush()
    with suppress(termios.error):  # no terminal, which nobody types on
        termios.tcdrain(1)
    _drop(0)


def _drop(descriptor: int) -> None:
    with suppress(termios.error):
        termios.tcflush(descriptor, termios.TCIFLUSH)


def _deaf_until_drawn(application: Application[object]) -> None:
    """Drop what was typed before the menu is drawn: in the terminal, and what another menu has read and left over."""
    from prompt_toolkit.input.typeahead import clear_typeahead

    drawn = False

    def drop(_: Application[object]) -> None:
        # The first drawing comes before the first key is read.
        nonlocal drawn
        if not drawn:
            _drop(0)
        drawn = True

    clear_typeahead(application.input)
    application.before_render += drop


def passphrase(question: str) -> str:
    """A passphrase, typed without being shown. Raises Cancellation."""
    try:
        # getpass asks on the terminal itself, which need not be the standard input.
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        _drop(0)
    else:
        _drop(terminal)
        os.close(terminal)
    try:
        return getpass(question)
    except EOFError as problem:
        raise Cancellation from problem


def _wrapped(text: str, head: str = "", room: int = 0) -> list[str]:
    """`text` behind `head`, in lines that leave `room` columns free; what follows the first is indented by four."""
    width = max(20, min(WIDTH, shutil.get_terminal_size().columns) - room - 1)
    return wrap(head + text, width, subsequent_indent=" " * 4 if head else "", break_on_hyphens=False) or [head]


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody sits at it. A stream may have been closed before the program began."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def asker(*, color: bool = True) -> Asker:
    """The one that suits the terminal."""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        return NoTerminal()
    if os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        return Plain()
    return Questionary(color=color)

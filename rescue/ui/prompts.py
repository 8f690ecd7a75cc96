"""One place asks. Every question can be answered with a digit and Enter, so that it works at any console.

On a terminal that understands cursor movement the questions are questionary's; on a dumb line they are plain ones
read with input(). Without a terminal nothing is asked at all: a default is never taken from a pipe.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from textwrap import wrap
from typing import Protocol

WIDTH = 80
"""Columns for which a question is wrapped; fewer on a narrower terminal."""


class Cancelled(Exception):
    """The person said no to going on (Ctrl-C, Ctrl-D)."""


class NobodyToAsk(Exception):
    """A question is due and there is no terminal."""


class Asker(Protocol):
    """Asks one question at a time."""

    def choose(self, question: str, options: Sequence[str]) -> int:
        """The index of the option taken. Raises Cancelled, NobodyToAsk."""

    def text(self, question: str) -> str:
        """A line of text, stripped. Raises Cancelled, NobodyToAsk."""


class Nobody:
    """Stands where no terminal is."""

    def choose(self, question: str, options: Sequence[str]) -> int:
        raise NobodyToAsk(question)

    def text(self, question: str) -> str:
        raise NobodyToAsk(question)


class Plain:
    """Questions for a line that only prints and reads: a serial console, TERM=dumb."""

    def choose(self, question: str, options: Sequence[str]) -> int:
        for line in _wrapped(question):
            print(line)
        for number, option in enumerate(options, 1):
            for line in _wrapped(option, f"{number:>3} "):
                print(line)
        while True:
            answer = self._line(f"1-{len(options)}: ")
            if answer.isdecimal() and 1 <= int(answer) <= len(options):
                return int(answer) - 1
            print(f"Type a number from 1 to {len(options)} and Enter; Ctrl-C leaves.")

    def text(self, question: str) -> str:
        return self._line(f"{question} ")

    @staticmethod
    def _line(prompt: str) -> str:
        try:
            return input(prompt).strip()
        except (EOFError, KeyboardInterrupt) as problem:
            print()
            raise Cancelled from problem


class Questionary:
    """Menus on a real terminal: the digit of the option, or the arrow keys, and Enter.

    color: false for a menu without any, whatever the terminal can.
    """

    def __init__(self, *, color: bool = True) -> None:
        self._color = color

    def choose(self, question: str, options: Sequence[str]) -> int:
        # Asking for the cursor's position confuses consoles that can't answer, and gains nothing here.
        os.environ["PROMPT_TOOLKIT_NO_CPR"] = "1"
        import questionary
        from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
        from prompt_toolkit.output import ColorDepth

        shortcuts = "123456789abcdefghilmnopqrstuvwxyz"
        if len(options) > len(shortcuts):
            return Plain().choose(question, options)
        choices = [
            # Wrapped here, as the terminal would break lines in the middle of a word.
            questionary.Choice("\n      ".join(_wrapped(option, room=7)), number, shortcut_key=shortcuts[number])
            for number, option in enumerate(options)
        ]
        asked = questionary.select(
            "\n  ".join(_wrapped(question, room=18)),
            choices=choices,
            use_shortcuts=True,
            use_jk_keys=False,
            instruction="(digit, Enter)",
            qmark="?",
            pointer=">",
            erase_when_done=True,
            color_depth=None if self._color else ColorDepth.DEPTH_1_BIT,
        )
        leaving = KeyBindings()
        leaving.add("c-d")(lambda event: event.app.exit(exception=EOFError))
        asked.application.key_bindings = merge_key_bindings([asked.application.key_bindings or KeyBindings(), leaving])
        try:
            answer = int(asked.unsafe_ask())
        except (EOFError, KeyboardInterrupt) as problem:
            raise Cancelled from problem
        for line in _wrapped(options[answer], f"{question} "):
            print(line)
        return answer

    def text(self, question: str) -> str:
        return Plain().text(question)


def _wrapped(text: str, head: str = "", room: int = 0) -> list[str]:
    """`text` behind `head`, in lines that leave `room` columns free; what follows the first is indented by four."""
    width = max(20, min(WIDTH, shutil.get_terminal_size().columns) - room - 1)
    return wrap(head + text, width, subsequent_indent=" " * 4 if head else "", break_on_hyphens=False) or [head]


def asker(*, color: bool = True) -> Asker:
    """The one that suits the terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Nobody()
    if os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        return Plain()
    return Questionary(color=color)

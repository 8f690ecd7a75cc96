"""One place asks. Every question can be answered with a digit and Enter, so that it works at any console.

On a terminal that understands cursor movement the questions are questionary's; on a dumb line they are plain ones
read with input(). Without a terminal nothing is asked at all: a default is never taken from a pipe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Protocol


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
        print(question)
        for number, option in enumerate(options, 1):
            print(f"  {number} {option}")
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
    """Menus on a real terminal: arrows, j and k, or the digit of the option."""

    def choose(self, question: str, options: Sequence[str]) -> int:
        # Asking for the cursor's position confuses consoles that can't answer, and gains nothing here.
        os.environ["PROMPT_TOOLKIT_NO_CPR"] = "1"
        import questionary

        shortcuts = "123456789abcdefghilmnopqrstuvwxyz"
        if len(options) > len(shortcuts):
            return Plain().choose(question, options)
        choices = [
            questionary.Choice(title=option, value=number, shortcut_key=shortcuts[number])
            for number, option in enumerate(options)
        ]
        answer = questionary.select(
            question, choices=choices, use_shortcuts=True, use_jk_keys=False, instruction="(digit, Enter)", qmark=">"
        ).unsafe_ask()
        if answer is None:
            raise Cancelled
        return int(answer)

    def text(self, question: str) -> str:
        return Plain().text(question)


def asker() -> Asker:
    """The one that suits the terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Nobody()
    if os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        return Plain()
    return Questionary()

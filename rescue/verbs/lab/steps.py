"""How far a long step is: a bar where a terminal can show one, lines where somebody reads them later, or nothing."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rescue.text.safe import cut, safe
from rescue.verbs.request.session import Session

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BAR = 16
"""Columns of the bar."""
WORDS = 48
"""Columns of what is being done, beside the bar and the clock."""


class Steps:
    """A `Watcher` for a person. total: the expected number of steps; more do no harm."""

    def __init__(self, session: Session, total: int) -> None:
        self._session = session
        self._total = total
        self._done = -1
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if not self._session.json and not self._session.request.output.quiet and _drawable():
            # Only here: a bar costs more imports than all the rest of the verb.
            from rich.console import Console
            from rich.progress import Progress, TextColumn, TimeElapsedColumn

            plain = self._session.request.output.no_color or "NO_COLOR" in os.environ
            console = Console(file=sys.stderr, no_color=plain or None, highlight=False, emoji=False, markup=False)
            # Of characters that every console has.
            columns = (TextColumn("{task.fields[bar]} {task.description}", markup=False), TimeElapsedColumn())
            self._bar = Progress(*columns, console=console, transient=True, refresh_per_second=4)
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total, bar=_bar(0, self._total))
        return self

    def step(self, words: str) -> None:
        self._done += 1
        if self._bar is None or self._task is None:
            self._session.progress(words)
        else:
            self._total = max(self._total, self._done + 1)
            bar = _bar(self._done, self._total)
            self._bar.update(self._task, bar=bar, description=_short(words))

    def note(self, words: str) -> None:
        if self._bar is None or self._task is None:
            self._session.progress(words)
        else:
            self._bar.update(self._task, description=_short(words))

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _bar(done: int, total: int) -> str:
    filled = BAR * done // total
    return f"[{'#' * filled}{'.' * (BAR - filled)}]"


def _short(words: str) -> str:
    return cut(safe(words), WORDS)


def _drawable() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")

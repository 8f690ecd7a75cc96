"""Ask several questions at once, so that one capture fetches all that is missing. Not an evidence module."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from rescue.tree import NotCaptured, Read

T = TypeVar("T")


def together(questions: Iterable[Callable[[], Iterable[T]]]) -> list[T]:
    """All answers, in order. Raises one `NotCaptured` for everything that is missing."""
    missing: dict[Read, None] = {}
    found: list[T] = []
    for ask in questions:
        try:
            found.extend(ask())
        except NotCaptured as problem:
            missing.update(dict.fromkeys(problem.reads))
    if missing:
        raise NotCaptured(*missing)
    return found

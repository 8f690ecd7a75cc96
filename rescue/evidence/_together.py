"""Several questions asked at once, so that what they miss of the snapshot is captured in one go. No evidence itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from rescue.tree import NotCaptured, Read

T = TypeVar("T")


def together(questions: Iterable[Callable[[], Iterable[T]]]) -> list[T]:
    """The answers to all, in order. Raises one `NotCaptured` for all that are missing."""
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

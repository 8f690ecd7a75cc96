"""Delta debugging: a smallest part of a set of changes that still has an effect (Zeller and Hildebrandt, ddmin)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

MOST_PROBES = 3000
"""How often the effect may be asked for; one takes some milliseconds."""


def minimal(units: Sequence[T], effect: Callable[[Sequence[T]], bool]) -> tuple[T, ...]:
    """A part of `units`, in their order, that has the effect, and of which no single one can be left out.

    `units` as a whole has the effect, none of it has not. Where that takes more than `MOST_PROBES` questions, the part
    that was reached so far.
    """
    kept = list(units)
    parts = 2
    asked = 0
    while len(kept) > 1:
        size = -(-len(kept) // parts)
        chunks = [kept[at : at + size] for at in range(0, len(kept), size)]
        smaller: list[T] | None = None
        for one in chunks if parts == 2 else ():
            asked += 1
            if effect(one):
                smaller, parts = one, 2
                break
        if smaller is None:
            for at in range(len(chunks)):
                rest = [each for number, chunk in enumerate(chunks) if number != at for each in chunk]
                asked += 1
                if effect(rest):
                    smaller, parts = rest, max(2, min(parts - 1, len(rest)))
                    break
                if asked > MOST_PROBES:
                    return tuple(kept)
        if smaller is not None:
            kept = smaller
        elif size == 1:
            break
        else:
            parts = min(len(kept), 2 * parts)
    return tuple(kept)

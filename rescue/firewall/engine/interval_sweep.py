"""Subtract many intervals from a set of addresses, in order, and record what each of them still finds.

This is the work of a chain with thousands of rules that each reject or accept one network. Cutting them out of a list
one by one moves half of the list each time; here each stretch between two boundaries is assigned once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

Span = tuple[int, int]
"""From the first address to the one past the last."""


def paint(bounds: Sequence[int], spans: Sequence[Span]) -> tuple[list[list[int]], list[int]]:
    """For each of `spans`, the boundaries of what it takes from a set, and those of the rest after all of them.

    bounds: those of the set, strictly increasing, of even length, as in `AddressSet`; so are the results.
    """
    marks = sorted({*bounds, *chain.from_iterable(spans)})
    index = {mark: at for at, mark in enumerate(marks)}
    size = len(marks)
    free = bytearray(size)  # whether the stretch that starts at a mark is still in the set
    for at in range(0, len(bounds), 2):
        begin, end = index[bounds[at]], index[bounds[at + 1]]
        free[begin:end] = b"\x01" * (end - begin)
    # Where to look next: at the stretch itself if it is free, else further on (union-find with path compression).
    further = [at if free[at] else at + 1 for at in range(size)]
    further.append(size)
    taken: list[list[int]] = []
    for low, high in spans:
        found: list[int] = []
        end = index[high]
        at = index[low]
        if further[at] != at:
            at = _free(further, at)
        while at < end:
            behind = at + 1
            if found and found[-1] == marks[at]:
                found[-1] = marks[behind]
            else:
                found += (marks[at], marks[behind])
            free[at] = 0
            further[at] = behind
            at = behind if further[behind] == behind else _free(further, behind)
        taken.append(found)
    left: list[int] = []
    for at in range(size):
        if free[at]:
            if left and left[-1] == marks[at]:
                left[-1] = marks[at + 1]
            else:
                left += (marks[at], marks[at + 1])
    return taken, left


def _free(further: list[int], at: int) -> int:
    """The first free stretch from `at` on; the number of stretches if there is none."""
    end = at
    while further[end] != end:
        end = further[end]
    while further[at] != end and at != end:
        further[at], at = end, further[at]
    return end

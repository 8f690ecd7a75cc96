"""Examine a target: capture what the checks declare, and more when one needs it.

What a check reads may depend on what it finds (an Include, a home directory). Then the tree raises `NotCaptured`, and
the work starts again on a larger snapshot: it is pure, so this costs only a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from rescue.examine import Examination, declared_reads, examine
from rescue.model import Client
from rescue.targets.files.capture import LARGE, MAX_LARGE, Budget
from rescue.targets.protocol import Target, TargetError
from rescue.tree import NotCaptured, Read, Tree

T = TypeVar("T")

ROUNDS = 200
"""How often the snapshot may be enlarged: sshd reads at most 16 levels of Include, each of which may ask once."""


def survey(
    target: Target,
    client: Client,
    work: Callable[[Tree, Client], Examination] = examine,
    *,
    again: Tree | None = None,
) -> tuple[Tree, Examination]:
    """Capture `target` and examine it for `client`: returns the snapshot and the result.

    again: an earlier snapshot of it: everything in it is captured again at once, instead of step by step.
    Raises TargetError if the target can't be read, or the requests never end.
    """
    reads = declared_reads() if again is None else again.reads
    return complete(target, target.capture(reads), lambda tree: work(tree, client))


class Captures(Protocol):
    """The part of a target that captures more."""

    def capture(self, reads: Iterable[Read]) -> Tree:
        """See `rescue.targets.protocol.Target.capture`."""


def complete(target: Captures, tree: Tree, work: Callable[[Tree], T]) -> tuple[Tree, T]:
    """Do `work` on `tree`, enlarged from `target` until it holds everything requested: returns the tree and the result.

    Raises TargetError if the target can't be read, or the requests never end.
    """
    for _ in range(ROUNDS):
        try:
            return tree, work(tree)
        except NotCaptured as missing:
            enlarged = tree.merged(target.capture(_bounded(tree, missing.reads)))
            unmet = [read for read in missing.reads if not enlarged.holds(read)]
            if len(unmet) == len(missing.reads):
                # The same request would get the same answer, forever.
                raise _endless(unmet) from missing
            tree = enlarged
    raise _endless(list(missing_of(tree, work)))


def _bounded(tree: Tree, reads: Sequence[Read]) -> Sequence[Read]:
    """`reads`, without large files if the snapshot holds enough of them: each capture counts only its own.

    Raises TargetError if there is more than any server's configuration.
    """
    budget = Budget()
    budget.expect(reads[0].path, len(tree))
    budget.add_bytes(reads[0].path, tree.held)
    if tree.held <= MAX_LARGE:
        return reads
    return [replace(read, limit=min(read.limit, LARGE)) for read in reads]


def missing_of(tree: Tree, work: Callable[[Tree], object]) -> tuple[Read, ...]:
    """What `work` still requests of `tree`; () if nothing."""
    try:
        work(tree)
    except NotCaptured as missing:
        return missing.reads
    return ()


def _endless(reads: list[Read]) -> TargetError:
    paths = ", ".join(repr(read.path) for read in reads[:3])
    return TargetError(
        f"the snapshot of the disk never becomes complete: {paths} is requested again and again",
        "Links or includes there may form a loop. Check them by hand, and please report this.",
    )

"""Removals in one line, for the user who must agree to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rescue.space.policy import Loss, Removal
from rescue.text.numbers import listed, plural, size

NAMED = 2
"""Shortened logs that are named; more are counted."""

_PLURALS = {Loss.PACKAGES: ("file of package caches", "files of package caches")}


def freed(removals: Sequence[Removal]) -> tuple[int, int]:
    """The bytes and inodes that all of them free."""
    return sum(each.bytes for each in removals), sum(each.inodes for each in removals)


def summary(removals: Sequence[Removal], *, inodes: bool = False) -> str:
    """``delete 41 rotated logs, keep the last 4 MiB of /var/log/app.log: frees 1.2 GiB``; `inodes` counts them too."""
    kinds = Counter(each.loss for each in removals if each.keep is None)
    parts = []
    if kinds:
        words = [plural(kinds[loss], *_PLURALS.get(loss, (str(loss),))) for loss in Loss if loss in kinds]
        parts.append(f"delete {listed(words)}")
    shortened = [each for each in removals if each.keep is not None]
    if len(shortened) <= NAMED:
        parts += [f"keep the last {size(each.keep or 0)} of {each.path}" for each in shortened]
    else:
        parts.append(f"keep the last {size(max(each.keep or 0 for each in shortened))} of {len(shortened)} large logs")
    total, count = freed(removals)
    return ", ".join(parts) + f": frees {size(total)}" + (f" and {plural(count, 'inode')}" if inodes else "")

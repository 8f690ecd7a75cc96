"""A sample of a long sweep for CI: other ones each day, all of them in turn."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


def of_the_day(every: Sequence[T], variable: str) -> tuple[T, ...]:
    """As many of `every` as the environment's `variable` says; "all" (the default) for all."""
    told = os.environ.get(variable, "all")
    count = len(every) if told == "all" else min(int(told), len(every))
    first = datetime.now(UTC).date().toordinal() * count
    return tuple(every[(first + number) % len(every)] for number in range(count))

"""A property that is computed once, be it a value or the answer that the snapshot is too small for it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self, TypeVar, overload

from rescue.tree import NotCaptured, Unread

T = TypeVar("T")

_MISSING = "_too_small_for"
"""Where an object keeps the properties for which its snapshot is too small."""


class fact(cached_property[T]):  # noqa: N801 - used as a decorator, as cached_property is
    """`functools.cached_property` that remembers `NotCaptured` and `Unread`, too: whoever asks again hears it at once.

    Its object has one snapshot all its life, so that the answer stays the same.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Self | T:
        if instance is None:
            return self
        missing: dict[str, NotCaptured | Unread] = instance.__dict__.setdefault(_MISSING, {})
        name = self.attrname or ""
        if name in missing:
            raise missing[name]
        try:
            return super().__get__(instance, owner)
        except (NotCaptured, Unread) as problem:
            missing[name] = problem
            raise

"""A property computed once; its errors are cached, too."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self, TypeVar, overload

from rescue.tree import NotCaptured, ReadError

T = TypeVar("T")

_MISSING = "_too_small_for"
"""Where an object keeps the errors of its properties."""


class fact(cached_property[T]):  # noqa: N801 - used as a decorator, as cached_property is
    """`functools.cached_property` that also caches `NotCaptured` and `ReadError`, and raises them again at once.

    An object keeps the same snapshot all its life, so the answer stays the same.
    """

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Self | T:
        if instance is None:
            return self
        missing: dict[str, NotCaptured | ReadError] = instance.__dict__.setdefault(_MISSING, {})
        name = self.attrname or ""
        if name in missing:
            raise missing[name]
        try:
            return super().__get__(instance, owner)
        except (NotCaptured, ReadError) as problem:
            missing[name] = problem
            raise

"""What decides a step but can't always be judged: one module per item, just as `rescue.checks` has one per cause.

A step is "ok" only if everything that decides it was read and is in order. A check reports what is not in order; a
module of this package reports what could not be judged, and how to supply it. It has

    STEP    the `Step` that it decides
    READS   the paths (or `Read`s) of the target that it looks at
    find    a function from `Facts` to `Gap`s: none if everything was read and understood

and a docstring of paragraphs that begin with "Decides:", "Not judged:" and "Supply:" after a first line that says what
is not known. It only decides, and never reads a disk itself. docs/evidence.md is generated from these and from the
checks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from rescue.facts import Facts
from rescue.model import Gap, Step
from rescue.tree import Read


@dataclass(frozen=True, slots=True)
class Evidence:
    """One item that decides a step. `manual` is the module's docstring."""

    id: str
    step: Step
    reads: tuple[Read, ...]
    find: Callable[[Facts], Iterable[Gap]]
    manual: str

    @property
    def title(self) -> str:
        """The first line of the manual."""
        return self.manual.strip().partition("\n")[0].rstrip(".")


@cache
def all_evidence() -> tuple[Evidence, ...]:
    """Every item, in the order of the path to a login, then by id."""
    return tuple(sorted(_load(), key=lambda each: (each.step.order, each.id)))


def _load() -> Iterator[Evidence]:
    for found in iter_modules(__path__):
        if found.name.startswith("_"):
            continue
        module = import_module(f"{__name__}.{found.name}")
        yield Evidence(
            id=found.name.replace("_", "-"),
            step=module.STEP,
            reads=tuple(read if isinstance(read, Read) else Read(read) for read in module.READS),
            find=module.find,
            manual=module.__doc__ or "",
        )

"""The checks: one module, one cause. The module's name is the cause's id, its docstring is the cause's manual.

A check is a module of this package with

    STEP    the `Step` that the cause breaks
    READS   the paths (or `Read`s) of the target that it looks at, so that they are captured beforehand
    find    a function from `Facts` to findings

and a docstring of paragraphs that begin with "Symptom:", "Cause:", "Repair:" and "See:" after a first line that says
what is wrong in the words of the person it happens to. Nothing else names it: menus, `rescue explain` and the manual
are made from the modules found here. A check only decides: it imports nothing that could read a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from rescue.facts import Facts
from rescue.model import Finding, Step
from rescue.tree import Read


@dataclass(frozen=True, slots=True)
class Check:
    """A cause that can be found. `manual` is the module's docstring."""

    id: str
    step: Step
    reads: tuple[Read, ...]
    find: Callable[[Facts], Iterable[Finding]]
    manual: str

    @property
    def title(self) -> str:
        """The first line of the manual."""
        return self.manual.strip().partition("\n")[0].rstrip(".")


@cache
def all_checks() -> tuple[Check, ...]:
    """Every check, in the order of the path to a login, then by id."""
    return tuple(sorted(_load(), key=lambda check: (check.step.order, check.id)))


def _load() -> Iterator[Check]:
    for found in iter_modules(__path__):
        if found.name.startswith("_"):
            continue
        module = import_module(f"{__name__}.{found.name}")
        yield Check(
            id=found.name.replace("_", "-"),
            step=module.STEP,
            reads=tuple(read if isinstance(read, Read) else Read(read) for read in module.READS),
            find=module.find,
            manual=module.__doc__ or "",
        )

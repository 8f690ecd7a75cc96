"""The result of a kernel check: what was loaded, and where the kernel did something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rescue.firewall.engine.addresses import Address
from rescue.firewall.engine.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Load:
    """One file given to a program. taken: whether it loaded, expected: whether it should have.

    said: the program's own error message.
    """

    what: str
    program: str
    taken: bool
    expected: bool
    said: str = ""

    @property
    def agrees(self) -> bool:
        return self.taken is self.expected


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the kernel and the verdict. said, seen: in the terms of `Lab.probe`."""

    what: str
    said: str
    seen: str
    verdict: Verdict | None = None


@dataclass(slots=True)
class Proof:
    """The outcome. depends: verdicts that the disk leaves open, which no kernel can confirm.

    left_out: sources that found a limit used up, too often to restart for each.
    """

    interface: str
    addresses: Mapping[int, Address]
    asked: int = 0
    agreed: int = 0
    depends: int = 0
    left_out: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    loads: list[Load] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the kernel agrees with every verdict."""
        return not self.differences

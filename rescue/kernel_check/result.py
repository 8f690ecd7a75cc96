"""What came of a proof: what was loaded, and where the kernel did something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rescue.firewall.engine.addresses import Address
from rescue.firewall.engine.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Load:
    """One file that was handed to a program. taken: whether it was loaded, expected: whether it had to be.

    said: the program's own words where it refused it.
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
    """Where the kernel does not do what was worked out. said, seen: as `Lab.probe` puts it."""

    what: str
    said: str
    seen: str
    verdict: Verdict | None = None


@dataclass(slots=True)
class Proof:
    """The outcome. depends: verdicts that the disk leaves open, which no kernel can confirm.

    left_out: sources that found what the rules grant used up, too often to begin anew for each.
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
        """Whether the kernel does all that was worked out."""
        return not self.differences

"""State of one evaluation: possible verdicts with their sources, and the work budget used."""

from __future__ import annotations

from dataclasses import dataclass, field

from rescue.firewall.engine.addresses import AddressSet, union
from rescue.firewall.engine.conditions import RecentSet
from rescue.firewall.engine.ruleset import Action, Chain, Firewall, Rule
from rescue.firewall.engine.verdict import Decision, Stage, VerdictKind

MAX_WORK = 1_000_000
"""How many rules are evaluated before the ruleset is called too intricate: a few seconds of work."""

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Piece:
    """Clients for which a verdict is possible, and the rule that gives it. doubt: why it is not certain."""

    addresses: AddressSet
    decision: Decision
    doubt: str = ""


@dataclass(slots=True)
class Outcome:
    """Possible verdicts per source. `passed`: the clients for whom the whole connection may be accepted.

    sent_on: the clients whose connection is redirected to another port of the server, by port. found_perhaps: for IPv6,
    whether it depends on something not on the disk that a gateway finds the server.
    """

    version: int
    universe: AddressSet
    pieces: list[Piece] = field(default_factory=list)
    passed: AddressSet = field(init=False)
    sent_on: dict[int, AddressSet] = field(default_factory=dict)
    assumed: dict[str, list[AddressSet]] = field(default_factory=dict)
    doubts: list[tuple[AddressSet, str]] = field(default_factory=list)
    found_perhaps: bool = False

    def __post_init__(self) -> None:
        self.passed = AddressSet.nothing(self.version)

    def possible(self, kind: VerdictKind) -> AddressSet:
        """The clients for whom `kind` is possible."""
        if kind is VerdictKind.ACCEPT:
            return self.passed
        return union(self.version, (piece.addresses for piece in self.pieces if piece.decision.kind is kind))


class WorkLimit(Exception):
    """Too many rules would have to be evaluated."""


@dataclass(frozen=True, slots=True)
class Step:
    """A rule, as the traversal needs it."""

    rule: Rule
    lists: frozenset[str]


@dataclass(frozen=True, slots=True)
class Visit:
    """A rule that applies to the packet, or (rule None) the policy at the end of a base chain.

    base: the base chain. depth: how many jumps led there. passed: how many rules of the chain did not match since the
    last visit. doubt: why it is not certain that the rule applies.
    """

    stage: Stage
    firewall: Firewall
    table: str
    base: Chain
    depth: int
    rule: Rule | None
    passed: int = 0
    doubt: str = ""


@dataclass(slots=True)
class Journey:
    """What all traversals of one evaluation share: the outcome so far, the work used, the lists that were filled."""

    outcome: Outcome
    stage: Stage = Stage.SYN
    work: int = 0
    listed: frozenset[str] = frozenset()
    steps: dict[int, list[Step]] = field(default_factory=dict)
    visits: list[Visit] | None = None

    def count(self, work: int) -> None:
        self.work += work
        if self.work > MAX_WORK:
            raise WorkLimit

    def steps_of(self, chain: Chain) -> list[Step]:
        """The rules of a chain that can make a difference: not those that only count or log."""
        key = id(chain)
        if key not in self.steps:
            found = []
            for rule in chain.rules:
                lists = _NONE
                for each in rule.conditions:
                    if type(each) is RecentSet:
                        lists |= {each.name}
                if lists or rule.target.action is not Action.CONTINUE:
                    found.append(Step(rule, lists))
            self.steps[key] = found
        return self.steps[key]

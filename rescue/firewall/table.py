"""The answer for all sources as a table: who, what becomes of them, and what decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rescue.firewall.addresses import AddressSet, Region, ordinary, union
from rescue.firewall.journey import Piece
from rescue.firewall.outside import symptom
from rescue.firewall.reach import ORDER, Reach
from rescue.firewall.verdict import Decision, Kind, Stage
from rescue.model import Symptom


@dataclass(frozen=True, slots=True)
class Row:
    """Sources that share a verdict and what decides it; `decision` is None where nothing turns them away.

    reason: what a DEPENDS hangs on.
    """

    sources: AddressSet
    kind: Kind
    decision: Decision | None = None
    reason: str = ""

    @property
    def symptom(self) -> Symptom:
        """What the outside sees; of a DEPENDS, what it sees if it is turned away."""
        if self.decision is None:
            return Symptom.OK if self.kind is Kind.ACCEPT else Symptom.TIMED_OUT
        if self.kind is Kind.ACCEPT:
            return Symptom.OK
        return symptom(self.decision.kind, self.decision.how, self.decision.stage)


def rows(here: Reach) -> tuple[Row, ...]:
    """The ordinary sources, parted by verdict and by what decides; the largest part first."""
    found: list[Row] = []
    pieces = sorted(here.outcome.pieces, key=lambda piece: ORDER[piece.decision.stage])
    for kind, members in (
        (Kind.ACCEPT, here.accepted),
        (Kind.DROP, here.dropped),
        (Kind.REJECT, here.rejected),
        (Kind.DEPENDS, here.depends),
    ):
        found += _parted(here, kind, members, pieces)
    return tuple(sorted(found, key=lambda row: -row.sources.count))


def _parted(here: Reach, kind: Kind, members: AddressSet, pieces: Sequence[Piece]) -> Iterator[Row]:
    rest = Region(members)
    parts: dict[tuple[object, ...], tuple[Decision, list[AddressSet]]] = {}
    for piece in pieces:
        if not rest:
            break
        if not _speaks(piece.decision, kind):
            continue
        part = rest.common(piece.addresses)
        if part:
            rest.remove(part)
            decision = piece.decision
            key = (decision.location, decision.table, decision.chain, decision.kind, decision.how, decision.stage)
            parts.setdefault(key, (decision, []))[1].append(part)
    for decision, sets in parts.values():
        sources = union(here.version, sets)
        yield Row(sources, kind, decision, _reason(here, sources) if kind is Kind.DEPENDS else "")
    left = rest.frozen()
    if left:
        yield Row(left, kind, None, _reason(here, left) if kind is Kind.DEPENDS else "")


def _speaks(decision: Decision, kind: Kind) -> bool:
    """Whether a decision is what a part with the verdict `kind` is named for."""
    if kind is Kind.ACCEPT:
        return decision.kind is Kind.ACCEPT and decision.stage is Stage.SYN
    if kind is Kind.DEPENDS:
        return decision.kind is not Kind.ACCEPT
    return decision.kind is kind


def _reason(here: Reach, sources: AddressSet) -> str:
    first = sources.first
    reasons = [reason for who, reason in here.outcome.doubts if first is not None and first in who]
    return ", ".join(dict.fromkeys(reasons[:3]))


def everybody(row: Row) -> bool:
    """Whether a row is for every source there is."""
    return row.sources == ordinary(row.sources.version)


def most(row: Row) -> bool:
    """Whether a row is for more than half of the world."""
    return 2 * row.sources.count > ordinary(row.sources.version).count

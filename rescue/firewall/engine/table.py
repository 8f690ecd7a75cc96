"""The answer for all sources as a table: sources, verdict, and what decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rescue.firewall.engine.addresses import AddressSet, ordinary, union
from rescue.firewall.engine.interval_sweep import paint
from rescue.firewall.engine.reach import ORDER, Reach
from rescue.firewall.engine.state import Piece
from rescue.firewall.engine.symptom import symptom
from rescue.firewall.engine.verdict import Decision, Stage, VerdictKind
from rescue.model import Symptom

BATCH = 1 << 18
"""How many boundaries of pieces are processed at once."""


@dataclass(frozen=True, slots=True)
class Row:
    """Sources with the same verdict and the same deciding rule; `decision` is None if nothing blocks them.

    reason: what a DEPENDS depends on.
    """

    sources: AddressSet
    kind: VerdictKind
    decision: Decision | None = None
    reason: str = ""

    @property
    def symptom(self) -> Symptom:
        """What the client sees; for a DEPENDS, what it sees if it is blocked."""
        if self.decision is None:
            return Symptom.OK if self.kind is VerdictKind.ACCEPT else Symptom.TIMED_OUT
        if self.kind is VerdictKind.ACCEPT:
            return Symptom.OK
        return symptom(self.decision.kind, self.decision.how, self.decision.stage)


def rows(here: Reach) -> tuple[Row, ...]:
    """The ordinary sources, grouped by verdict and deciding rule; the largest group first."""
    found: list[Row] = []
    pieces = sorted(here.outcome.pieces, key=lambda piece: ORDER[piece.decision.stage])
    for kind, members in (
        (VerdictKind.ACCEPT, here.accepted),
        (VerdictKind.DROP, here.dropped),
        (VerdictKind.REJECT, here.rejected),
        (VerdictKind.DEPENDS, here.depends),
    ):
        found += _parted(here, kind, members, pieces)
    return tuple(sorted(found, key=lambda row: -row.sources.count))


def _parted(here: Reach, kind: VerdictKind, members: AddressSet, pieces: Sequence[Piece]) -> Iterator[Row]:
    rest = members
    parts: dict[tuple[object, ...], tuple[Decision, list[AddressSet]]] = {}
    for batch in _batches(piece for piece in pieces if _speaks(piece.decision, kind)):
        if not rest:
            break
        shares, rest = _shares(rest, batch)
        for piece, part in zip(batch, shares, strict=True):
            if part:
                decision = piece.decision
                key = (decision.location, decision.table, decision.chain, decision.kind, decision.how, decision.stage)
                parts.setdefault(key, (decision, []))[1].append(part)
    for decision, sets in parts.values():
        sources = union(here.version, sets) if len(sets) > 1 else sets[0]
        yield Row(sources, kind, decision, _reason(here, sources) if kind is VerdictKind.DEPENDS else "")
    if rest:
        yield Row(rest, kind, None, _reason(here, rest) if kind is VerdictKind.DEPENDS else "")


def _shares(rest: AddressSet, batch: Sequence[Piece]) -> tuple[list[AddressSet], AddressSet]:
    """What each piece takes from `rest`, one after the other, and the remainder."""
    whole = union(rest.version, (piece.addresses for piece in batch))
    if whole.count == sum(piece.addresses.count for piece in batch):
        # No two are for the same source, as with rules that are certain.
        return [piece.addresses & rest for piece in batch], rest - whole
    taken, left = paint(rest.bounds, [span for piece in batch for span in _spans(piece)])
    mine = iter(taken)
    found = [[bound for _ in range(0, len(piece.addresses.bounds), 2) for bound in next(mine)] for piece in batch]
    return [AddressSet(rest.version, tuple(each)) for each in found], AddressSet(rest.version, tuple(left))


def _spans(piece: Piece) -> Iterator[tuple[int, int]]:
    bounds = piece.addresses.bounds
    return zip(bounds[::2], bounds[1::2], strict=True)


def _batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """The pieces in order, in batches worth one sweep."""
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece.addresses.bounds)
        if size > BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _speaks(decision: Decision, kind: VerdictKind) -> bool:
    """Whether a decision explains the verdict `kind`."""
    if kind is VerdictKind.ACCEPT:
        return decision.kind is VerdictKind.ACCEPT and decision.stage is Stage.SYN
    if kind is VerdictKind.DEPENDS:
        return decision.kind is not VerdictKind.ACCEPT
    return decision.kind is kind


def _reason(here: Reach, sources: AddressSet) -> str:
    first = sources.first
    reasons = [reason for who, reason in here.outcome.doubts if first is not None and first in who]
    return ", ".join(dict.fromkeys(reasons[:3]))


def everybody(row: Row) -> bool:
    """Whether a row covers every source."""
    return row.sources == ordinary(row.sources.version)


def most(row: Row) -> bool:
    """Whether a row covers more than half of the world."""
    return 2 * row.sources.count > ordinary(row.sources.version).count

"""How a firewall's verdict looks from outside."""

from __future__ import annotations

from rescue.firewall.engine.icmp import REFUSED_BY, TCP_RESET
from rescue.firewall.engine.verdict import Stage, VerdictKind
from rescue.model import Symptom


def symptom(kind: VerdictKind, how: str, stage: Stage) -> Symptom:
    """What the client sees if its packet is blocked at `stage`; a DEPENDS counts as silence."""
    if kind is VerdictKind.ACCEPT:
        return Symptom.OK
    if stage is Stage.NEIGHBOUR:
        return Symptom.UNREACHABLE
    if kind is VerdictKind.REJECT:
        if stage is Stage.DATA:
            return Symptom.CLOSED if how == TCP_RESET else Symptom.HANGS
        return Symptom.REFUSED if how in REFUSED_BY else Symptom.UNREACHABLE
    return Symptom.HANGS if stage is Stage.DATA else Symptom.TIMED_OUT

"""Who may reach the SSH port, as shown on screen and in documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rescue.firewall.engine.addresses import Address
from rescue.firewall.engine.reach import Reach
from rescue.firewall.engine.ruleset import Firewall
from rescue.firewall.engine.state import Visit
from rescue.firewall.engine.table import Row
from rescue.firewall.engine.verdict import Verdict
from rescue.model import Finding


@dataclass(frozen=True, slots=True)
class PacketTrace:
    """One client's packets: the verdict, and the rules that match them."""

    source: Address
    verdict: Verdict
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Reaches and rows by IP version. not_read: the other firewalls, which could not be evaluated."""

    firewalls: tuple[Firewall, ...]
    port: int
    reaches: Mapping[int, Reach]
    rows: Mapping[int, tuple[Row, ...]]
    traces: tuple[PacketTrace, ...]
    blocked: bool
    not_read: tuple[Finding, ...] = ()

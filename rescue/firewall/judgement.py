"""Who may reach the SSH port, as it is shown and written into documents."""

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
    """One client's packets: the verdict, and the rules they meet."""

    source: Address
    verdict: Verdict
    visits: tuple[Visit, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Reaches and rows by the version of IP. not_read: the firewalls beside these that could not be judged."""

    firewalls: tuple[Firewall, ...]
    port: int
    reaches: Mapping[int, Reach]
    rows: Mapping[int, tuple[Row, ...]]
    traces: tuple[PacketTrace, ...]
    blocked: bool
    not_read: tuple[Finding, ...] = ()

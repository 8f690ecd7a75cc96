"""The names that a server resolves while its rules load, and the error for a rejected rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rescue.firewall.engine.known_names import SERVICES
from rescue.firewall.ipset.load import IpSets


class RuleError(ValueError):
    """iptables-restore rejects this line: the table fails to load."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a server can resolve while it boots: services(5), hosts(5), the ipsets loaded before its rules,
    and its users and groups with their numbers (None if unknown)."""

    services: Mapping[str, int] = field(default_factory=lambda: SERVICES)
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sets: IpSets | None = None
    users: Mapping[str, int] | None = None
    groups: Mapping[str, int] | None = None

"""Whether a service waits for the network at boot: that addresses are there, not only that their program was started.

network.target says the latter alone; network-online.target, and the services that wait for it, the former
(systemd.special(7)). Orders come from After= of a unit and from Before= of others; what is not started orders nothing.
"""

from __future__ import annotations

from collections import defaultdict

from rescue.services.units import Units

ONLINE = "network-online.target"
WAITS = "wait-online"
IFUPDOWN = "networking.service"
"""Debian's ifupdown brings up interfaces marked "auto" before it counts as started (ifup -a)."""

MAX_STEPS = 2_000


def waits_for_network(units: Units, service: str) -> bool:
    """Whether what starts before `service` includes something that waits until the network is online."""
    reached = set(units.reached)
    waiting = {name for name in reached if WAITS in name}
    goals = waiting | ({ONLINE} if ONLINE in reached and (waiting or IFUPDOWN in reached) else set())
    return bool(goals & _before(units, service, reached))


def _before(units: Units, service: str, reached: set[str]) -> set[str]:
    """Every started unit that is ordered before `service`, directly or by others."""
    earlier: dict[str, set[str]] = defaultdict(set)
    for name in reached:
        unit = units.unit(name)
        for each in unit.assignments:
            if each.section == "Unit" and each.key in ("After", "Before"):
                for word in each.text.split():
                    other = units.unit(word).name
                    if each.key == "After":
                        earlier[name].add(other)
                    else:
                        earlier[other].add(name)
    found: set[str] = set()
    left = [service]
    while left and len(found) < MAX_STEPS:
        for other in earlier[left.pop()] & reached:
            if other not in found:
                found.add(other)
                left.append(other)
    return found

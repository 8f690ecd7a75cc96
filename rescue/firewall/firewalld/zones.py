"""Which zone blocked a client, why packets go to that zone, and whether another one would have let the client in."""

from __future__ import annotations

from dataclasses import dataclass

from rescue.firewall.engine.conditions import Condition, Fixed, Interface
from rescue.firewall.engine.packet import TCP, Packet
from rescue.firewall.engine.ruleset import Action, Firewall, LoadProblem
from rescue.firewall.engine.verdict import Decision
from rescue.firewall.firewalld.chain_parts import Parts
from rescue.firewall.firewalld.load import FALLBACK
from rescue.firewall.firewalld.objects import Zone
from rescue.firewall.firewalld.store import OWN, Configuration
from rescue.model import Location

INSTALLED = "public"
"""The default zone of a fresh firewalld installation."""


@dataclass(frozen=True, slots=True)
class Entered:
    """The zone that a packet entered. bound: the line that binds it there, or that sets the default zone; by: how,
    as text. whole: no rule in the zone matches the client; its target decided."""

    zone: str
    bound: Location
    by: str
    whole: bool


def fell_back(firewall: Firewall) -> LoadProblem | None:
    """The mistake for which firewalld ignores all of /etc/firewalld, if there is one."""
    return next((problem for problem in firewall.problems if problem.lost == FALLBACK), None)


def entered(decision: Decision) -> Entered | None:
    """The zone in which `decision` was made; None if in none, as with direct rules."""
    for at, rule in enumerate(decision.path):
        if rule.target.action is Action.GOTO:
            name = rule.target.name.partition("IN_")[2]
            return Entered(name, rule.location, _how(rule.conditions), at == len(decision.path) - 2)
    return None


def _how(conditions: tuple[Condition, ...]) -> str:
    for each in conditions:
        if isinstance(each, Fixed):
            return "what you come by may belong to it"
        if isinstance(each, Interface):
            return f"the network interface {each.name} belongs to it"
    return "it is the default zone" if not conditions else "your address belongs to it"


def zone_with(config: Configuration, zone: Zone, port: int, version: int) -> bool:
    """Whether a zone lets everybody reach a TCP port by a service or port of it."""
    packet = Packet(version, True, TCP, port, flags=frozenset(["SYN"]), state="NEW")
    return any(
        part.suffix == "allow"
        and part.target.action is Action.ACCEPT
        and all(condition.on(packet) is True for condition in part.conditions)
        for part in Parts(config, version).of(zone, "filter")
    )


def better_zone(config: Configuration, here: Entered, port: int, version: int) -> Zone | None:
    """A zone that would have let the client in, if `here` was meant for something else: the default zone, that of a
    fresh installation, or one that somebody has edited. None if `here`, as installed, lets the port in."""
    installed = config.store.gather(config.conf, own=False).zones.get(here.zone)
    if not here.whole or (installed is not None and zone_with(config, installed, port, version)):
        return None
    first = [name for name in (config.default, INSTALLED) if name != here.zone]
    mine = [name for name, zone in config.zones.items() if zone.location.path.is_relative_to(OWN)]
    for name in dict.fromkeys([*first, *mine]):
        zone = config.zones.get(name)
        if zone is not None and name != here.zone and zone_with(config, zone, port, version):
            return zone
    return None

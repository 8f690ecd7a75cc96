"""A route on the server discards its answers to your address.

Symptom: "Connection timed out", for you and everyone in the same network; others get in.

Cause: a route of the type blackhole, unreachable or prohibit covers your address. People block attackers with them
(ip route add blackhole 198.51.100.0/24), and pick a network that is too wide. Your packets arrive, but the answers are
discarded. rescue knows such routes from systemd-networkd's files ([Route] with Type=), netplan, and commands that run
at boot (rc.local, "up" in /etc/network/interfaces, a script or unit of your own).

rescue reports this only if it knows your address (--from ADDRESS), and reports nothing if a narrower route, such as the
server's own network, leads to you.

Repair: comment out the command. For systemd-networkd and netplan, remove the route yourself.

See: ip-route(8), systemd.network(5) on Type=, netplan.yaml(5) on routes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.boot import commands as boot_commands
from rescue.facts import Facts
from rescue.model import Address, Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import NETWORK_READS, read_network
from rescue.network.lost_routes import COMMAND, lost_routes
from rescue.network.lost_routes import READS as ROUTE_READS
from rescue.network.profile import Route
from rescue.text.line_edit import commented

STEP = Step.NETWORK
READS = (*NETWORK_READS, *ROUTE_READS, *boot_commands.READS)

UNSURE = "it runs only under a condition"
NEARER = "an interface gets its address by DHCP, and its network may contain your address"
SINGLE = {4: 32, 6: 128}


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.client.sources:
        return
    commands = boot_commands.boot_commands(facts.tree, facts.units)
    unsure = {each.location for each in commands if not each.certain}
    routes = lost_routes(facts.tree, facts.units, ((each.text.strip(), each.location) for each in commands))
    for source in facts.client.sources:
        covering = [each for each in routes if each.to.version == source.version and source in each.to]
        if not covering:
            continue
        widest = max(covering, key=lambda each: each.to.prefixlen)
        if not _nearer(facts, source, widest):
            yield _finding(source, widest, _doubt(facts, widest, unsure))


def _nearer(facts: Facts, source: Address, lost: Route) -> bool:
    """Whether a route that is as narrow, or narrower, leads to the client."""
    profiles = read_network(facts.tree, facts.units).profiles
    ways = [each.network for profile in profiles for each in profile.addresses]
    ways += [each.to for profile in profiles for each in profile.routes or () if each.kind == "unicast"]
    return any(
        each.version == source.version and source in each and each.prefixlen >= lost.to.prefixlen for each in ways
    )


def _doubt(facts: Facts, lost: Route, unsure: set[Location]) -> str:
    if lost.location in unsure:
        return UNSURE
    profiles = read_network(facts.tree, facts.units).profiles
    asked = any(version == lost.to.version for profile in profiles for version, _ in profile.asks)
    # No network that DHCP gives is as narrow as a single address.
    return NEARER if asked and lost.to.prefixlen < SINGLE[lost.to.version] else ""


def _finding(source: Address, lost: Route, doubt: str) -> Finding:
    return Finding(
        check="net-blackhole-route",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"{lost.location} makes a {lost.kind} route to {lost.to}: the server discards its answers to {source}.",
        symptom=Symptom.TIMED_OUT,
        locations=(lost.location,),
        repairs=tuple(_repairs(lost)),
        subject=str(source),
        reason=doubt,
    )


def _repairs(lost: Route) -> Iterator[Repair]:
    text = lost.location.text.strip()
    if COMMAND.fullmatch(text) or COMMAND.fullmatch(text.partition(" ")[2]):
        yield Repair(
            f"comment out {lost.location}",
            Safety.SAFE,
            partial(commented, location=lost.location),
            weakens=f"the server answers {lost.to} again",
            lets_in=True,
        )
    yield Repair(f"remove the route to {lost.to} from {lost.location.path}", Safety.MANUAL, steps=str(lost.location))

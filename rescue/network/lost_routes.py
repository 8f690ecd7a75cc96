"""Routes by which the kernel discards packets: blackhole, unreachable, prohibit (ip-route(8)).

By hand, people ban networks with them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from rescue.model import Location
from rescue.network import netplan, networkd
from rescue.network.profile import LOST, Route, route
from rescue.services.units import UNIT_READS, Units
from rescue.tree import Tree

READS = (*UNIT_READS, *networkd.READS, *netplan.READS)
MOST_FILES, MOST_ROUTES = 200, 20_000

COMMAND = re.compile(
    r"(?:(?:/usr)?/s?bin/)?ip\s+(?:-(?:4|6)\s+)*ro?(?:u|ut|ute)?\s+(?:a|add|append|replace|prepend)\s+"
    r"(?P<kind>blackhole|unreachable|prohibit)\s+(?P<to>[0-9A-Fa-f.:]+(?:/\d{1,3})?)\s*"
)
"""A command that makes such a route in the main table, and does nothing else."""


def lost_routes(tree: Tree, units: Units, commands: Iterable[tuple[str, Location]]) -> tuple[Route, ...]:
    """Those of systemd-networkd, netplan and the commands, which are in effect after the boot. Raises NotCaptured."""
    tree.require(*READS)
    found = [*_networkd(tree, units), *_netplan(tree)]
    for text, place in commands:
        match = COMMAND.fullmatch(text)
        if match is not None and (made := route(match["to"], place, kind=match["kind"])) is not None:
            found.append(made)
    return tuple(found[:MOST_ROUTES])


def _networkd(tree: Tree, units: Units) -> Iterator[Route]:
    if not units.unit("systemd-networkd.service").started:
        return
    for path in networkd.network_files(tree)[:MOST_FILES]:
        lines = (tree.text(path) or "").split("\n")
        # Each [Route] is one route: which one a line belongs to is told by how many sections began above it.
        began = [number for number, line in enumerate(lines, 1) if line.strip().startswith("[")]
        sections: dict[int, dict[str, tuple[str, Location]]] = {}
        for each in networkd.settings(tree, path):
            if each.section == "Route":
                start = bisect_left(began, each.location.line)
                place = Location(path, each.location.line, f"{each.key}={each.text}"[:200])
                sections.setdefault(start, {})[each.key] = (each.text, place)
        for told in sections.values():
            kind, to = told.get("Type", ("", None))[0], told.get("Destination")
            if kind in LOST and to is not None and told.get("Table", ("main", None))[0] in ("main", "254"):
                made = route(to[0], to[1], kind=kind)
                yield from (made,) if made is not None else ()


def _netplan(tree: Tree) -> Iterator[Route]:
    if netplan.generated(tree):
        for profile in netplan.all_profiles(tree):
            yield from (each for each in profile.routes or () if each.kind in LOST)

"""The clients to try: those on both sides of every boundary of the verdict, and some from anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from rescue.firewall import Reach
from rescue.firewall.engine.addresses import Address, AddressSet, ordinary, to_address
from rescue.firewall.engine.conditions import Addresses

LINK_LOCAL = AddressSet.network("fe80::/10")
"""Link-local addresses: the lab's gateway has no route to them."""

RANDOM_SHARE = 4
"""One in so many sources is from anywhere."""


def boundaries(here: Reach) -> list[Address]:
    """The addresses on both sides of each boundary between parts of the verdict, rising."""
    bounds: set[int] = set()
    for piece in here.outcome.pieces:
        bounds.update(piece.addresses.bounds)
    bounds.update(here.outcome.passed.bounds)
    return [to_address(here.version, each) for each in sorted(_both_sides(here.version, bounds))]


def _both_sides(version: int, bounds: Iterable[int]) -> set[int]:
    world = askable(version)
    return {each for bound in bounds for each in (bound - 1, bound) if each in world}


def askable(version: int) -> AddressSet:
    """The sources that the lab can send from."""
    return ordinary(version) if version == 4 else ordinary(version) - LINK_LOCAL


def chosen(here: Reach, most: int, random: Random, server: Address | None = None) -> list[Address]:
    """At most `most` sources: boundaries first (a random choice of them, if they are too many), then random ones."""
    found = boundaries(here)
    share = most - most // RANDOM_SHARE
    if len(found) > share:
        found = random.sample(found, share)
    known = {int(each) for each in found} | ({int(server)} if server is not None else set())
    found = [each for each in found if server is None or each != server]
    named = named_sources(here)
    while len(found) < most:
        value = _anywhere(here.version, named, random)
        if value not in known:
            known.add(value)
            found.append(to_address(here.version, value))
    return found


def named_sources(here: Reach) -> list[tuple[int, int]]:
    """The networks that rules name as a source, as (first, past the last), at most a few thousand."""
    found: list[tuple[int, int]] = []
    for firewall in here.firewalls:
        for _, rule in firewall.ruleset(here.version).rules():
            for each in rule.conditions:
                if isinstance(each, Addresses) and isinstance(each.addresses, AddressSet):
                    bounds = each.addresses.bounds
                    found += [(bounds[at], bounds[at + 1]) for at in range(0, min(len(bounds), 64), 2)]
            if len(found) > 10_000:
                return found
    return found


def _anywhere(version: int, named: list[tuple[int, int]], random: Random) -> int:
    """A random source: of the whole world, or of a network that the rules name."""
    world = askable(version)
    while True:
        low, high = random.choice(named) if named and random.random() < 0.5 else (0, 1 << (32 if version == 4 else 128))
        value = random.randrange(low, high)
        if value in world:
            return value

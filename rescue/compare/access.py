"""Who gained and who lost access between two states: users, source addresses and ports. Pure.

Addresses are compared as sets, for every address at once; users are judged for any address and for one on each side of
every boundary that moved, as settings may differ by address (Match, from=, access.conf).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rescue.examine import examine
from rescue.facts import Facts
from rescue.firewall import AddressSet
from rescue.firewall.engine.addresses import ordinary
from rescue.login_path import Verdict
from rescue.model import Address, Client
from rescue.tree import ReadError, Tree

VERSIONS = (4, 6)
MOST_SOURCES = 6
MOST_PORTS = 8


@dataclass(frozen=True, slots=True)
class PortChange:
    """One port over one IP version. lost, gained: sources that were let through and certainly are not any more, or the
    other way round; unsure: whose verdict depends on more than the disk in either state.
    listens: whether sshd listens there, before and after; None where that can't be told."""

    port: int
    version: int
    lost: AddressSet
    gained: AddressSet
    unsure: AddressSet
    listens: tuple[bool | None, bool | None]

    @property
    def differs(self) -> bool:
        return bool(self.lost or self.gained) or self.listens[0] != self.listens[1]


@dataclass(frozen=True, slots=True)
class UserChange:
    """One user from one source (None: any) whose verdict is another. causes: of the new state, or the old one where it
    is better now."""

    user: str
    source: Address | None
    before: Verdict | None
    after: Verdict | None
    causes: tuple[str, ...]

    @property
    def lost(self) -> bool:
        """Whether the user could perhaps log in before, and can't for certain now."""
        return self.after in (Verdict.BROKEN, None) and self.before is not Verdict.BROKEN and self.before is not None

    @property
    def gained(self) -> bool:
        return self.before in (Verdict.BROKEN, None) and self.after is not Verdict.BROKEN and self.after is not None


@dataclass(frozen=True, slots=True)
class Compared:
    """Everything that differs. users: all that were judged."""

    ports: tuple[PortChange, ...]
    users: tuple[UserChange, ...]
    judged: tuple[str, ...]
    sources: tuple[Address, ...]

    @property
    def lost(self) -> bool:
        return any(each.lost or (each.listens[0] and each.listens[1] is False) for each in self.ports) or any(
            each.lost for each in self.users
        )


def compare(old: Tree, new: Tree, client: Client) -> Compared:
    """What changed for `client`, or for everybody. Raises NotCaptured."""
    before, after = Facts(old, client), Facts(new, client)
    ports = tuple(_port(before, after, port, version) for port in _ports(before, after) for version in VERSIONS)
    sources = client.sources or _boundaries(ports)
    users: list[UserChange] = []
    names: dict[str, None] = {}
    for source in (None, *sources) if not client.sources else sources:
        who = client if source is None else replace(client, sources=(source,))
        found = _users(old, who), _users(new, who)
        names |= dict.fromkeys([*found[0], *found[1]])
        for name in dict.fromkeys([*found[0], *found[1]]):
            one, two = found[0].get(name), found[1].get(name)
            if (one and one[0]) != (two and two[0]):
                lost = two is None or two[0] is Verdict.BROKEN
                causes = (two[1] if two else ()) if lost else (one[1] if one else ())
                users.append(UserChange(name, source, one and one[0], two and two[0], causes))
    return Compared(tuple(each for each in ports if each.differs), tuple(users), tuple(names), tuple(sources))


def _ports(before: Facts, after: Facts) -> tuple[int, ...]:
    """The port that is connected to, and those at which sshd listens."""
    ports = [before.dialled, after.dialled]
    for facts in (before, after):
        ports += _listening(facts) or ()
    return tuple(sorted(set(ports)))[:MOST_PORTS]


def _listening(facts: Facts) -> tuple[int, ...] | None:
    try:
        return facts.listening_ports
    except ReadError:
        return None


def _port(before: Facts, after: Facts, port: int, version: int) -> PortChange:
    old, new = before.reach(port, version), after.reach(port, version)
    listens = tuple(None if (known := _listening(facts)) is None else port in known for facts in (before, after))
    return PortChange(
        port, version,
        lost=old.accepted & new.blocked,
        gained=old.blocked & new.accepted,
        unsure=old.depends | new.depends,
        listens=(listens[0], listens[1]),
    )  # fmt: skip


def _boundaries(ports: tuple[PortChange, ...]) -> tuple[Address, ...]:
    """An address on each side of the boundaries that moved."""
    found: dict[Address, None] = {}
    for each in ports:
        for moved in (each.lost, each.gained):
            outside = ordinary(each.version) - moved
            for part in (moved, outside):
                if moved and part.first is not None:
                    found[part.first] = None
    return tuple(found)[:MOST_SOURCES]


def _users(tree: Tree, client: Client) -> dict[str, tuple[Verdict, tuple[str, ...]]]:
    """Each account's verdict and what blocks it."""
    path = examine(tree, client).path
    return {each.user: (each.verdict, tuple(one.check for one in each.findings)) for each in path.users}

"""Tables, chains, policies and rules as the kernel holds them, each rule with its line in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.conditions import Addresses, Condition
from rescue.model import Location

BUILT_IN = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
"""The tables and their built-in chains (iptables(8))."""


class Hook(StrEnum):
    """A place in the kernel where packets pass chains (nft(8), "Address families")."""

    INGRESS = "ingress"
    PREROUTING = "prerouting"
    INPUT = "input"
    FORWARD = "forward"
    OUTPUT = "output"
    POSTROUTING = "postrouting"
    EGRESS = "egress"


CONNTRACK = -200
"""The priority of conntrack in prerouting and output; chains below it see no state yet."""

_PRIORITIES = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}


def built_in_hook(table: str, chain: str) -> tuple[Hook, int]:
    """The hook and priority of a built-in chain of iptables (linux/netfilter_ipv4.h)."""
    hook = Hook(chain.lower())
    if table == "nat":
        return hook, -100 if hook in (Hook.PREROUTING, Hook.OUTPUT) else 100
    return hook, _PRIORITIES[table]


class Action(StrEnum):
    """What a rule does with a packet to which it applies. DEPENDS: the disk does not show what happens to it.

    REDIRECT: the connection goes to another port of the server, and no further nat rules are evaluated.
    """

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    RETURN = "return"
    JUMP = "jump"
    GOTO = "goto"
    CONTINUE = "continue"
    DEPENDS = "depends"
    MARK = "mark"
    CONNMARK = "connmark"
    SAVE_MARK = "save mark"
    RESTORE_MARK = "restore mark"
    UNTRACK = "untrack"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """A rule's target.

    name: the chain of a jump, or the target's name. how: what a REJECT answers. value, mask: of a mark, which becomes
    (mark & ~mask) ^ value; value None if unknown. For REDIRECT the value is the port, 0 for unchanged. reason: what a
    DEPENDS depends on.
    """

    action: Action
    name: str = ""
    how: str = ""
    value: int | None = 0
    mask: int = 0xFFFFFFFF
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a chain. limits: parts that only work if packets come from certain built-in chains."""

    chain: str
    conditions: tuple[Condition, ...]
    target: RuleTarget
    location: Location
    limits: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def text(self) -> str:
        """The line as written in the file."""
        return self.location.text


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain. policy: "ACCEPT" or "DROP" for a base chain, empty for others; `location` is where it was set.

    hook, priority: where packets pass a base chain; of the chains at one hook the lowest priority comes first. nat:
    only the first packet of a connection passes it. devices: for ingress and egress, the interfaces it is for.
    """

    name: str
    policy: str
    location: Location
    rules: tuple[Rule, ...] = ()
    hook: Hook | None = None
    priority: int = 0
    nat: bool = False
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table's chains by name. name: "filter" and so on for iptables; family and name ("inet filter") for
    nftables."""

    name: str
    chains: Mapping[str, Chain]


@dataclass(frozen=True, slots=True)
class LoadProblem:
    """Why a part of a rules file is not loaded; `lost` says what is missing in the kernel as a result."""

    message: str
    location: Location
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What one firewall loads into the kernel for one IP version, and what it fails to load.

    tracking: it activates conntrack; without it, chains of type nat are not evaluated.
    """

    version: int
    tables: Mapping[str, Table] = field(default_factory=dict)
    problems: tuple[LoadProblem, ...] = ()
    tracking: bool = True
    _conditions: list[Condition] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def conditions(self) -> Sequence[Condition]:
        """Cache of the conditions that do not involve addresses: thousands of rules share them."""
        if not self._conditions:
            asked = (each for _, rule in self.rules() for each in rule.conditions if type(each) is not Addresses)
            self._conditions.extend({id(each): each for each in asked}.values())
        return self._conditions

    def base_chains(self, hook: Hook) -> Iterator[tuple[Table, Chain]]:
        """The chains that packets pass at `hook`, unsorted."""
        for table in self.tables.values():
            for chain in table.chains.values():
                if chain.hook is hook:
                    yield table, chain

    def rules(self) -> Iterator[tuple[str, Rule]]:
        """Every rule with its table's name."""
        for table in self.tables.values():
            for chain in table.chains.values():
                for rule in chain.rules:
                    yield table.name, rule


@dataclass(frozen=True, slots=True)
class Firewall:
    """A packet filter that is loaded at boot.

    manager: "ufw", "iptables-persistent", "iptables-services", "iptables-restore", "nftables" or "firewalld". location:
    what enables it. loaded_by: the line of an administrator's own script that loads it, if any. files: the rules files
    by IP version. backend: "nft" or "legacy", the iptables backend that loads them. told: for firewalld, whether
    whatever brings up the network tells it about zones. sets: the file from which ipsets are loaded before it, if any.
    nft: for nftables, the installed version (1, 0, 6); empty if unknown. own: the server's own addresses by IP version,
    if its network files list them all.
    """

    manager: str
    location: Location
    rulesets: Mapping[int, Ruleset]
    files: Mapping[int, tuple[PurePosixPath, ...]]
    backend: str = "nft"
    told: bool = False
    sets: PurePosixPath | None = None
    loaded_by: Location | None = None
    nft: tuple[int, ...] = ()
    own: Mapping[int, AddressSet] = field(default_factory=dict)

    def ruleset(self, version: int) -> Ruleset:
        """The ruleset for IPv4 or IPv6; an empty one if there is none."""
        return self.rulesets.get(version) or Ruleset(version)

    @property
    def problems(self) -> tuple[LoadProblem, ...]:
        """What does not load, for both versions."""
        found = (problem for version in sorted(self.rulesets) for problem in self.rulesets[version].problems)
        return tuple(dict.fromkeys(found))

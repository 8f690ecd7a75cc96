"""What an nftables script makes: tables with chains, sets and rules, as far as nft(8) has obeyed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from rescue.firewall.engine.conditions import Condition
from rescue.firewall.engine.ruleset import Action, Hook, RuleTarget
from rescue.firewall.nft.language.selectors import Selector
from rescue.firewall.nft.language.tokens import Token
from rescue.model import Location


class NftVerdict(NamedTuple):
    """accept, drop, continue, return, jump, goto or queue; and of jump and goto the chain."""

    word: str
    chain: str = ""


class Element(NamedTuple):
    """One element of a set: its fields, or of a map also what it leads to. carries: its statements and options."""

    fields: tuple[str, ...]
    data: NftVerdict | str | None = None
    carries: tuple[str, ...] = ()


@dataclass(slots=True)
class NamedSet:
    """A set or map. keys: the types of its elements' fields; data: what a map leads to. filled: a rule adds to it.

    carries: the statements that each element has. collected: it says how often elements that have timed out are swept.
    """

    name: str
    location: Location
    is_map: bool = False
    keys: tuple[str, ...] = ()
    data: str = ""
    flags: set[str] = field(default_factory=set)
    elements: list[Element] = field(default_factory=list)
    auto_merge: bool = False
    filled: bool = False
    carries: tuple[str, ...] = ()
    collected: bool = False

    @property
    def changing(self) -> bool:
        """Whether it holds something else after a while than what the script says."""
        return self.filled or bool(self.flags & {"dynamic", "timeout"})


@dataclass(frozen=True, slots=True)
class Match:
    """Compares fields of the packet. elements: what with, of one field or several; or `named`, a set.

    order: "<", ">", "<=" or ">=", where the one element is a bound.
    """

    selectors: tuple[Selector, ...]
    elements: Sequence[Element] = ()
    named: str = ""
    negated: bool = False
    mask: str = ""
    listed: bool = False
    equals: bool = False
    order: str = ""


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """``vmap``: what the packet's fields lead to."""

    selectors: tuple[Selector, ...]
    elements: Sequence[Element] = ()
    named: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """Uses a thing that the table holds by its name, or by that which a map gives for the packet's fields.

    kind: "counter", "quota", "limit" and so on; empty where the map's values themselves are what the rule uses.
    A packet that the map does not know is through with the rule.
    """

    kind: str
    name: str = ""
    selectors: tuple[Selector, ...] = ()
    elements: Sequence[Element] = ()
    named: str = ""


@dataclass(frozen=True, slots=True)
class MarkMap:
    """Sets a mark, or (action CONNMARK) that of the connection, to what a map gives for the packet's fields."""

    action: Action
    selectors: tuple[Selector, ...]
    elements: Sequence[Element] = ()
    named: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """Does something to fields of the packet that does not matter here; a packet without them is through.

    text: the value that is given, which must be one of the type `kind`.
    """

    selectors: tuple[Selector, ...]
    text: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Holds:
    """A condition that asks no field: a rate limit, a quota."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes the packet's marks or its tracking, and lets it go on."""

    target: RuleTarget


@dataclass(frozen=True, slots=True)
class Fills:
    """Adds to a set, or takes from it. key: the fields that are kept; empty for a constant."""

    name: str
    key: tuple[Selector, ...] = ()


@dataclass(frozen=True, slots=True)
class Ends:
    """What ends the rule: a verdict, or a target that is one. more: other statements may follow, which don't matter."""

    verdict: NftVerdict | None = None
    target: RuleTarget | None = None
    reject: str | None = None
    version: int | None = None
    more: bool = False


Statement = Match | VerdictMap | Named | MarkMap | Needs | Holds | Effect | Fills | Ends


class ChainBlock(NamedTuple):
    """A chain's block in braces. end: the index of its closing brace in the text of its file."""

    path: PurePosixPath
    end: int


@dataclass(slots=True)
class NftRule:
    """A rule. at: the index of its first character in the text of its file; block: it stands in a chain's block.

    uses: the chains, sets, maps and things that it names, each with its kind. hooks: where it can be, None for
    everywhere; nat: only in chains of that type. tracks: it makes conntrack work. pattern: what it shares with others
    that are like it but for an address (see `alike`).
    """

    statements: tuple[Statement, ...]
    location: Location
    at: int = 0
    block: bool = True
    uses: tuple[tuple[str, str], ...] = ()
    hooks: frozenset[Hook] | None = None
    nat: bool = False
    tracks: bool = False
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """What rules that are alike share: one of them, which of its statements has the address, how many tokens it is."""

    rule: NftRule
    match: Match
    slot: int
    tokens: int

    def like(self, address: str, first: Token) -> NftRule:
        """The same rule with another address, which begins at a token."""
        rule, match, slot = self.rule, self.match, self.slot
        own = Match(match.selectors, (Element((address,)),), "", match.negated, "", False, match.equals)
        return NftRule(
            (*rule.statements[:slot], own, *rule.statements[slot + 1 :]),
            first.source.location(first.at),
            first.at,
            True,
            rule.uses,
            rule.hooks,
            rule.nat,
            rule.tracks,
            self,
        )


@dataclass(slots=True)
class NftChain:
    """A chain. blocks: the braces in which its rules stand, in order; rules may also be added by commands.

    policy_here: the policy was set in the block that is read. made: it was there before that block.
    """

    name: str
    location: Location
    kind: str = ""
    hook: Hook | None = None
    priority: int = 0
    policy: str = ""
    policy_at: Location | None = None
    policy_here: bool = False
    made: bool = False
    devices: tuple[str, ...] = ()
    rules: list[NftRule] = field(default_factory=list)
    blocks: list[ChainBlock] = field(default_factory=list)


class Thing(NamedTuple):
    """A counter, quota, limit or the like that a table holds. condition: what asking for it says, if anything."""

    kind: str
    name: str
    location: Location
    condition: Condition | None = None


@dataclass(slots=True)
class NftTable:
    """A table. things: by kind and name. dormant: its chains are not asked."""

    family: str
    name: str
    location: Location
    chains: dict[str, NftChain] = field(default_factory=dict)
    sets: dict[str, NamedSet] = field(default_factory=dict)
    things: dict[tuple[str, str], Thing] = field(default_factory=dict)
    dormant: bool = False

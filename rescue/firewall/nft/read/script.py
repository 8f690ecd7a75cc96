"""What an nftables script creates: tables with chains, sets and rules, as far as nft(8) has executed it."""

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
    """accept, drop, continue, return, jump, goto or queue; for jump and goto also the chain."""

    word: str
    chain: str = ""


class Element(NamedTuple):
    """One element of a set: its fields, and for a map what it leads to. carries: its statements and options."""

    fields: tuple[str, ...]
    data: NftVerdict | str | None = None
    carries: tuple[str, ...] = ()


@dataclass(slots=True)
class NamedSet:
    """A set or map. keys: the types of its elements' fields; data: what a map leads to. filled: a rule adds to it.

    carries: the statements of each element. collected: it sets how often expired elements are swept.
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
        """Whether its content may later differ from the script."""
        return self.filled or bool(self.flags & {"dynamic", "timeout"})


@dataclass(frozen=True, slots=True)
class Match:
    """Compares fields of the packet. elements: the values, of one field or several; or `named`, a set.

    order: "<", ">", "<=" or ">=", with the one element as the bound.
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
    """``vmap``: the verdict for the packet's fields."""

    selectors: tuple[Selector, ...]
    elements: Sequence[Element] = ()
    named: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """Uses an object of the table by name, or the one that a map gives for the packet's fields.

    kind: "counter", "quota", "limit" and so on; empty if the rule uses the map's values themselves. For a packet that
    is not in the map the rule ends here.
    """

    kind: str
    name: str = ""
    selectors: tuple[Selector, ...] = ()
    elements: Sequence[Element] = ()
    named: str = ""


@dataclass(frozen=True, slots=True)
class MarkMap:
    """Sets the packet's mark, or (action CONNMARK) the connection's, to the map's value for the packet's fields."""

    action: Action
    selectors: tuple[Selector, ...]
    elements: Sequence[Element] = ()
    named: str = ""


@dataclass(frozen=True, slots=True)
class Needs:
    """Does something irrelevant here to fields of the packet; for a packet without them the rule ends here.

    text: the value given, which must be of the type `kind`.
    """

    selectors: tuple[Selector, ...]
    text: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Holds:
    """A condition on no field: a rate limit, a quota."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Effect:
    """Changes the packet's marks or its tracking, and continues."""

    target: RuleTarget


@dataclass(frozen=True, slots=True)
class Fills:
    """Adds to a set, or deletes from it. key: the fields that are stored; empty for a constant."""

    name: str
    key: tuple[Selector, ...] = ()


@dataclass(frozen=True, slots=True)
class Ends:
    """Ends the rule: a verdict, or a terminal target. more: other statements may follow, which don't matter."""

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
    """A rule. at: the index of its first character in the text of its file; block: the chain's block that it is in.

    uses: the chains, sets, maps and objects that it names, each with its kind. hooks: where it is allowed, None for
    everywhere; nat: only in chains of that type. tracks: it activates conntrack. pattern: what it shares with rules
    that differ only in an address (see `alike`).
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
    """What similar rules share: one of them, the statement with the address, the number of tokens."""

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
    """A chain. blocks: the braces that contain its rules, in order; commands may add rules as well.

    policy_here: the policy was set in the current block. made: it existed before that block.
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
    """A counter, quota, limit or similar object of a table. condition: what using it tests, if anything."""

    kind: str
    name: str
    location: Location
    condition: Condition | None = None


@dataclass(slots=True)
class NftTable:
    """A table. things: by kind and name. dormant: its chains are not evaluated."""

    family: str
    name: str
    location: Location
    chains: dict[str, NftChain] = field(default_factory=dict)
    sets: dict[str, NamedSet] = field(default_factory=dict)
    things: dict[tuple[str, str], Thing] = field(default_factory=dict)
    dormant: bool = False

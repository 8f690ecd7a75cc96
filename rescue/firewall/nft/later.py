"""Interfaces that a script names by index ("iif", "oif"), and that may not exist yet when nft loads it.

nft looks up their index while loading: if one is missing it loads nothing at all (meta.c, ifindex_type_parse()).
nftables.service runs before the network is set up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from re import compile as compile_pattern

from rescue.firewall.engine.conditions import Doubt, Fixed
from rescue.firewall.engine.packet import is_internal
from rescue.firewall.engine.ruleset import Action, Chain, Rule, RuleTarget, Table
from rescue.firewall.nft.read.script import Element, MarkMap, Match, Named, NftTable, VerdictMap
from rescue.model import Location

_MADE = compile_pattern(r"(br|bond|team|vlan|macvlan|ipvlan|ppp|vmbr|vrf|vxlan)\d|.*\.\d+$")
"""Names of interfaces that programs create from others: bridges, bonds, VLANs."""

_LOOPBACK = "lo"


def made_later(name: str) -> bool:
    """Whether some program creates an interface of that name once the server is up."""
    return name != _LOOPBACK and (is_internal(name) or _MADE.match(name) is not None)


def named_too_early(tables: Iterable[NftTable]) -> tuple[str, Location] | None:
    """The first interface that may be missing when nft looks it up, and where it is named."""
    for table in tables:
        for held in table.sets.values():
            for name in _of(held.keys, held.elements):
                return name, held.location
        seen: set[int] = set()
        for chain in table.chains.values():
            for rule in chain.rules:
                if rule.pattern is not None:
                    if id(rule.pattern) in seen:
                        continue  # it differs only in an address
                    seen.add(id(rule.pattern))
                for statement in rule.statements:
                    if isinstance(statement, Match | VerdictMap | MarkMap | Named):
                        for name in _of([each.kind for each in statement.selectors], statement.elements):
                            return name, rule.location
    return None


def _of(kinds: Sequence[str], elements: Iterable[Element]) -> Iterator[str]:
    places = [at for at, kind in enumerate(kinds) if kind == "iface_index"]
    for element in elements if places else ():
        for at in places:
            if at < len(element.fields) and made_later(element.fields[at]):
                yield element.fields[at]


def doubted(tables: dict[str, Table], name: str, here: Location) -> dict[str, Table]:
    """The tables as nft loads them, given that it may load none: then everybody gets in."""
    reason = f"whether the network interface {name} exists when nft loads the rules: without it, nft loads none of them"

    def beside(chain: Chain) -> Chain:
        if chain.hook is None:
            return chain
        rule = Rule(chain.name, (Fixed(Doubt(reason)),), RuleTarget(Action.ACCEPT, "accept"), here)
        return replace(chain, rules=(rule, *chain.rules))

    return {
        key: replace(table, chains={name: beside(chain) for name, chain in table.chains.items()})
        for key, table in tables.items()
    }

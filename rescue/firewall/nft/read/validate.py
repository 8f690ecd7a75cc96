"""Rules that the kernel rejects: names that do not exist, places where they are not allowed (nf_tables_api.c)."""

from __future__ import annotations

from collections.abc import Iterable

from rescue.firewall.engine.ruleset import Hook
from rescue.firewall.nft.language.tokens import NftError
from rescue.firewall.nft.read.script import NftChain, NftRule, NftTable

DEEPEST = 16
"""How deep chains may nest, including the base chain (NFT_JUMP_STACK_SIZE)."""


def settle(table: NftTable, rules: Iterable[NftRule]) -> None:
    """Reject rules that name something that does not exist when they are added. Raises NftError."""
    for rule in rules:
        for kind, name in rule.uses:
            if kind == "chain":
                _jump(table, rule, name)
            elif kind in ("set", "map"):
                if name not in table.sets:
                    raise NftError(f"there is no {kind} {name}", rule.location)
            elif (kind, name) not in table.things:
                raise NftError(f"there is no {kind} {name}", rule.location)


def _jump(table: NftTable, rule: NftRule, name: str) -> None:
    below = table.chains.get(name)
    if below is None:
        raise NftError(f"there is no chain {name}", rule.location)
    if below.hook is not None:
        raise NftError(f"nothing can jump to {name}, a base chain", rule.location)


def validate(table: NftTable) -> None:
    """Reject rules reachable from hooks where they are not allowed, and jumps in a loop. Raises NftError."""
    for chain in table.chains.values():
        if chain.hook is not None:
            _Validation(table, chain).visit(chain, (chain.name,))


class _Validation:
    """The chains reachable from one base chain (nft_chain_validate())."""

    def __init__(self, table: NftTable, base: NftChain) -> None:
        self.table = table
        self.base = base
        self.seen: set[tuple[str, int]] = set()

    def visit(self, chain: NftChain, path: tuple[str, ...]) -> None:
        for rule in chain.rules:
            if rule.hooks is not None:
                self._place(rule)
            for kind, name in rule.uses:
                if kind == "chain":
                    self._below(rule, name, path)
                elif kind == "map":
                    for element in self.table.sets[name].elements if name in self.table.sets else ():
                        if isinstance(element.data, tuple) and element.data.chain:
                            self._below(rule, element.data.chain, path)

    def _place(self, rule: NftRule) -> None:
        hook = self.base.hook or Hook.INPUT
        if hook not in (rule.hooks or ()):
            raise NftError(f"a statement of this rule can't be used at the hook {hook}", rule.location)
        if rule.nat and self.base.kind != "nat":
            raise NftError("a rule that changes addresses can only be in a chain of type nat", rule.location)

    def _below(self, rule: NftRule, name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise NftError(f"the chains jump in a loop: {' to '.join([*path, name])}", rule.location)
        if len(path) >= DEEPEST:
            raise NftError(f"the chains nest too deep: {name}", rule.location)
        if name not in self.table.chains:
            raise NftError(f"there is no chain {name}", rule.location)
        if (name, len(path)) not in self.seen:
            self.seen.add((name, len(path)))
            self.visit(self.table.chains[name], (*path, name))

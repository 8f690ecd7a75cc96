"""Which firewall keeps which client out, and what kind of mistake it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from rescue.firewall.addresses import Address, AddressSet, ordinary, union
from rescue.firewall.boot import UFW
from rescue.firewall.conditions import Addresses, Interface, Ports
from rescue.firewall.ipset_match import InSet
from rescue.firewall.packet import is_internal
from rescue.firewall.reach import Reach, reach
from rescue.firewall.ruleset import Action, Firewall, Rule
from rescue.firewall.ufw_tuples import Tuple, tuple_of
from rescue.firewall.verdict import Decision, Kind, Verdict
from rescue.tree import Tree

SSH = 22
STAND_INS = (2200, 2222, 22022, 22222)
"""Ports that people move SSH to, and that nothing else is known to use."""


class Mistake(StrEnum):
    """What keeps the client out. RULE: a rule or a policy that the others below do not describe better."""

    NO_RULE = "no rule lets SSH in"
    OTHER_PORT = "the rule for SSH is for another port"
    RULE = "a rule or a policy turns the client away"
    ALLOW_LIST = "only certain addresses are let in, and the client's is none of them"
    SET = "a saved ipset has the client in it, or not in it"


@dataclass(frozen=True, slots=True)
class Block:
    """One firewall that does not let SSH through.

    sources: the client's addresses that are turned away; empty if none is known, then `verdict` is that on most of the
    world. certain: false if that depends on something which is not on the disk. admitted: who gets through.
    other: the rule for SSH on another port, of Mistake.OTHER_PORT; the rule that asks the set, of Mistake.SET. inner: a
    rule that lets the port in on an inner interface alone, such as a VPN's: then it may be meant to be closed to the
    world.
    """

    firewall: Firewall
    port: int
    version: int
    sources: tuple[Address, ...]
    verdict: Verdict
    certain: bool
    mistake: Mistake
    admitted: AddressSet
    other: Rule | None = None
    inner: Rule | None = None

    @property
    def decision(self) -> Decision | None:
        """What turns the client away, first."""
        return self.verdict.decisions[0] if self.verdict.decisions else None


def blocks(tree: Tree, firewalls: Sequence[Firewall], port: int, sources: Sequence[Address]) -> Iterator[Block]:
    """What keeps `sources` from `port`, firewall by firewall: each one that does must be mended.

    With no source known, the whole of IPv4 is judged: a firewall blocks if most of it is turned away.
    """
    versions = sorted({source.version for source in sources}) or [4]
    for firewall in firewalls:
        for version in versions:
            here = reach([firewall], port, version, discovery=True)
            mine = tuple(source for source in sources if source.version == version)
            found = _for_sources(here, mine) if mine else _for_anybody(here)
            if found is not None:
                yield _block(tree, here, found)


def _block(tree: Tree, here: Reach, found: _Found) -> Block:
    mistake, other = _mistake(tree, here, found)
    return Block(
        firewall=here.firewalls[0],
        port=here.port,
        version=here.version,
        sources=found.sources,
        verdict=found.verdict,
        certain=found.certain,
        mistake=mistake,
        admitted=here.accepted,
        other=other,
        inner=_inner(here),
    )


def _inner(here: Reach) -> Rule | None:
    """A rule that lets the port in on an interface by which nobody from outside comes."""
    for _, rule in here.firewalls[0].ruleset(here.version).rules():
        if rule.target.action is Action.ACCEPT and _opens(rule, here.port):
            for each in rule.conditions:
                if isinstance(each, Interface) and not each.negated and each.name != "lo" and is_internal(each.name):
                    return rule
    return None


@dataclass(frozen=True, slots=True)
class _Found:
    sources: tuple[Address, ...]
    verdict: Verdict
    certain: bool


def _for_sources(here: Reach, sources: tuple[Address, ...]) -> _Found | None:
    """The sources that certainly do not get through, else those for which it depends."""
    verdicts = {source: here.verdict_for(source) for source in sources}
    for certain in (True, False):
        out = tuple(each for each, verdict in verdicts.items() if not verdict.accepted and verdict.closed is certain)
        if out:
            return _Found(out, verdicts[out[0]], certain)
    return None


def _for_anybody(here: Reach) -> _Found | None:
    world = ordinary(here.version)
    if 2 * here.accepted.count >= world.count:
        return None
    possible = world - here.blocked
    certain = not _people(possible)
    return _Found((), here.verdict(world - here.accepted), certain)


@cache
def _nobody(version: int) -> AddressSet:
    """Addresses that no client on the network has: reserved ones, and those of a link without any configuration."""
    texts = ("0.0.0.0/8", "169.254.0.0/16", "240.0.0.0/4") if version == 4 else ("100::/64",)
    return union(version, map(AddressSet.network, texts))


def _people(found: AddressSet) -> AddressSet:
    """The addresses of `found` that somebody could come from."""
    return found - _nobody(found.version)


def mostly_open(here: Reach) -> bool:
    """Whether most of the world gets through: what is left out are bans, not the lack of a rule."""
    return 2 * here.accepted.count >= ordinary(here.version).count


def _mistake(tree: Tree, here: Reach, found: _Found) -> tuple[Mistake, Rule | None]:
    firewall = here.firewalls[0]
    if (asking := _rule_with_set(here, found)) is not None:
        return Mistake.SET, asking
    if _people(here.accepted):
        return (Mistake.RULE if mostly_open(here) or _singled_out(found) else Mistake.ALLOW_LIST), None
    ruleset = firewall.ruleset(here.version)
    if firewall.manager != UFW or ruleset.problems or _user_chain(firewall, here.version) is None:
        return Mistake.RULE, None
    rules = list(_openings(firewall, here.version))
    if any(_opens(rule, here.port) for rule in rules):
        return Mistake.RULE, None
    other = next((rule for rule in rules if _is_for_ssh(rule, tuple_of(tree, rule.location))), None)
    return (Mistake.OTHER_PORT, other) if other else (Mistake.NO_RULE, None)


def asks_set(rule: Rule) -> InSet | None:
    """What a rule asks an ipset about where connections come from; None if it does not."""
    return next((each for each in rule.conditions if isinstance(each, InSet) and each.of_client), None)


def _rule_with_set(here: Reach, found: _Found) -> Rule | None:
    """The rule that asks an ipset, by which the client is turned away or would be let in."""
    decisions = found.verdict.decisions
    turning = next((rule for each in decisions[:1] for rule in each.path if asks_set(rule) is not None), None)
    if turning is not None and (found.sources or not mostly_open(here)):
        return turning
    for _, rule in here.firewalls[0].ruleset(here.version).rules():
        asked = asks_set(rule)
        if asked is not None and not asked.negated and rule.target.action is Action.ACCEPT:
            for_ports = any(isinstance(each, Ports) and each.destination for each in rule.conditions)
            if not for_ports or _opens(rule, here.port):
                return rule
    return None


def _singled_out(found: _Found) -> bool:
    """Whether a rule names the client's own address to turn it away: then a longer list of the admitted is no help."""
    decisions = found.verdict.decisions
    if not found.sources or not decisions or decisions[0].rule is None:
        return False
    return any(
        isinstance(each, Addresses)
        and each.source
        and isinstance(each.addresses, AddressSet)
        and 2 * each.addresses.count < ordinary(each.addresses.version).count
        for rule in decisions[0].path
        for each in rule.conditions
    )


def _user_chain(firewall: Firewall, version: int) -> tuple[Rule, ...] | None:
    """The rules of ufw's chain for what a person has allowed; None if ufw has none for this IP version."""
    table = firewall.ruleset(version).tables.get("filter")
    chain = table.chains.get("ufw-user-input" if version == 4 else "ufw6-user-input") if table else None
    return chain.rules if chain is not None else None


def _openings(firewall: Firewall, version: int) -> Iterator[Rule]:
    """ufw's rules that let TCP connections to certain ports in."""
    for rule in _user_chain(firewall, version) or ():
        accepts = rule.target.action is Action.ACCEPT or rule.target.name.endswith("-user-limit-accept")
        if accepts and any(isinstance(each, Ports) and each.destination for each in rule.conditions):
            yield rule


def _opens(rule: Rule, port: int) -> bool:
    return any(
        low <= port <= high
        for each in rule.conditions
        if isinstance(each, Ports) and each.destination and not each.negated
        for low, high in each.ranges
    )


def _opens_only(rule: Rule, port: int) -> bool:
    only = ((port, port),)
    return any(isinstance(each, Ports) and each.destination and each.ranges == only for each in rule.conditions)


def _is_for_ssh(rule: Rule, made: Tuple | None) -> bool:
    """Whether a rule was clearly made for SSH: by its port, by the application's name or by a comment."""
    if _opens(rule, SSH) or any(_opens_only(rule, port) for port in STAND_INS):
        return True
    return made is not None and ("ssh" in made.application.lower() or "ssh" in made.comment.lower())


def kept_out(verdict: Verdict) -> Kind:
    """How the client is kept out: by silence or by an answer. Of a doubtful verdict, the first that may apply."""
    if verdict.kind is not Kind.DEPENDS:
        return verdict.kind
    kinds = [each.kind for each in verdict.decisions if each.kind in (Kind.DROP, Kind.REJECT)]
    return kinds[0] if kinds else Kind.DROP

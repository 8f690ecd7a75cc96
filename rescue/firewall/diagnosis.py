"""Which firewall blocks which client, and what kind of mistake it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from rescue.firewall.allow_rules import is_for_ssh, openings, opens, port_is_denied, user_chain
from rescue.firewall.boot import FIREWALLD, NFTABLES, UFW
from rescue.firewall.engine.addresses import Address, AddressSet, ordinary, union
from rescue.firewall.engine.conditions import Addresses, Interface, Ports
from rescue.firewall.engine.packet import is_internal
from rescue.firewall.engine.reach import Reach, reached
from rescue.firewall.engine.ruleset import Action, Firewall, Rule
from rescue.firewall.engine.verdict import Decision, Stage, Verdict, VerdictKind
from rescue.firewall.ipset.match import InSet
from rescue.firewall.ufw.tuples import tuple_of
from rescue.tree import Tree


class Mistake(StrEnum):
    """What blocks the client. RULE: a rule or policy that no other value describes better."""

    NO_RULE = "no rule lets SSH in"
    OTHER_PORT = "the rule for SSH is for another port"
    RULE = "a rule or policy blocks the client"
    ALLOW_LIST = "only certain addresses are allowed, and the client's is not among them"
    SET = "the client is in a saved ipset, or missing from one"
    ORDER = "a rule that blocks comes before the one that allows"
    REPLY = "the server's answer is blocked"
    IPV6 = "allowed over IPv4 but not over IPv6"
    TWO = "another firewall lets the client in, this one does not"
    NOT_LOADED = "the nftables file meant to replace it does not load"


_PLAIN = (Mistake.RULE, Mistake.NO_RULE, Mistake.OTHER_PORT)
"""Mistakes that another firewall, or the same one over IPv4, may explain better."""


@dataclass(frozen=True, slots=True)
class Blockage:
    """One firewall that blocks SSH.

    sources: the client's addresses that are blocked; empty if none is known, then `verdict` is that for most of the
    world. certain: false if it depends on something that is not on the disk. admitted: who gets through. other: the
    rule meant for SSH, for OTHER_PORT, ORDER, IPV6 and TWO; the rule that uses the set, for SET. beside: the other
    firewall, for TWO and NOT_LOADED. inner: a rule that lets the port in only on an internal interface, such as a
    VPN's: the port may be closed to the world on purpose.
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
    beside: Firewall | None = None

    @property
    def decision(self) -> Decision | None:
        """The first rule or policy that blocks the client."""
        return self.verdict.decisions[0] if self.verdict.decisions else None


def blocks(tree: Tree, firewalls: Sequence[Firewall], port: int, sources: Sequence[Address]) -> Iterator[Blockage]:
    """What blocks `sources` from `port`, one entry for each firewall that does: every one needs a repair.

    With no source known, all of IPv4 is checked: a firewall blocks if it rejects or drops most of it.
    """
    versions = sorted({source.version for source in sources}) or [4]
    for firewall in firewalls:
        for version in versions:
            here = reached(tree, [firewall], port, version, discovery=True)
            mine = tuple(source for source in sources if source.version == version)
            found = _for_sources(here, mine) if mine else _for_anybody(here)
            if found is not None:
                yield _block(tree, here, found, [each for each in firewalls if each is not firewall])


def _block(tree: Tree, here: Reach, found: _Found, others: Sequence[Firewall]) -> Blockage:
    mistake, other = _mistake(tree, here, found)
    beside = None
    if mistake in _PLAIN and not _singled_out(found) and _can_be_told(here):
        better = _by_what_stands_beside(tree, here, found, others)
        mistake, other, beside = better or (mistake, other, None)
    return Blockage(
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
        beside=beside,
    )


def _can_be_told(here: Reach) -> bool:
    """Whether the firewall's rules were written by a person, and load: for firewalld that shows in zones, unless its
    files are broken."""
    firewall = here.firewalls[0]
    if firewall.manager == UFW:
        return not firewall.ruleset(here.version).problems and user_chain(firewall, here.version) is not None
    return firewall.manager != FIREWALLD


def _by_what_stands_beside(
    tree: Tree, here: Reach, found: _Found, others: Sequence[Firewall]
) -> tuple[Mistake, Rule | None, Firewall | None] | None:
    """The mistake explained by other firewalls, or by the same one over IPv4."""
    firewall = here.firewalls[0]
    for other in others:
        if other.manager == NFTABLES and other.problems:
            return Mistake.NOT_LOADED, None, other
    if found.verdict.stage is Stage.REPLY:
        return None
    for other in others:
        rule = next(openings(other, here.version, here.port), None)
        if rule is not None and _lets_in(reached(tree, [other], here.port, here.version, discovery=True), found):
            return Mistake.TWO, rule, other
    if here.version == 6:
        rule = next(openings(firewall, 4, here.port), None)
        if rule is not None and mostly_open(reached(tree, [firewall], here.port, 4)):
            return Mistake.IPV6, rule, None
    return None


def _lets_in(other: Reach, found: _Found) -> bool:
    if found.sources:
        return all(other.verdict_for(source).accepted for source in found.sources)
    return mostly_open(other)


def _inner(here: Reach) -> Rule | None:
    """A rule that lets the port in on an interface that no outside client uses."""
    for _, rule in here.firewalls[0].ruleset(here.version).rules():
        if rule.target.action is Action.ACCEPT and opens(rule, here.port):
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
    """The sources that are certainly blocked, else those for which it depends."""
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
    """Addresses that no client on the network has: reserved ones, and link-local ones."""
    texts = ("0.0.0.0/8", "169.254.0.0/16", "240.0.0.0/4") if version == 4 else ("100::/64",)
    return union(version, map(AddressSet.network, texts))


def _people(found: AddressSet) -> AddressSet:
    """The addresses of `found` that a client could connect from."""
    return found - _nobody(found.version)


def mostly_open(here: Reach) -> bool:
    """Whether most of the world gets through: then the blocked rest is a ban, not a missing rule."""
    return 2 * here.accepted.count >= ordinary(here.version).count


def _mistake(tree: Tree, here: Reach, found: _Found) -> tuple[Mistake, Rule | None]:
    if (asking := _rule_with_set(here, found)) is not None:
        return Mistake.SET, asking
    firewall, version, port = here.firewalls[0], here.version, here.port
    if firewall.manager == FIREWALLD:
        listed = _people(here.accepted) and not mostly_open(here) and not _singled_out(found)
        return (Mistake.ALLOW_LIST if listed else Mistake.RULE), None
    if _people(here.accepted):
        return (Mistake.RULE if mostly_open(here) or _singled_out(found) else Mistake.ALLOW_LIST), None
    if not _can_be_told(here):
        return Mistake.RULE, None
    if found.verdict.stage is Stage.REPLY and found.certain:
        return Mistake.REPLY, None
    if any(True for _ in openings(firewall, version, port)):
        later = _later(here, found) if firewall.manager == UFW else None
        return (Mistake.ORDER, later) if later else (Mistake.RULE, None)
    if firewall.manager != UFW and port_is_denied(firewall, version, port):
        return Mistake.RULE, None
    other = next(
        (rule for rule in openings(firewall, version) if is_for_ssh(rule, tuple_of(tree, rule.location))), None
    )
    if other is not None:
        return Mistake.OTHER_PORT, other
    forgotten = firewall.manager == UFW and _inner(here) is None
    return (Mistake.NO_RULE if forgotten else Mistake.RULE), None


def _later(here: Reach, found: _Found) -> Rule | None:
    """ufw's rule that would let the client in, were it not blocked by an earlier ufw rule."""
    decisions = found.verdict.decisions
    rules = user_chain(here.firewalls[0], here.version) or ()
    denying = decisions[0].rule if decisions else None
    if denying is None or denying not in rules or _singled_out(found):
        return None
    behind = rules[rules.index(denying) + 1 :]
    return next((rule for rule in openings(here.firewalls[0], here.version, here.port) if rule in behind), None)


def asks_set(rule: Rule) -> InSet | None:
    """The condition of a rule that looks up the source address in an ipset; None if it has none."""
    return next((each for each in rule.conditions if isinstance(each, InSet) and each.of_client), None)


def _rule_with_set(here: Reach, found: _Found) -> Rule | None:
    """The rule with an ipset condition that blocks the client or would let it in."""
    decisions = found.verdict.decisions
    turning = next((rule for each in decisions[:1] for rule in each.path if asks_set(rule) is not None), None)
    if turning is not None and (found.sources or not mostly_open(here)):
        return turning
    for _, rule in here.firewalls[0].ruleset(here.version).rules():
        asked = asks_set(rule)
        if asked is not None and not asked.negated and rule.target.action is Action.ACCEPT:
            for_ports = any(isinstance(each, Ports) and each.destination for each in rule.conditions)
            if not for_ports or opens(rule, here.port):
                return rule
    return None


def _singled_out(found: _Found) -> bool:
    """Whether a rule blocks the client's own address by name: adding it to an allow list would not help then."""
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


def kept_out(verdict: Verdict) -> VerdictKind:
    """How the client is blocked: silently or with an answer. For an uncertain verdict, the first that may apply."""
    if verdict.kind is not VerdictKind.DEPENDS:
        return verdict.kind
    kinds = [each.kind for each in verdict.decisions if each.kind in (VerdictKind.DROP, VerdictKind.REJECT)]
    return kinds[0] if kinds else VerdictKind.DROP

"""From firewalld's configuration to the chains that the kernel traverses, for one IP version.

The chains are those that core/nftables.py and core/ipXtables.py of firewalld build, under their names. For firewalld 2
the order of policies and zones is kept, not the layout: there one chain holds each zone next to its policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rescue.firewall.engine.addresses import AddressSet, union
from rescue.firewall.engine.conditions import Addresses, Assumed, Condition, Doubt, Fixed, Icmp, Interface, States
from rescue.firewall.engine.ruleset import Action, Chain, Hook, Rule, RuleTarget, Table
from rescue.firewall.firewalld import objects
from rescue.firewall.firewalld.chain_parts import ACCEPT, ANY_ICMP, DROP, SUFFIXES, Parts, refusal
from rescue.firewall.firewalld.conf import PATH
from rescue.firewall.firewalld.objects import Area, Named, Policy, Zone
from rescue.firewall.firewalld.store import Configuration
from rescue.model import Location

OFFSET = 10
"""How far after iptables' chains those of the nftables backend run (NFT_HOOK_OFFSET)."""

NFT_TABLE = "inet firewalld"

BASES = (
    ("mangle", "PREROUTING", Hook.PREROUTING, -150),
    ("nat", "PREROUTING", Hook.PREROUTING, -100),
    ("filter", "PREROUTING", Hook.PREROUTING, 0),
    ("filter", "INPUT", Hook.INPUT, 0),
    ("filter", "OUTPUT", Hook.OUTPUT, 0),
)
"""The base chains that an SSH connection passes."""

LAST = 1 << 16
"""A priority after that of every zone."""

HIDDEN = (
    "::/96", "::ffff:0:0/96", "2002::/24", "2002:a00::/24", "2002:7f00::/24", "2002:ac10::/28", "2002:c0a8::/32",
    "2002:a9fe::/32", "2002:e000::/19",
)  # fmt: skip
"""IPv6 addresses with an embedded IPv4 address that is not used on the internet (RFC 3964)."""

HERE = Location(PATH)


def own(what: str) -> Location:
    """The location given for firewalld's built-in rules, in words."""
    return Location(PATH, 0, f"(firewalld's own: {what})")


KNOWN = own("what belongs to a connection that was let in is accepted")
LOOPBACK = own("the server's own packets are accepted")
ODD = own("packets that fit no connection are dropped")
DIRECT = own("direct rules")
ZONES = own("to the zone that the packet comes into")
LEFT = own("what no zone has taken is refused")

BACK = "the way back to the client leads through the interface that it comes in by"


@dataclass(frozen=True, slots=True)
class Binding:
    """A dispatch into a zone. at: the line that binds it."""

    zone: Zone
    conditions: tuple[Condition, ...]
    at: Location


class Lowering:
    """Builds the chains."""

    def __init__(self, config: Configuration, version: int) -> None:
        self.config = config
        self.version = version
        self.nft = config.conf.nftables
        self.old = config.dialect.version is not None and config.dialect.version < (1, 0)
        self.parts = Parts(config, version)
        self.rules: dict[tuple[str, str], list[Rule]] = {}
        self.bindings = list(bindings(config, self.parts))

    def tables(self) -> dict[str, Table]:
        """The tables by name. Raises Invalid and Unclear."""
        self._input()
        self._output()
        if self.version == 6 and self.config.conf.reverse_path_filter:
            self._reverse_path()
        for table in ("nat", "mangle"):
            areas = [*(each.zone for each in self.bindings), *self.config.policies.values()]
            if any(self.parts.of(area, table) for area in areas):
                self._dispatch(table, "PREROUTING")
        return self._frozen()

    def name(self, table: str, chain: str) -> str:
        return f"{table}_{chain}" if self.nft else chain

    def add(self, table: str, chain: str, target: RuleTarget, at: Location, *conditions: Condition) -> None:
        name = self.name(table, chain)
        self.rules.setdefault((table, name), []).append(Rule(name, conditions, target, at))

    def lead(self, table: str, chain: str, to: str, at: Location, *conditions: Condition, goto: bool = False) -> None:
        """A jump, or goto, to another chain of the table."""
        self.rules.setdefault((table, self.name(table, to)), [])
        self.add(table, chain, RuleTarget(Action.GOTO if goto else Action.JUMP, self.name(table, to)), at, *conditions)

    # -- base chains ------------------------------------------------------------------------------------------------

    def _input(self) -> None:
        self.add("filter", "INPUT", ACCEPT, KNOWN, States(frozenset(["ESTABLISHED", "RELATED"])))
        self.add("filter", "INPUT", ACCEPT, LOOPBACK, Interface(True, "lo"))
        self.add("filter", "INPUT", DROP, ODD, States(frozenset(["INVALID"])))
        if not self.nft:
            self.lead("filter", "INPUT", "INPUT_direct", DIRECT)
        self._dispatch("filter", "INPUT")
        self.add("filter", "INPUT", refusal(self.version, prohibited=True, nftables=self.nft), LEFT)

    def _output(self) -> None:
        if not self.nft:
            self.lead("filter", "OUTPUT", "OUTPUT_direct", DIRECT)
        if not self.old:
            self.add("filter", "OUTPUT", ACCEPT, KNOWN, States(frozenset(["ESTABLISHED", "RELATED"])))
        if self.version == 6 and self.config.conf.refuses_6to4:
            hidden = union(6, map(AddressSet.network, HIDDEN))
            unreachable = RuleTarget(Action.REJECT, how="icmp6-addr-unreachable")
            at = self.config.conf.location("RFC3964_IPv4")
            self.add("filter", "OUTPUT", unreachable, at, Addresses(False, hidden))
        self.add("filter", "OUTPUT", ACCEPT, LOOPBACK, Interface(False, "lo"))
        for policy in self._ordered(each for each in self.config.policies.values() if _has(each.ingress, "HOST")):
            for conditions in self._fragments(policy.egress, inward=False):
                chain = self._area_chain("filter", policy, f"OUT_policy_{policy.name}")
                self.lead("filter", "OUTPUT", chain, policy.location, *conditions)

    def _reverse_path(self) -> None:
        here = self.config.conf.location("IPv6_rpfilter")
        for kind in (134, 135):
            self.add("filter", "PREROUTING", ACCEPT, here, Icmp((kind, None)))
        self.add("filter", "PREROUTING", DROP, here, Fixed(Assumed(False, BACK)))

    # -- zones and policies -------------------------------------------------------------------------------------------

    def _dispatch(self, table: str, hook: str) -> None:
        chain = f"{hook}_ZONES"
        self.lead(table, hook, chain, ZONES)
        done: set[str] = set()
        for binding in self.bindings:
            to = self._zone_chain(table, hook, binding.zone, done)
            goto = not self._falls_through(binding.zone)
            self.lead(table, chain, to, binding.at, *binding.conditions, goto=goto)
        default = self.config.zones[self.config.default]
        if table == "filter" and self._falls_through(default):
            self.add(table, chain, self._zone_target(default), default.location)

    def _zone_chain(self, table: str, hook: str, zone: Zone, done: set[str]) -> str:
        chain = f"{'IN' if table == 'filter' else 'PRE'}_{zone.name}"
        if chain in done:
            return chain
        done.add(chain)
        self._policies(table, hook, chain, zone, before=True)
        self._suffixes(table, chain, zone)
        pairs = self.config.dialect.by_pairs
        if pairs:
            self._icmp(table, chain, zone)
        self._policies(table, hook, chain, zone, before=False)
        if not pairs:
            self._icmp(table, chain, zone)
        if table == "filter" and not self._falls_through(zone):
            self.add(table, chain, self._zone_target(zone), zone.location)
        return chain

    def _falls_through(self, zone: Zone) -> bool:
        """Since 2.0 what a zone with the target "default" does not take goes on to the next one; before, it is refused
        as what no zone has taken."""
        return zone.target == "default" and self.config.dialect.by_pairs

    def _zone_target(self, zone: Zone) -> RuleTarget:
        match zone.target:
            case "ACCEPT":
                return ACCEPT
            case "DROP":
                return DROP
            case objects.UNSAID if not self.old:
                return refusal(self.version, prohibited=self.nft, nftables=self.nft)
        return refusal(self.version, prohibited=True, nftables=self.nft)

    def _icmp(self, table: str, chain: str, zone: Zone) -> None:
        """ICMP is let in where a zone neither drops nor rejects by itself; with the blocks inverted, it is not."""
        if table != "filter" or zone.target in ("DROP", "%%REJECT%%"):
            return
        answer = refusal(self.version, prohibited=True, nftables=self.nft) if zone.icmp_block_inversion else ACCEPT
        self.add(table, chain, answer, zone.location, ANY_ICMP)

    def _policies(self, table: str, hook: str, chain: str, zone: Zone, *, before: bool) -> None:
        wanted = [
            policy
            for policy in self.config.policies.values()
            if (policy.priority < 0) is before and self._concerns(policy, table)
        ]
        for policy in self._ordered(wanted):
            if self.config.dialect.by_pairs:
                if _has(policy.ingress, "ANY", zone.name):
                    self._enter(table, chain, policy)
            elif self._is_active(policy):
                for conditions in self._fragments(policy.ingress, inward=True):
                    self._enter(table, chain, policy, *conditions)

    def _enter(self, table: str, chain: str, policy: Policy, *conditions: Condition) -> None:
        name = f"{'IN' if table == 'filter' else 'PRE'}_policy_{policy.name}"
        self.lead(table, chain, self._area_chain(table, policy, name), policy.location, *conditions)

    def _area_chain(self, table: str, policy: Policy, name: str) -> str:
        if (table, self.name(table, name)) in self.rules:
            return name
        self.rules[table, self.name(table, name)] = []
        self._suffixes(table, name, policy)
        if table == "filter" and policy.target != "CONTINUE":
            plain = refusal(self.version, prohibited=self.nft, nftables=self.nft)
            target = {"ACCEPT": ACCEPT, "DROP": DROP}.get(policy.target, plain)
            self.add(table, name, target, policy.location)
        return name

    def _suffixes(self, table: str, chain: str, area: Area) -> None:
        found = self.parts.of(area, table)
        for suffix in SUFFIXES:
            mine = [part for part in found if part.suffix == suffix]
            if mine:
                self.lead(table, chain, f"{chain}_{suffix}", area.location)
            for part in mine:
                self.add(table, f"{chain}_{suffix}", part.target, part.location, *part.conditions)

    def _concerns(self, policy: Policy, table: str) -> bool:
        if table == "filter":
            return _has(policy.egress, "HOST")
        return not _has(policy.ingress, "HOST") and bool(self.parts.of(policy, table))

    def _is_active(self, policy: Policy) -> bool:
        """Before 2.0 a policy counts if a zone on each side has interfaces or sources of its own."""
        zones = {name for name, zone in self.config.zones.items() if zone.interfaces or zone.sources}
        known = {"ANY", "HOST", *zones}
        return all(any(each.name in known for each in ends) for ends in (policy.ingress, policy.egress))

    def _ordered(self, policies: Iterator[Policy] | list[Policy]) -> list[Policy]:
        by_name = sorted(policies, key=lambda policy: policy.name, reverse=self.config.dialect.by_pairs)
        return sorted(by_name, key=lambda policy: policy.priority)

    def _fragments(self, ends: list[Named], *, inward: bool) -> Iterator[tuple[Condition, ...]]:
        """How packets of a policy's zones are recognised; one empty fragment for ANY and HOST."""
        zones = [self.config.zones[each.name] for each in ends if each.name in self.config.zones]
        if not zones:
            yield ()
        for zone in zones:
            for interface in zone.interfaces:
                yield (Interface(inward, interface.name),)
            for source in zone.sources:
                condition = self.parts.address(source.name, inward, source.location)
                if condition is not None:
                    yield (condition,)

    # -- what comes of it ---------------------------------------------------------------------------------------------

    def _frozen(self) -> dict[str, Table]:
        bases = {
            (table, self.name(table, chain)): (hook, priority + (OFFSET if self.nft else 0))
            for table, chain, hook, priority in BASES
        }
        found: dict[str, dict[str, Chain]] = {}
        for (table, name), rules in self.rules.items():
            hook, priority = bases.get((table, name), (None, 0))
            chain = Chain(name, "ACCEPT" if hook else "", HERE, tuple(rules), hook, priority, nat=table == "nat")
            found.setdefault(NFT_TABLE if self.nft else table, {})[name] = chain
        return {name: Table(name, chains) for name, chains in found.items()}


def bindings(config: Configuration, parts: Parts) -> Iterator[Binding]:
    """What leads into which zone, in evaluation order; the default zone last.

    Since 2.0 by the zones' priorities; before, all sources by zone name, then interfaces, the latest first.
    """
    if config.dialect.by_pairs:
        order = sorted(_bound(config), key=_rank)
    else:
        bound = list(_bound(config))
        sources = [each for each in bound if each[1] == "source"]
        interfaces = [each for each in bound if each[1] == "interface"]
        interfaces.sort(key=lambda each: each[2].name in config.outside)  # those come when firewalld runs already
        order = [*sources, *reversed(interfaces)]
    for zone, kind, each in order:
        if kind == "interface":
            yield Binding(zone, (Interface(True, each.name),), each.location)
        elif (condition := parts.address(each.name, True, each.location)) is not None:
            yield Binding(zone, (condition,), each.location)
    if (told := config.anywhere) is not None:
        reason = f"which network interface gets the zone {told.name} ({told.location})"
        yield Binding(config.zones[told.name], (Fixed(Doubt(reason)),), told.location)
    at = config.conf.location("DefaultZone")
    yield Binding(
        config.zones[config.default], (), at if at.line else replace(at, text=f"(DefaultZone={config.default})")
    )


def _bound(config: Configuration) -> Iterator[tuple[Zone, str, Named]]:
    for name in sorted(config.zones):
        zone = config.zones[name]
        for interface in zone.interfaces:
            yield zone, "interface", interface
        for source in zone.sources:
            yield zone, "source", source


def _rank(bound: tuple[Zone, str, Named]) -> tuple[int, int, str, str]:
    zone, kind, each = bound
    name = each.name[:-1] + "*" if kind == "interface" and each.name.endswith("+") else each.name
    priority = LAST if name == "*" else zone.ingress_priority
    return (priority, 1 if kind == "source" else 2, zone.name, name)


def _has(ends: list[Named], *names: str) -> bool:
    return any(each.name in names for each in ends)

"""The rules that make up a zone or policy, by the part of its chain that they go to: pre, deny, allow, post."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rescue.firewall.engine.addresses import AddressSet, union
from rescue.firewall.engine.conditions import (
    Addresses,
    AnyOf,
    Assumed,
    Condition,
    Doubt,
    Fixed,
    Icmp,
    Ports,
    TransportProtocol,
)
from rescue.firewall.engine.icmp import reject_with
from rescue.firewall.engine.ruleset import Action, RuleTarget
from rescue.firewall.firewalld.check import members
from rescue.firewall.firewalld.objects import Area, Endpoint, Named, PortRange, RichRule
from rescue.firewall.firewalld.store import Configuration
from rescue.firewall.firewalld.values import address, is_mac, protocol
from rescue.firewall.iptables.matches import DOUBTS
from rescue.model import Location

ACCEPT = RuleTarget(Action.ACCEPT)
DROP = RuleTarget(Action.DROP)
FORWARDED = RuleTarget(Action.DEPENDS, "forward-port", reason="where the packet is sent on to (forward-port)")

SUFFIXES = ("pre", "deny", "allow", "post")
"""The parts of a chain in order; "log" is left out, as it decides nothing."""

NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33}

NEIGHBOUR = {"neighbour-solicitation": 135, "neighbour-advertisement": 136}
OTHER_TYPE = 255
"""A placeholder for ICMP types that do not matter here."""

Conditions = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A rule to be built, without its chain."""

    suffix: str
    conditions: Conditions
    target: RuleTarget
    location: Location


def refusal(version: int, *, prohibited: bool, nftables: bool) -> RuleTarget:
    """firewalld's own reject: "administratively prohibited", or the answer of a plain reject."""
    if not prohibited:
        return RuleTarget(Action.REJECT, how="icmp-port-unreachable" if version == 4 else "icmp6-port-unreachable")
    if version == 6:
        return RuleTarget(Action.REJECT, how="icmp6-adm-prohibited")
    return RuleTarget(Action.REJECT, how="icmp-admin-prohibited" if nftables else "icmp-host-prohibited")


class Parts:
    """Builds the rules of one IP version."""

    def __init__(self, config: Configuration, version: int) -> None:
        self.config = config
        self.version = version
        self.family = f"ipv{version}"
        self.sets: dict[str, AddressSet] = {}

    def of(self, area: Area, table: str) -> list[Part]:
        """The rules of a zone or policy in "filter", "nat" or "mangle", those of equal parts in order."""
        found = [part for part in self._all(area, table) if part is not None]
        return [part for suffix in SUFFIXES for part in found if part.suffix == suffix]

    def _all(self, area: Area, table: str) -> Iterator[Part]:
        rules = self._sorted(area.rules)
        if table == "mangle":
            for rule in rules:
                if rule.action == "mark":
                    yield from self._rich(rule)
            return
        if table == "nat":
            for each in area.forward_ports:
                if each.version == self.version:
                    yield Part("allow", self._dports(each.port), FORWARDED, each.port.location)
            for rule in rules:
                if rule.element == "forward-port":
                    yield from self._rich(rule)
            return
        for use in area.services:
            yield from self._service(use, use.location)
        for port in area.ports:
            yield Part("allow", self._dports(port), ACCEPT, port.location)
        for port in area.source_ports:
            yield Part("allow", self._sports(port), ACCEPT, port.location)
        for block in area.icmp_blocks:
            yield self._icmp_block(area, block)
        for use in area.protocols:
            yield Part("allow", (TransportProtocol(protocol(use.name, use.location)),), ACCEPT, use.location)
        for rule in rules:
            if rule.action != "mark" and rule.element not in ("forward-port", "masquerade", "tcp-mss-clamp"):
                yield from self._rich(rule)

    def _sorted(self, rules: Sequence[RichRule]) -> list[RichRule]:
        if not self.config.dialect.by_pairs:
            return sorted(rules, key=lambda rule: rule.priority)
        return sorted(rules, key=_rank)

    def _icmp_block(self, area: Area, block: Named) -> Part:
        condition = Icmp((NEIGHBOUR.get(block.name, OTHER_TYPE), None))
        if area.icmp_block_inversion:
            return Part("allow", (condition,), ACCEPT, block.location)
        nftables = self.config.conf.nftables
        answer = refusal(self.version, prohibited=True, nftables=nftables)
        return Part("deny", (condition,), answer, block.location)

    def _service(self, use: Named, at: Location) -> Iterator[Part]:
        for conditions in self.service(use):
            yield Part("allow", conditions, ACCEPT, at)

    def service(self, use: Named) -> Iterator[Conditions]:
        """The conditions for packets of a service, or of one that it includes: any one of these."""
        seen, left = {use.name}, [use]
        while left:
            current = left.pop(0)
            service = self.config.service(current)
            to = self._to(service.destination)
            if to is not None:
                for port in service.ports:
                    yield (*to, *self._dports(port))
                for each in service.protocols:
                    yield (*to, TransportProtocol(protocol(each.name, each.location)))
                for port in service.source_ports:
                    yield (*to, *self._sports(port))
            for included in service.includes:
                if included.name not in seen:
                    seen.add(included.name)
                    left.append(Named(included.name, current.location))

    def _to(self, destination: object) -> Conditions | None:
        """A service's destination; None if it is only for the other IP version."""
        assert isinstance(destination, dict)
        if not destination:
            return ()
        text = destination.get(self.family)
        return None if text is None else (Addresses(False, address(text, Location(self.config.store.files[0]))),)

    def _dports(self, port: PortRange) -> Conditions:
        return (TransportProtocol(NUMBERS[port.protocol]), Ports(False, True, port.ranges))

    def _sports(self, port: PortRange) -> Conditions:
        return (TransportProtocol(NUMBERS[port.protocol]), Ports(True, False, port.ranges))

    def _rich(self, rule: RichRule) -> Iterator[Part]:
        if rule.family not in ("", self.family) or not (rule.action or rule.element in ("icmp-block", "forward-port")):
            return
        ends: list[Condition] = []
        for end, source in ((rule.source, True), (rule.destination, False)):
            if end is not None:
                condition = self.end(end, source, rule.location)
                if condition is None:
                    return
                ends.append(condition)
        if rule.limited:
            ends.append(Fixed(Assumed(True, "the rules' rate limits are not used up")))
        target = self._action(rule)
        suffix = "pre" if rule.priority < 0 else "post" if rule.priority > 0 else _part_at_zero(rule)
        for conditions in self._element(rule):
            yield Part(suffix, (*ends, *conditions), target, rule.location)

    def _element(self, rule: RichRule) -> Iterator[Conditions]:
        match rule.element:
            case "service":
                yield from self.service(Named(rule.value, rule.location))
            case "port" | "forward-port" if rule.port is not None:
                yield self._dports(rule.port)
            case "source-port" if rule.port is not None:
                yield self._sports(rule.port)
            case "protocol":
                yield (TransportProtocol(protocol(rule.value, rule.location)),)
            case "icmp-block" | "icmp-type":
                yield (Icmp((NEIGHBOUR.get(rule.value, OTHER_TYPE), None)),)
            case _:
                yield ()

    def _action(self, rule: RichRule) -> RuleTarget:
        nftables = self.config.conf.nftables
        if rule.element == "forward-port":
            return FORWARDED
        match rule.action:
            case "accept":
                return ACCEPT
            case "drop":
                return DROP
            case "mark":
                return _mark(rule.mark)
            case "reject" if rule.reject_type:
                how = reject_with(rule.reject_type, self.version)
                return RuleTarget(Action.REJECT, how=how or "")
            case "reject":
                return refusal(self.version, prohibited=False, nftables=nftables)
        return refusal(self.version, prohibited=True, nftables=nftables)

    def end(self, end: Endpoint, source: bool, at: Location) -> Condition | None:
        """The condition for a source or destination; None if it is only for the other IP version."""
        if end.mac:
            return Fixed(Doubt(DOUBTS["mac"]))
        if end.ipset:
            return self.listed(end.ipset, source, at, end.invert)
        return self.address(end.address, source, at, end.invert)

    def address(self, text: str, source: bool, at: Location, invert: bool = False) -> Condition | None:
        """An address, a MAC address or "ipset:NAME", as zones bind them."""
        if text.startswith("ipset:"):
            return self.listed(text[6:], source, at, invert)
        if is_mac(text):
            return Fixed(Doubt(DOUBTS["mac"]))
        found = address(text, at)
        if found.version != self.version:
            return None
        return Addresses(source, ~found if invert else found)

    def listed(self, name: str, source: bool, at: Location, invert: bool) -> Condition | None:
        found = self.config.list(name, at)
        if found.kind == "hash:mac":
            return Fixed(Doubt(DOUBTS["mac"]))
        if found.version != self.version:
            return None
        if found.kind not in ("hash:ip", "hash:net"):
            return Fixed(Doubt(f"the ipset {name}, a list of more than addresses"))
        if name not in self.sets:
            spans = (AddressSet(self.version, (low, high + 1)) for _, (low, high) in members(found))
            self.sets[name] = union(self.version, spans)
        together = self.sets[name]
        return Addresses(source, ~together if invert else together)


ANY_ICMP = AnyOf(((TransportProtocol(1),), (TransportProtocol(58),)))


def _part_at_zero(rule: RichRule) -> str:
    """The part for a rule of priority 0: rules that deny come before those that allow."""
    if rule.element == "icmp-block" or rule.action in ("reject", "drop"):
        return "deny"
    return "allow"


def _mark(text: str) -> RuleTarget:
    value, slash, mask = text.partition("/")
    try:
        kept = int(mask, 0) if slash else 0
        return RuleTarget(Action.MARK, "mark", value=int(value, 0), mask=~kept & 0xFFFFFFFF)
    except ValueError:
        return RuleTarget(Action.MARK, "mark", value=None)


def _rank(rule: RichRule) -> tuple[object, ...]:
    """The order of rules since 2.x (Rich_Rule.__lt__): a missing part sorts first."""
    ends: list[object] = []
    for end in (rule.source, rule.destination):
        ends += [end is not None, *((end.address, end.mac, end.ipset, end.invert) if end else ("", "", "", False))]
    return (rule.priority, rule.family, *ends, rule.element, rule.value, rule.action)

"""Reads zone and policy files (core/io/zone.py and policy.py of firewalld)."""

from __future__ import annotations

from collections.abc import Callable
from re import compile as compile_pattern

from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.firewall.firewalld.grammar import Dialect
from rescue.firewall.firewalld.objects import UNSAID, Area, Endpoint, Forward, Named, Policy, PortRange, RichRule, Zone
from rescue.firewall.firewalld.values import address, is_mac, ports, protocol
from rescue.firewall.firewalld.xml import Element
from rescue.firewall.names import Names
from rescue.model import Location

ZONE_TARGETS = ("ACCEPT", "%%REJECT%%", "DROP", "default", "{chain}_{zone}")
POLICY_TARGETS = ("ACCEPT", "REJECT", "DROP", "CONTINUE")
PRIORITIES = range(-32768, 32768)

ACTIONS = ("accept", "reject", "drop", "mark")
ELEMENTS = (
    "service", "port", "protocol", "source-port", "icmp-block", "icmp-type", "masquerade", "forward-port",
    "tcp-mss-clamp",
)  # fmt: skip
"""What a rich rule may contain: one of them, or nothing."""

ACTIONLESS = ("icmp-block", "masquerade", "forward-port", "tcp-mss-clamp")
"""Those that require no action."""

_REJECTS_4 = """
icmp-host-prohibited host-prohib icmp-net-unreachable net-unreach icmp-host-unreachable host-unreach
icmp-port-unreachable port-unreach icmp-proto-unreachable proto-unreach icmp-net-prohibited net-prohib
tcp-reset tcp-rst icmp-admin-prohibited admin-prohib
"""
_REJECTS_6 = """
icmp6-adm-prohibited adm-prohibited icmp6-no-route no-route icmp6-addr-unreachable addr-unreach
icmp6-port-unreachable port-unreach tcp-reset
"""
REJECTS = {"ipv4": frozenset(_REJECTS_4.split()), "ipv6": frozenset(_REJECTS_6.split())}
"""The answers that a reject may send, by family (core/base.py)."""

_LIMIT = compile_pattern(r"([1-9][0-9]*)/(s|m|h|d|second|minute|hour|day)")
_NAME = compile_pattern(r"[A-Za-z0-9_/-]+")
LONGEST_NAME = 17
"""Maximum length of a zone's or policy's name."""


class RichRuleError(ValueError):
    """A rich rule that firewalld rejects."""


def read_zone(root: Element, name: str, dialect: Dialect, names: Names) -> Zone:
    """A zone file. Raises FirewalldError and FirewalldNotModelled."""
    dialect.check("zones", root)
    zone = Zone(name, root.location)
    for element in root.all("zone") if root.name != "zone" else [root]:
        zone.target = _target(element, ZONE_TARGETS, UNSAID)
        zone.target = UNSAID if zone.target == "{chain}_{zone}" else zone.target
        zone.ingress_priority = _number(element, "ingress-priority", 0)
    if zone.ingress_priority not in PRIORITIES:
        raise FirewalldError(f"not a priority: {zone.ingress_priority}", root.location)
    _Reader(zone, dialect, names).read(root)
    return zone


def read_policy(root: Element, name: str, dialect: Dialect, names: Names) -> Policy:
    """A policy file. Raises FirewalldError and FirewalldNotModelled."""
    dialect.check("policies", root)
    policy = Policy(name, root.location)
    policy.target = _target(root, POLICY_TARGETS, "CONTINUE")
    policy.priority = _number(root, "priority", -1)
    if policy.priority == 0 or policy.priority not in PRIORITIES:
        raise FirewalldError(f"not a priority of a policy: {policy.priority}", root.location)
    _Reader(policy, dialect, names).read(root)
    return policy


def check_name(name: str, element: Element) -> None:
    """The names allowed for files. Raises FirewalldError."""
    if not _NAME.fullmatch(name) or len(name.partition("/")[0]) > LONGEST_NAME:
        raise FirewalldError(f"not a name for a zone or policy: {name!r}", element.location)


def _target(element: Element, allowed: tuple[str, ...], default: str) -> str:
    found = element.get("target")
    if found is None:
        return default
    if found not in allowed:
        raise FirewalldError(f"not a target: {found!r}", element.location)
    return found


def _number(element: Element, key: str, default: int) -> int:
    text = element.get(key)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError as problem:
        raise FirewalldError(f"{key} is not a number: {text!r}", element.location) from problem


class _Reader:
    """Fills a zone or policy from the elements of its file."""

    def __init__(self, area: Area, dialect: Dialect, names: Names) -> None:
        self.area = area
        self.dialect = dialect
        self.names = names

    def read(self, root: Element) -> None:
        for element in root.children:
            self._element(element)

    def _element(self, element: Element) -> None:
        area, here = self.area, element.location
        match element.name:
            case "service":
                _once(area.services, Named(element.attributes["name"], here))
            case "port":
                area.ports.append(self._ports(element))
            case "source-port":
                area.source_ports.append(self._ports(element))
            case "protocol":
                protocol(element.attributes["value"], here)
                _once(area.protocols, Named(element.attributes["value"], here))
            case "icmp-block":
                _once(area.icmp_blocks, Named(element.attributes["name"], here))
            case "icmp-block-inversion":
                area.icmp_block_inversion = True
            case "forward-port":
                area.forward_ports.append(self._forward(element))
            case "rule":
                self._rule(element)
            case "interface" | "source" if isinstance(area, Zone):
                self._binding(area, element)
            case "ingress-zone" | "egress-zone" if isinstance(area, Policy):
                into = area.ingress if element.name == "ingress-zone" else area.egress
                _once(into, Named(element.attributes["name"], here))
            case "short" | "description" | "forward" | "masquerade" | "version":
                pass
            case _:
                # 1.x only warns about some of these, but then ignores what follows.
                raise FirewalldNotModelled(f"<{element.name}> outside of a rule", here)

    def _ports(self, element: Element) -> PortRange:
        return ports(element.attributes["port"], element.attributes["protocol"], self.names, element.location)

    def _forward(self, element: Element) -> Forward:
        found = self._ports(element)
        if to_port := element.get("to-port"):
            ports(to_port, found.protocol, self.names, element.location)
        version = 4
        if to_address := element.get("to-addr"):
            version = address(to_address, element.location).version
        if not to_port and not to_address:
            raise FirewalldError("a forward-port without to-port and to-addr", element.location)
        return Forward(found, version)

    def _binding(self, zone: Zone, element: Element) -> None:
        here = element.location
        if element.name == "interface":
            name = element.attributes["name"]
            if not name or len(name) > 16 or any(char in name for char in " /!*"):
                raise FirewalldError(f"not the name of an interface: {name!r}", here)
            _once(zone.interfaces, Named(name, here))
            return
        found, listed = element.get("address"), element.get("ipset")
        if (found is None) is (listed is None) or "invert" in element.attributes:
            self._mistaken("a source without an address, or with too much", here)
            return
        if found is not None and not is_mac(found):
            address(found, here)
        _once(zone.sources, Named(found if found is not None else f"ipset:{listed}", here))

    def _rule(self, element: Element) -> None:
        try:
            rule = read_rule(element, self.names)
        except RichRuleError as problem:
            self._mistaken(f"a rich rule with a mistake: {problem}", element.location)
            return
        self.area.rules.append(rule)

    def _mistaken(self, what: str, at: Location) -> None:
        """1.x warns about it, and continues without it."""
        if self.dialect.drops_rules is None:
            raise FirewalldNotModelled(what, at)
        if not self.dialect.drops_rules:
            raise FirewalldError(what, at)


def read_rule(element: Element, names: Names) -> RichRule:
    """A rich rule.

    Raises RichRuleError if firewalld rejects it, FirewalldError if firewalld fails before checking it.
    """
    family = element.get("family") or ""
    if family and family not in REJECTS:
        raise RichRuleError(f"unknown family {family!r}")
    try:
        priority = int(element.get("priority") or 0)
    except ValueError as problem:
        raise FirewalldError("priority is not a number", element.location) from problem
    if priority not in PRIORITIES:
        raise RichRuleError(f"no priority: {priority}")
    about = [child for child in element.children if child.name in ELEMENTS]
    acting = [child for child in element.children if child.name in ACTIONS]
    logging = [child for child in element.children if child.name in ("log", "nflog", "audit")]
    if len(about) > 1 or len(acting) > 1:
        raise RichRuleError("more than one element or action")
    action = acting[0] if acting else None
    ends = {name: _endpoint(element, name) for name in ("source", "destination")}
    try:
        for name, end in ends.items():
            _check_endpoint(end, name, family, element)
        value = _value(about[0]) if about else ""
        port = _rule_port(about[0], names) if about else None
    except FirewalldError as problem:
        raise RichRuleError(str(problem)) from problem
    rule = RichRule(
        location=element.location,
        family=family,
        priority=priority,
        source=ends["source"],
        destination=ends["destination"],
        element=about[0].name if about else "",
        value=value,
        port=port,
        action=action.name if action else "",
        reject_type=(action.get("type") or "") if action else "",
        mark=(action.get("set") or "") if action else "",
        limited=_limited(action),
    )
    _check(rule, bool(logging))
    return rule


def _value(element: Element) -> str:
    value = element.get("value") if element.name == "protocol" else element.get("name")
    if element.name == "protocol":
        protocol(value or "", element.location)
    return value or ""


def _rule_port(element: Element, names: Names) -> PortRange | None:
    if element.name not in ("port", "source-port", "forward-port"):
        return None
    return ports(element.attributes["port"], element.attributes["protocol"], names, element.location)


def _limited(action: Element | None) -> bool:
    limits = list(action.all("limit")) if action is not None else []
    for each in limits[:1]:
        found = _LIMIT.fullmatch(each.attributes["value"])
        if found is None or (found[1] == "1" and found[2].startswith("d")):
            raise RichRuleError("not a limit")
    if len(limits) > 1:
        raise RichRuleError("more than one limit")
    return bool(limits)


def _endpoint(rule: Element, name: str) -> Endpoint | None:
    found = list(rule.all(name))
    if not found:
        return None
    if len(found) > 1 and name == "source":
        raise RichRuleError(f"more than one {name}")
    element = found[0]
    invert = (element.get("invert") or "").lower() in ("yes", "true")
    made = Endpoint(element.get("address") or "", element.get("mac") or "", element.get("ipset") or "", invert)
    if not (made.address or made.mac or made.ipset):
        raise FirewalldError(f"a {name} without an address", element.location)
    return made


def _check_endpoint(end: Endpoint | None, name: str, family: str, rule: Element) -> None:
    if end is None:
        return
    if sum(bool(each) for each in (end.address, end.mac, end.ipset)) > 1:
        raise RichRuleError("address, MAC and set exclude each other")
    if (end.address or name == "destination") and not family:
        raise RichRuleError("an address needs a family")
    if end.address and address(end.address, rule.location).version != (4 if family == "ipv4" else 6):
        raise RichRuleError("the address is of another family")
    if end.mac and not is_mac(end.mac):
        raise RichRuleError("not a MAC address")


def _check(rule: RichRule, logs: bool) -> None:
    """Rich_Rule.check() of core/rich.py."""
    tests: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: rule.element == "forward-port" and not rule.family, "forward-port needs a family"),
        (lambda: not rule.element and not rule.action and not (logs and rule.priority), "no element, no action"),
        (
            lambda: not (rule.element or rule.source or rule.destination or rule.priority or (logs and rule.priority)),
            "no element, no source, no destination",
        ),
        (lambda: rule.element not in ACTIONLESS and not rule.action and not logs, "no action"),
        (lambda: rule.element in ACTIONLESS and bool(rule.action), f"{rule.element} with an action"),
        (lambda: rule.element in ("service", "icmp-block", "icmp-type") and not rule.value, "no name"),
        (lambda: bool(rule.reject_type) and not rule.family, "a kind of reject needs a family"),
        (lambda: bool(rule.reject_type) and rule.reject_type not in REJECTS[rule.family], "not a kind of reject"),
    )
    for wrong, message in tests:
        if wrong():
            raise RichRuleError(message)


def _once(into: list[Named], new: Named) -> None:
    if all(each.name != new.name for each in into):
        into.append(new)

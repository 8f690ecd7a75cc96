"""The checks that firewalld runs on its whole configuration before building rules (full_check_config of core/fw.py),
and the cases in which applying it would fail."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from itertools import pairwise

from rescue.firewall.firewalld.direct import is_used
from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.firewall.firewalld.objects import AddressList, Area, Named, Policy, RichRule, Zone
from rescue.firewall.firewalld.services import SOURCE_TYPES
from rescue.firewall.firewalld.store import STOCK, Configuration
from rescue.firewall.firewalld.values import address, is_mac
from rescue.model import Location

NEEDED = ("block", "drop", "trusted")
"""Zones that firewalld requires to start."""

IPSET = "/usr/sbin/ipset"
"""The program for sets that nftables does not hold."""

UNSPECIFIED = str(IPv4Address(0))
"""An entry that no ipset accepts."""


def check(config: Configuration) -> None:
    """Raises FirewalldError with the first mistake, and FirewalldNotModelled."""
    for name in NEEDED:
        if name not in config.zones:
            raise FirewalldError(f"there is no zone {name!r}", Location(STOCK / "zones"))
    _check_lists(config)
    if config.own:
        for service in config.store.own_services():
            for included in service.includes:
                config.service(included)
    for zone in config.zones.values():
        _check_area(config, zone)
        if zone.name in config.policies:
            raise FirewalldError(f"a policy has the same name: {zone.name!r}", zone.location)
    _check_bindings(config)
    for policy in config.policies.values():
        _check_area(config, policy)
        _check_ends(config, policy)


def active(config: Configuration, area: Area) -> bool:
    """Whether firewalld builds rules for a zone: it has interfaces or sources, or it is the default."""
    return (
        isinstance(area, Policy)
        or area.name == config.default
        or bool(isinstance(area, Zone) and (area.interfaces or area.sources))
    )


def _check_area(config: Configuration, area: Area) -> None:
    for use in area.services:
        config.service(use)
    types = config.store.paths("icmptypes", own=config.own)
    rules = [Named(rule.value, rule.location) for rule in area.rules if rule.element in ("icmp-block", "icmp-type")]
    for use in (*area.icmp_blocks, *rules):
        if use.name not in types:
            raise FirewalldError(f"there is no ICMP type {use.name!r}", use.location)
    if config.dialect.drops_rules is not True:
        for rule in area.rules:
            _check_names(config, rule)
    if not active(config, area):
        return  # failures that only occur when it is applied do not matter
    for use in area.services:
        _check_includes(config, use)
    for rule in area.rules:
        _check_rule(config, rule)


def _check_names(config: Configuration, rule: RichRule) -> None:
    """Since 2.x the objects that rules name must exist, used or not: checks the first one that a rule names."""
    try:
        if rule.element == "service":
            config.service(Named(rule.value, rule.location))
        elif rule.element not in ("icmp-block", "icmp-type"):
            ends = [end.ipset for end in (rule.source, rule.destination) if end is not None and end.ipset]
            for name in ends[:1]:
                config.list(name, rule.location)
    except FirewalldError as problem:
        if config.dialect.drops_rules is None:
            raise FirewalldNotModelled(f"a rich rule with a mistake: {problem}", problem.at) from problem
        raise


def _check_includes(config: Configuration, use: Named) -> None:
    seen, left = {use.name}, [use]
    while left:
        for included in config.service(left.pop()).includes:
            if included.name not in seen:
                seen.add(included.name)
                left.append(included)


def _check_rule(config: Configuration, rule: RichRule) -> None:
    if rule.element == "service":
        use = Named(rule.value, rule.location)
        _check_includes(config, use)
        if config.service(use).destination and rule.destination:
            raise FirewalldError("the rule and its service both have a destination", rule.location)
    for end, kinds in ((rule.source, SOURCE_TYPES), (rule.destination, None)):
        if end is None or not end.ipset:
            continue
        found = config.list(end.ipset, rule.location)
        if kinds is not None and found.kind not in kinds:
            raise FirewalldError(
                f"the ipset {end.ipset!r} has a type that can't be a source ({found.kind})", rule.location
            )
        if kinds is not None and found.kind != "hash:mac" and rule.family not in ("", f"ipv{found.version}"):
            raise FirewalldError(f"the ipset {end.ipset!r} is of another family", rule.location)


def _check_bindings(config: Configuration) -> None:
    bound: dict[str, str] = {}
    for zone in config.zones.values():
        for each in (*zone.interfaces, *zone.sources):
            other = bound.setdefault(each.name, zone.name)
            if other != zone.name:
                raise FirewalldError(f"{each.name} is bound to the zone {other!r} already", each.location)
        for each in zone.sources:
            if each.name.startswith("ipset:"):
                found = config.list(each.name[6:], each.location)
                if found.kind not in SOURCE_TYPES:
                    raise FirewalldError(f"an ipset of a type that can't be a source: {found.kind}", each.location)


def _check_ends(config: Configuration, policy: Policy) -> None:
    for ends in (policy.ingress, policy.egress):
        special = [each for each in ends if each.name in ("ANY", "HOST")]
        for each in ends:
            if each not in special and each.name not in config.zones:
                raise FirewalldError(f"there is no zone {each.name!r}", each.location)
        if special and len(ends) > 1:
            raise FirewalldError(f"{special[0].name} is used together with other zones", special[0].location)
    if any(each.name == "HOST" for each in policy.ingress) and any(each.name == "HOST" for each in policy.egress):
        raise FirewalldError("HOST is on both sides", policy.location)


def _check_lists(config: Configuration) -> None:
    if not config.own:
        return
    if config.store.tree.entry(IPSET) is None:
        for path in config.store.paths("ipsets").values():
            _check_program(config, Location(path))
    for name, path in config.store.paths("ipsets").items():
        found = config.list(name, Location(path))
        if found.kind in ("hash:ip", "hash:net") and config.conf.nftables:
            _check_overlap(found)


def _check_program(config: Configuration, at: Location) -> None:
    """The iptables backend needs ipset(8) for sets; since 2.x the nftables backend does, too, if there are direct
    rules."""
    version = config.dialect.version
    if version is not None and version < (1, 0):
        raise FirewalldNotModelled(f"an ipset, and {IPSET} is not installed", at)
    if config.conf.nftables:
        if not is_used(config.store.tree) or config.dialect.drops_rules:
            return
        if config.dialect.drops_rules is None:
            raise FirewalldNotModelled(f"an ipset together with direct rules, and {IPSET} is not installed", at)
    raise FirewalldError(f"an ipset, and {IPSET} is not installed", at)


def _check_overlap(found: AddressList) -> None:
    """nftables rejects a set in which one network lies within another."""
    spans = sorted((*span, entry.location) for entry, span in members(found))
    for (_, last, _), (start, _, at) in pairwise(spans):
        if start <= last:
            raise FirewalldError(f"entries of the ipset {found.name!r} overlap", at)


def members(found: AddressList) -> Iterator[tuple[Named, tuple[int, int]]]:
    """The address or network entries of a set that firewalld accepts, as (first, last); it skips others."""
    seen = set()
    for entry in found.entries:
        text = entry.name
        if text in seen or is_mac(text):
            continue
        seen.add(text)
        low, dash, _ = text.partition("-")
        try:
            first = address(low, entry.location)
        except FirewalldError:
            continue
        if first.version != found.version or text == UNSPECIFIED or text.endswith("/0"):
            continue
        if dash:
            raise FirewalldNotModelled(f"a range in an ipset: {text!r}", entry.location)
        yield entry, (first.bounds[0], first.bounds[-1] - 1)

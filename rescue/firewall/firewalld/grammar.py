"""The elements and attributes that firewalld accepts in each file, by version (core/io/*.py of firewalld).

An unknown element or attribute stops firewalld 1.2 and newer. What versions newer than those read here accept is not
known.
"""

from __future__ import annotations

from dataclasses import dataclass

from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.firewall.firewalld.xml import Element

Version = tuple[int, int]

NEWEST: Version = (2, 3)
"""The newest release whose source was read."""

FAILSAFE: Version = (1, 2)
"""The version since which firewalld starts with its installed configuration if the administrator's is invalid."""

BY_PAIRS: Version = (2, 0)
"""The version since which zones have priorities, and policies apply to pairs of zones one by one."""

_COMMON = """
short: description: service:name! port:port!,protocol! icmp-block:name! icmp-type:name!
forward-port:port!,protocol!,to-port,to-addr rule:family,priority source:address,mac,invert,family,ipset
destination:address,invert,ipset protocol:value! source-port:port!,protocol! log:prefix,level
nflog:group,prefix,queue-size audit: accept: reject:type drop: mark:set! limit:value! tcp-mss-clamp:value
"""
_ZONE = "zone:name,immutable,target,version masquerade:enabled forward: interface:name! icmp-block-inversion:"
_POLICY = "policy:target!,version,priority masquerade: ingress-zone:name! egress-zone:name!"
_SERVICE = """
short: description: service:name,version port:port,protocol protocol:value module:name destination:ipv4,ipv6
source-port:port,protocol include:service helper:name
"""
_IPSET = "short: description: ipset:type!,version option:name!,value entry:"

_SINCE_2 = {"zone": ("ingress-priority", "egress-priority"), "limit": ("burst",)}

_SINCE_1 = ("nflog", "tcp-mss-clamp")
"""Elements that 0.9 does not know; nor does it know sets as a rule's destination."""

Attributes = dict[str, tuple[frozenset[str], frozenset[str]]]
"""By element: the required attributes, and all allowed ones."""


def _read(text: str) -> Attributes:
    found: Attributes = {}
    for word in text.split():
        name, _, attributes = word.partition(":")
        listed = [each for each in attributes.split(",") if each]
        needed = frozenset(each[:-1] for each in listed if each.endswith("!"))
        found[name] = (needed, frozenset(each.rstrip("!") for each in listed))
    return found


KINDS = {
    "zones": _read(_COMMON + _ZONE),
    "policies": _read(_COMMON + _POLICY),
    "services": _read(_SERVICE),
    "ipsets": _read(_IPSET),
}
"""The grammar of each folder's files."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the installed firewalld reads its files; version None if unknown."""

    version: Version | None

    def makes_same_rules(self, other: Dialect) -> bool:
        """Whether both build the same rules from the same files, as far as known here."""
        return self._kind == other._kind

    @property
    def _kind(self) -> tuple[object, ...]:
        first = self.version is not None and self.version < (1, 0)
        return first, self.failsafe, self.by_pairs, self.drops_rules, self.newer

    @property
    def newer(self) -> bool:
        """Whether it may know more than is known here."""
        return self.version is None or self.version > NEWEST

    @property
    def failsafe(self) -> bool:
        return self.version is None or self.version >= FAILSAFE

    @property
    def by_pairs(self) -> bool:
        return self.version is not None and self.version >= BY_PAIRS

    @property
    def drops_rules(self) -> bool | None:
        """Whether only the invalid rich rule is skipped; None if unknown. Since 2.x it is fatal."""
        if self.version is None or (1, 3) < self.version < NEWEST:
            return None
        return self.version <= (1, 3)

    def check(self, kind: str, root: Element) -> None:
        """Check that firewalld accepts every element and attribute. Raises FirewalldError or FirewalldNotModelled."""
        for element in _every(root):
            needed, allowed = KINDS[kind].get(element.name, (None, frozenset[str]()))
            if needed is None:
                self._unknown(f"unknown element <{element.name}>", element)
                continue
            if self.version is None or self.version >= BY_PAIRS:
                allowed |= frozenset(_SINCE_2.get(element.name, ()))
            if self.version is not None and self.version < (1, 0):
                self._old(element)
            if missing := needed - element.attributes.keys():
                raise FirewalldError(f"<{element.name}> lacks {', '.join(sorted(missing))}", element.location)
            if unknown := element.attributes.keys() - allowed:
                self._unknown(f"unknown attribute {', '.join(sorted(unknown))} of <{element.name}>", element)

    def _old(self, element: Element) -> None:
        if element.name in _SINCE_1 or (element.name == "destination" and "ipset" in element.attributes):
            raise FirewalldNotModelled(f"<{element.name}>, which firewalld before 1.0 may not know", element.location)
        if "." in (element.get("address") or "").partition("/")[2]:
            raise FirewalldNotModelled("a mask in dots, which firewalld before 1.0 may not take", element.location)

    def _unknown(self, what: str, element: Element) -> None:
        if self.newer:
            raise FirewalldNotModelled(what, element.location)
        raise FirewalldError(what, element.location)


def _every(root: Element) -> list[Element]:
    found, left = [], [root]
    while left:
        element = left.pop()
        found.append(element)
        left += reversed(element.children)
    return found

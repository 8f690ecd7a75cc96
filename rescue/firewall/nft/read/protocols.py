"""The protocols implied by an nftables rule, and those that no packet can combine (src/payload.c, evaluate.c)."""

from __future__ import annotations

from rescue.firewall.nft.language.headers import EXTENSIONS
from rescue.firewall.nft.language.selectors import BRIDGE_KEYS, Selector
from rescue.firewall.nft.language.tokens import Cursor
from rescue.firewall.nft.language.values import PROTOCOLS, number
from rescue.firewall.nft.read.script import Match, VerdictMap

_NETWORK = ("ip", "ip6")
_NUMBERS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 33: "dccp", 50: "esp", 51: "ah", 58: "icmpv6", 108: "comp",
            132: "sctp", 136: "udplite"}  # fmt: skip
_TRANSPORT = tuple(_NUMBERS.values())
_UNKNOWN = "unknown"
_ASKS = ("meta l4proto", "ip protocol", "ip6 nexthdr")
_OF_INET = {"ipv4": "ip", "2": "ip", "ipv6": "ip6", "10": "ip6"}
_ETHER_TYPES = {"ip": "ip", "ip6": "ip6", "arp": "arp", "0x0800": "ip", "0x800": "ip", "0x86dd": "ip6"}


class Protocols:
    """The protocols of one rule, as far as it has been parsed. family: its table's.

    A comparison with "==" sets what is known, whatever was implied before; a field of another protocol is rejected.
    """

    def __init__(self, cursor: Cursor, family: str) -> None:
        self.cursor = cursor
        self.family = family
        self.network = {"ip": "ip", "ip6": "ip6", "arp": "arp"}.get(family, "")
        self.transports: tuple[str, ...] = ()
        """Those that the latest match asked for, directly or in a set."""
        self.both = False
        """Whether the rule has matched on the IP version."""
        self.tracks = False
        """Whether the rule uses connection tracking, which activates conntrack (nf_ct_netns_get())."""

    @property
    def has_transport(self) -> bool:
        """Whether it is known to be TCP, UDP or the like."""
        return bool(self.transports)

    def note(self, selector: Selector) -> None:
        """Record a field. Raises Wrong if it contradicts the protocols already implied."""
        first, _, key = selector.words.partition(" ")
        if first == "ct":
            self.tracked()
        if selector.words == "meta nfproto" and self.family != "inet":
            raise self.cursor.wrong("meta nfproto is for the family inet alone")
        if selector.words in BRIDGE_KEYS and self.family != "bridge":
            raise self.cursor.wrong(f"{selector.words} is for the family bridge alone")
        if first == "exthdr" or (first in EXTENSIONS and selector.absent):
            self._of_network("ip6")
        if self.network == "arp" and first in (*_TRANSPORT, "th") and not key.startswith("option"):
            raise self.cursor.wrong(f"conflicting protocols: arp and {first}")
        if first in _NETWORK:
            self._of_network(first)
        elif first == "arp" and self.family in ("arp", "inet", "ip", "ip6"):
            self.network = self.network or "inet"
            self._of_network(first)
        elif first in _TRANSPORT and not key.startswith("option"):
            self._of_transport(first)
        elif first == "ct" and selector.kind == "string" and key.endswith("addr") and self.network not in _NETWORK:
            raise self.cursor.wrong("the version of IP is not known here: write ip saddr or ip6 saddr")
        elif first == "ct" and selector.version and self.network in _NETWORK and selector.kind.endswith("_addr"):
            self._agrees({4: "ip", 6: "ip6"}[selector.version])
        elif first == "ct" and key.rpartition(" ")[2].startswith("proto-") and not self.transports:
            raise self.cursor.wrong("the protocol is not known here: ask for it first, as with meta l4proto tcp")
        elif selector.words == "rt nexthop":
            self._next_hop(selector)

    def _of_network(self, version: str) -> None:
        if self.network not in ("", version):
            raise self.cursor.wrong(f"conflicting protocols: {self.network} and {version}")
        self.network = version

    def _of_transport(self, name: str) -> None:
        other = next((each for each in self.transports if each != name), None)
        if other is not None:
            raise self.cursor.wrong(f"conflicting protocols: {other} and {name}")
        self.transports = (name,)
        version = {"icmp": "ip", "icmpv6": "ip6"}.get(name)
        if version and not self.network and self.family == "inet":
            self.network = version

    def _next_hop(self, selector: Selector) -> None:
        version = {4: "ip", 6: "ip6", None: ""}[selector.version]
        if not version and self.network not in _NETWORK:
            raise self.cursor.wrong("the version of IP is not known here: write rt ip nexthop")
        if version and self.network in _NETWORK:
            self._agrees(version)

    def _agrees(self, version: str) -> None:
        if self.network != version:
            raise self.cursor.wrong(f"conflicting protocols: {self.network} and {version}")

    def tracked(self) -> None:
        """Record that the rule uses conntrack. Raises Wrong if it is not available."""
        if self.family in ("arp", "netdev"):
            raise self.cursor.wrong(f"a table of the family {self.family} has no connections")
        self.tracks = True

    def compared(self, statement: Match | VerdictMap) -> None:
        """Record the values that fields are compared with. Raises Wrong."""
        for each in statement.selectors:
            self.note(each)
        if len(statement.selectors) > 1 or isinstance(statement, VerdictMap):
            return
        if statement.negated or statement.order or statement.mask or statement.named:
            return
        words = statement.selectors[0].words
        values = [element.fields[0].lower() for element in statement.elements if len(element.fields) == 1]
        if words in _ASKS:
            asked = [_transport(value) for value in values if "-" not in value or value in PROTOCOLS]
            self.transports = tuple(asked) or self.transports
        elif words == "meta nfproto":
            self._versions({_OF_INET.get(value, "") for value in values})
        elif words == "ether type" or (words == "meta protocol" and self.family in ("bridge", "netdev")):
            self._versions({_ETHER_TYPES.get(value, "") for value in values})

    def _versions(self, asked: set[str]) -> None:
        if len(asked) == 1:
            self.network = asked.pop() or self.network
        self.both |= len(asked) > 1

    # -- what statements ask ------------------------------------------------------------------------------------------

    def address_of(self, version: str) -> str:
        """The IP version of the address that a rule gives a packet: explicit, or as known. Raises Wrong."""
        if version and self.network in _NETWORK and self.network != version:
            raise self.cursor.wrong(f"conflicting protocols: {self.network} and {version}")
        known = version or (self.network if self.network in _NETWORK else "")
        if not known:
            raise self.cursor.wrong("the version of IP is not known here: write it, as in dnat ip to")
        return known

    def port_given(self) -> None:
        """Check that a rule may set a packet's port. Raises Wrong."""
        if not self.transports:
            raise self.cursor.wrong("a port needs a protocol before it, such as meta l4proto tcp")

    def refused_with(self, kind: str) -> None:
        """Check that a rule may reject a packet this way. Raises Wrong."""
        if kind == "tcp" and any(each != "tcp" for each in self.transports):
            raise self.cursor.wrong(f"a TCP reset is not for {', '.join(self.transports)}")
        version = {"icmp": "ip", "icmpv6": "ip6"}.get(kind)
        if version and (self.both or self.network not in ("", version)):
            raise self.cursor.wrong(f"conflicting protocols: {self.network or 'ip and ip6'} and {kind}")


def _transport(value: str) -> str:
    """The protocol for a name or number, as nft knows it."""
    found = PROTOCOLS.get(value, number(value))
    return _NUMBERS.get(found if found is not None else -1, _UNKNOWN)

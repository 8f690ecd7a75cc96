"""What a rule of nftables has said of the packet's protocols, and what no packet can be (src/payload.c, evaluate.c)."""

from __future__ import annotations

from rescue.firewall.nft.headers import EXTENSIONS
from rescue.firewall.nft.script import Match, VerdictMap
from rescue.firewall.nft.selectors import BRIDGE_KEYS, Selector
from rescue.firewall.nft.tokens import Cursor

_NETWORK = ("ip", "ip6")
_TRANSPORT = ("tcp", "udp", "udplite", "sctp", "dccp", "ah", "esp", "comp", "icmp", "icmpv6", "igmp")
_ASKS = ("meta l4proto", "ip protocol", "ip6 nexthdr")
_VERSIONS = {"meta nfproto": {"ipv4": "ip", "ipv6": "ip6"}, "meta protocol": {"ip": "ip", "ip6": "ip6"}}


class Protocols:
    """The protocols of one rule, as far as it has been read. family: its table's."""

    def __init__(self, cursor: Cursor, family: str) -> None:
        self.cursor = cursor
        self.family = family
        self.network = {"ip": "ip", "ip6": "ip6", "arp": "arp"}.get(family, "")
        self.transport = ""
        self.tracks = False
        """Whether the rule asks for the connection, which makes conntrack work (nf_ct_netns_get())."""
        self.several = ""
        """A list of protocols that was asked for, after which no field of a single one can be."""

    @property
    def has_transport(self) -> bool:
        """Whether it is known to be of TCP, UDP or the like."""
        return bool(self.transport or self.several)

    def note(self, selector: Selector) -> None:
        """Take note of a field. Raises Wrong where no packet has it beside what was said before."""
        first, _, key = selector.words.partition(" ")
        if first == "ct":
            self.tracked()
        if selector.words == "meta nfproto" and self.family != "inet":
            raise self.cursor.wrong("meta nfproto is for the family inet alone")
        if selector.words in BRIDGE_KEYS and self.family != "bridge":
            raise self.cursor.wrong(f"{selector.words} is for the family bridge alone")
        if first == "exthdr" or (first in EXTENSIONS and selector.absent):
            self.network = self._same(self.network, "ip6")
        if self.network == "arp" and first in (*_TRANSPORT, "th") and not key.startswith("option"):
            raise self.cursor.wrong(f"conflicting protocols: arp and {first}")
        if first in _NETWORK or (first == "arp" and self.family in ("arp", "inet", "ip", "ip6")):
            self.network = self._same(self.network or ("inet" if first == "arp" else ""), first)
        elif first in _TRANSPORT and not key.startswith("option"):
            if self.several:
                raise self.cursor.wrong(f"conflicting protocols: {self.several} and {first}")
            self.transport = self._same(self.transport, first)
        elif first == "ct" and selector.kind == "string" and key.endswith("addr") and self.network not in _NETWORK:
            raise self.cursor.wrong("the version of IP is not known here: write ip saddr or ip6 saddr")
        elif first == "ct" and key.rpartition(" ")[2].startswith("proto-") and not self.transport:
            raise self.cursor.wrong("the protocol is not known here: ask for it first, as with meta l4proto tcp")
        elif selector.words == "rt nexthop" and selector.version is None and self.network not in _NETWORK:
            raise self.cursor.wrong("the version of IP is not known here: write rt ip nexthop")

    def tracked(self) -> None:
        """Take note that a connection is asked for. Raises Wrong where there is no conntrack."""
        if self.family in ("arp", "netdev"):
            raise self.cursor.wrong(f"a table of the family {self.family} has no connections")
        self.tracks = True

    def compared(self, statement: Match | VerdictMap) -> None:
        """Take note of what fields are compared with. Raises Wrong."""
        for each in statement.selectors:
            self.note(each)
        words = statement.selectors[0].words
        if isinstance(statement, Match) and words in _ASKS and not statement.negated:
            names = [element.fields[0].lower() for element in statement.elements]
            if len(names) > 1 and all(name in (*_TRANSPORT, "ipv6-icmp") for name in names):
                self.several = ", ".join(names)
        if isinstance(statement, VerdictMap) or statement.negated or statement.listed or len(statement.elements) != 1:
            return
        value = statement.elements[0].fields[0].lower()
        if words in _VERSIONS and value in _VERSIONS[words]:
            self.network = self._same(self.network, _VERSIONS[words][value])
        elif words in _ASKS and value in (*_TRANSPORT, "ipv6-icmp"):
            self.transport = self._same(self.transport, "icmpv6" if value == "ipv6-icmp" else value)

    def _same(self, before: str, now: str) -> str:
        if before not in ("", now):
            raise self.cursor.wrong(f"conflicting protocols: {before} and {now}")
        return now

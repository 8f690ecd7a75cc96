"""The header fields that an nftables rule can match, with their types (src/proto.c, exthdr.c, tcpopt.c)."""

from __future__ import annotations

from collections.abc import Mapping

from rescue.firewall.nft.language.tokens import Cursor

_PORTS = {"sport": "inet_service", "dport": "inet_service"}

FIELDS: Mapping[str, Mapping[str, str]] = {
    "ip": {
        "version": "integer 4", "hdrlength": "integer 4", "dscp": "dscp", "ecn": "ecn", "length": "integer 16",
        "id": "integer 16", "frag-off": "integer 16", "ttl": "integer 8", "protocol": "inet_proto",
        "checksum": "integer 16", "saddr": "ipv4_addr", "daddr": "ipv4_addr",
    },
    "ip6": {
        "version": "integer 4", "dscp": "dscp", "ecn": "ecn", "flowlabel": "integer 20", "length": "integer 16",
        "nexthdr": "inet_proto", "hoplimit": "integer 8", "saddr": "ipv6_addr", "daddr": "ipv6_addr",
    },
    "tcp": {
        **_PORTS, "sequence": "integer 32", "ackseq": "integer 32", "doff": "integer 4", "reserved": "integer 4",
        "flags": "tcp_flag", "window": "integer 16", "checksum": "integer 16", "urgptr": "integer 16",
    },
    "th": _PORTS,
    "udp": {**_PORTS, "length": "integer 16", "checksum": "integer 16"},
    "udplite": {**_PORTS, "csumcov": "integer 16", "checksum": "integer 16"},
    "sctp": {**_PORTS, "vtag": "integer 32", "checksum": "integer 32"},
    "dccp": {**_PORTS, "type": "dccp_pkttype"},
    "icmp": {
        "type": "icmp_type", "code": "icmp_code", "checksum": "integer 16", "id": "integer 16",
        "sequence": "integer 16", "gateway": "integer 32", "mtu": "integer 16",
    },
    "icmpv6": {
        "type": "icmpv6_type", "code": "icmpv6_code", "checksum": "integer 16", "param-problem": "integer 32",
        "mtu": "integer 32", "id": "integer 16", "sequence": "integer 16",
        "max-delay": "integer 16", "taddr": "ipv6_addr", "daddr": "ipv6_addr",
    },
    "igmp": {"type": "igmp_type", "checksum": "integer 16", "mrt": "integer 8", "group": "ipv4_addr"},
    "ah": {"nexthdr": "inet_proto", "hdrlength": "integer 8", "reserved": "integer 16", "spi": "integer 32",
           "sequence": "integer 32"},
    "esp": {"spi": "integer 32", "sequence": "integer 32"},
    "comp": {"nexthdr": "inet_proto", "flags": "integer 8", "cpi": "integer 16"},
    "ether": {"saddr": "ether_addr", "daddr": "ether_addr", "type": "ether_type"},
    "vlan": {"id": "integer 12", "cfi": "integer 1", "dei": "integer 1", "pcp": "integer 3", "type": "ether_type"},
    "arp": {"htype": "integer 16", "ptype": "ether_type", "hlen": "integer 8", "plen": "integer 8",
            "operation": "arp_op"},
    "hbh": {"nexthdr": "inet_proto", "hdrlength": "integer 8"},
    "dst": {"nexthdr": "inet_proto", "hdrlength": "integer 8"},
    "rt": {"nexthdr": "inet_proto", "hdrlength": "integer 8", "type": "integer 8", "seg-left": "integer 8"},
    "frag": {"nexthdr": "inet_proto", "reserved": "integer 8", "frag-off": "integer 13", "reserved2": "integer 2",
             "more-fragments": "integer 1", "id": "integer 32"},
    "mh": {"nexthdr": "inet_proto", "hdrlength": "integer 8", "type": "mh_type", "reserved": "integer 8",
           "checksum": "integer 16"},
    "srh": {"flags": "integer 8", "tag": "integer 16", "last-entry": "integer 8"},
}  # fmt: skip
"""Headers, their fields and the fields' types."""

LATER = frozenset(["gre", "gretap", "geneve", "vxlan"])
"""Headers that nft has learnt since 1.0.6."""

EXTENSIONS = ("hbh", "dst", "rt", "frag", "mh", "srh")
"""The extension headers of IPv6; ``exthdr NAME exists`` checks for them."""

_SACK = ("sack", "sack0", "sack1", "sack2", "sack3")
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    **{word: {} for word in ("echo", "eol", "fastopen", "md5sig", "nop", "sack-perm", "sack-permitted")},
    **{word: {"left": "integer 32", "right": "integer 32"} for word in _SACK},
    "maxseg": {"size": "integer 16"},
    "mptcp": {"subtype": "integer 4"},
    "timestamp": {"tsval": "integer 32", "tsecr": "integer 32"},
    "window": {"count": "integer 8"},
}

_LATER_OPTIONS = ("fastopen", "md5sig", "mptcp")

_CHUNKS = (
    "data init init-ack sack heartbeat heartbeat-ack abort shutdown shutdown-ack error cookie-echo cookie-ack ecne cwr"
    " shutdown-complete asconf-ack forward-tsn asconf"
)
_OF_CHUNKS = (
    "type flags length tsn stream ssn ppid init-tag a-rwnd num-outbound-streams num-inbound-streams initial-tsn"
    " cum-tsn-ack num-gap-ack-blocks num-dup-tsns lowest-tsn seqno new-cum-tsn"
)

_IP_OPTIONS = ("lsrr", "rr", "ssrr", "ra")
_OF_IP_OPTIONS = {"type": "integer 8", "length": "integer 8", "value": "integer 16", "ptr": "integer 8",
                  "addr": "ipv4_addr"}  # fmt: skip


def tcp_option(cursor: Cursor) -> tuple[str, str]:
    """Parse a TCP option and its field: the option, the field's type ("boolean": whether it exists).

    Raises Wrong.
    """
    if cursor.accept("@"):
        cursor.take()
        for _ in range(2):
            cursor.expect(",")
            bits = cursor.number()
        return "@", f"integer {min(max(bits, 1), 128)}"
    option = cursor.take()
    if option in _LATER_OPTIONS:
        cursor.since("this option of TCP")
    fields = _OPTIONS.get(option)
    if fields is None:
        if not option.isdigit() or int(option) > 255:
            raise cursor.wrong(f"TCP has no option {option!r}")
        fields = {}
    word = cursor.peek()
    if word in fields:
        cursor.take()
        return f"{option} {word}", fields[word]
    if word == "length":
        cursor.take()
        return f"{option} length", "integer 8"
    return option, "boolean"


def ip_option(cursor: Cursor) -> str:
    """Parse an IPv4 option and its field: the field's type. Raises Wrong."""
    cursor.expect(*_IP_OPTIONS)
    if cursor.peek() not in _OF_IP_OPTIONS:
        return "boolean"
    return _OF_IP_OPTIONS[cursor.take()]


def chunk(cursor: Cursor) -> str:
    """Parse an SCTP chunk and its field: the field's type. Raises Wrong."""
    cursor.expect(*_CHUNKS.split())
    if cursor.peek() not in _OF_CHUNKS.split():
        return "boolean"
    cursor.take()
    return "integer 32"


def field(cursor: Cursor, header: str) -> tuple[str, str]:
    """Parse a header field: its name and type. Raises Wrong."""
    fields = FIELDS[header]
    word = cursor.take()
    if header == "icmpv6" and word in ("taddr", "daddr"):
        cursor.since("icmpv6 taddr or daddr")
    if header == "arp" and word in ("saddr", "daddr"):
        kind = cursor.expect("ether", "ip")
        return f"{word} {kind}", "ether_addr" if kind == "ether" else "ipv4_addr"
    if header == "srh" and word == "sid":
        return f"{word}{_index(cursor)}", "ipv6_addr"
    if header == "rt" and word == "addr":
        return f"{word}{_index(cursor)}", "ipv6_addr"
    if word not in fields:
        cursor.index -= 1
        raise cursor.wrong(f"{header} has no field {cursor.shown()}")
    return word, fields[word]


def _index(cursor: Cursor) -> str:
    cursor.expect("[")
    found = cursor.number()
    cursor.expect("]")
    return f"[{found}]"

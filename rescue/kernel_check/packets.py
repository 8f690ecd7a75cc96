"""TCP and ICMPv6 packets built and parsed by hand, so that a client can have any address (RFC 791, 8200, 9293)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

Address = IPv4Address | IPv6Address

ETHER = {4: 0x0800, 6: 0x86DD}
"""Ethernet's number of each IP version."""

ARP = 0x0806
ARP_ANSWER = 2

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

_TCP, _ICMP, _ICMP6 = 6, 1, 58
_SOLICITATION, _ADVERTISEMENT = 135, 136
_HIGHEST_ERROR = {4: 12, 6: 4}
"""The highest type of an ICMP error, which quotes the packet that caused it."""


class Segment(NamedTuple):
    """The part of a TCP segment that is used here."""

    flags: int
    number: int
    acknowledged: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Connection:
    """Two ends of a TCP connection, seen from the client."""

    source: Address
    server: Address
    own_port: int
    port: int

    def packet(self, flags: int, number: int, acknowledged: int, data: bytes = b"") -> bytes:
        """An IP packet from the client."""
        options = struct.pack("!BBH", 2, 4, 1460) if flags & SYN else b""
        size = (20 + len(options)) // 4
        segment = struct.pack(
            "!HHIIBBHHH", self.own_port, self.port, number, acknowledged, size << 4, flags, 64240, 0, 0
        ) + options + data  # fmt: skip
        total = checksum(_pseudo(self.source, self.server, _TCP, len(segment)) + segment)
        return _wrapped(self.source, self.server, _TCP, segment[:16] + struct.pack("!H", total) + segment[18:])

    def segment(self, frame: bytes) -> Segment | None:
        """The TCP segment of a frame, if it belongs to this connection."""
        found = _payload(frame, self.source.version)
        if found is None or found[0] != _TCP or found[1] != self.source.packed or len(found[2]) < 20:
            return None
        segment = found[2]
        if struct.unpack_from("!HH", segment) != (self.port, self.own_port):
            return None
        number, acknowledged = struct.unpack_from("!II", segment, 4)
        return Segment(segment[13], number, acknowledged, segment[(segment[12] >> 4) * 4 :])

    def error(self, frame: bytes) -> tuple[int, int] | None:
        """Type and code of the ICMP error in a frame that is about this connection."""
        version = self.source.version
        found = _payload(frame, version)
        if found is None or found[0] not in (_ICMP, _ICMP6) or len(found[2]) < 8:
            return None
        message = found[2]
        # The error quotes the packet that caused it, with the ports of this connection.
        inner = message[8 + (20 if version == 4 else 40) :]
        if message[0] > _HIGHEST_ERROR[version] or len(inner) < 4:
            return None
        if struct.unpack_from("!HH", inner) != (self.own_port, self.port):
            return None
        return message[0], message[1]


def solicitation(source: IPv6Address, server: IPv6Address, card: bytes) -> tuple[bytes, bytes]:
    """A gateway's neighbour solicitation for `server`: the group's hardware address, and the packet."""
    group = IPv6Address(b"\xff\x02" + bytes(9) + b"\x01\xff" + server.packed[13:])
    body = struct.pack("!BBHI", _SOLICITATION, 0, 0, 0) + server.packed + b"\x01\x01" + card
    total = checksum(_pseudo(source, group, _ICMP6, len(body)) + body)
    body = body[:2] + struct.pack("!H", total) + body[4:]
    return b"\x33\x33" + group.packed[12:], _wrapped(source, group, _ICMP6, body, hops=255)


def is_advertisement(frame: bytes, server: IPv6Address) -> bool:
    """Whether a frame is the answer to such a question."""
    found = _payload(frame, 6)
    if found is None or found[0] != _ICMP6:
        return False
    return found[2][:1] == bytes([_ADVERTISEMENT]) and found[2][8:24] == server.packed


def arp_question(card: bytes, own: IPv4Address, asked: IPv4Address) -> bytes:
    """An ARP request, without its Ethernet header (RFC 826)."""
    return struct.pack("!HHBBH", 1, ETHER[4], 6, 4, 1) + card + own.packed + bytes(6) + asked.packed


def is_arp_answer(frame: bytes) -> bool:
    return kind_of(frame) == ARP and len(frame) >= 22 and struct.unpack_from("!H", frame, 20)[0] == ARP_ANSWER


def kind_of(frame: bytes) -> int:
    """Ethernet's number for what is in a frame."""
    return int(struct.unpack_from("!H", frame, 12)[0])


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _pseudo(source: Address, to: Address, protocol: int, size: int) -> bytes:
    if source.version == 4:
        return source.packed + to.packed + struct.pack("!BBH", 0, protocol, size)
    return source.packed + to.packed + struct.pack("!I3xB", size, protocol)


def _wrapped(source: Address, to: Address, protocol: int, body: bytes, hops: int = 64) -> bytes:
    addresses = source.packed + to.packed
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(body), protocol, hops) + addresses + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, hops, protocol, 0) + addresses
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def _payload(frame: bytes, version: int) -> tuple[int, bytes, bytes] | None:
    """The protocol, destination and payload of a frame with an IP packet of that version."""
    packet = frame[14:]
    if kind_of(frame) != ETHER[version] or len(packet) < (20 if version == 4 else 40):
        return None
    if version == 4:
        return packet[9], packet[16:20], packet[(packet[0] & 15) * 4 :]
    return packet[6], packet[24:40], packet[40:]

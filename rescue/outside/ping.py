"""An ICMP echo, where the system lets an ordinary user send one.

Linux and macOS have ICMP sockets for everybody (icmp(7), net.ipv4.ping_group_range); else the system's own ``ping`` is
asked. Where neither works, that is said: no answer is not the same as not asked.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import time

from rescue.outside.dial import sockaddr
from rescue.outside.observed import Ping

TRIES = 3
_PAYLOAD = b"rescue probe"


def ping(address: str, wait: float) -> tuple[Ping, float]:
    """Whether `address` answers an echo request within `wait` seconds, and how long that took."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return _by_socket(address, wait, kind)
        except OSError:
            continue
    return _by_program(address, wait)


def _by_socket(address: str, wait: float, kind: int) -> tuple[Ping, float]:
    """Raises OSError where the system does not let us."""
    six = ":" in address
    family = socket.AF_INET6 if six else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    with socket.socket(family, kind, protocol) as made:
        made.connect(sockaddr(address, 0))
        identity = os.getpid() & 0xFFFF
        start = time.monotonic()
        for number in range(TRIES):
            sent = time.monotonic()
            try:
                made.send(_request(128 if six else 8, identity, number))
            except OSError:
                # An ICMP error of an earlier one, or no route: no echo, at least.
                if number == 0:
                    return Ping.SILENT, time.monotonic() - start
                continue
            until = min(start + wait, sent + wait / TRIES)
            while (left := until - time.monotonic()) > 0:
                made.settimeout(left)
                try:
                    answer = made.recv(2048)
                except TimeoutError:
                    break
                except OSError:
                    continue
                if _answers(answer, six, kind, identity):
                    return Ping.ANSWERED, time.monotonic() - sent
        return Ping.SILENT, time.monotonic() - start


def _answers(packet: bytes, six: bool, kind: int, identity: int) -> bool:
    """Whether it is the reply to ours. A raw IPv4 socket gives the IP header, too, and everybody's packets."""
    if kind == socket.SOCK_RAW and not six:
        packet = packet[(packet[0] & 15) * 4 :] if packet else b""
    if len(packet) < 8 or packet[0] != (129 if six else 0):
        return False
    # The kernel puts its own identity into the packets of a datagram socket.
    return kind == socket.SOCK_DGRAM or int.from_bytes(packet[4:6], "big") == identity


def _request(type_: int, identity: int, number: int) -> bytes:
    head = struct.pack("!BBHHH", type_, 0, 0, identity, number)
    return struct.pack("!BBHHH", type_, 0, _checksum(head + _PAYLOAD), identity, number) + _PAYLOAD


def _checksum(data: bytes) -> int:
    """RFC 1071. The kernel computes ICMPv6's own."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def _by_program(address: str, wait: float) -> tuple[Ping, float]:
    program = shutil.which("ping")
    if program is None:
        return Ping.UNKNOWN, 0.0
    start = time.monotonic()
    try:
        done = subprocess.run(
            [program, "-n", "-c", "1", address], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, timeout=wait, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Ping.SILENT, time.monotonic() - start
    except OSError:
        return Ping.UNKNOWN, 0.0
    took = time.monotonic() - start
    if done.returncode == 0:
        return Ping.ANSWERED, took
    return (Ping.SILENT if done.returncode == 1 else Ping.UNKNOWN), took

"""One TCP connection attempt, and what exactly answered it.

A firewall's ICMP "port unreachable" and a closed port's TCP reset both make connect(2) fail with ECONNREFUSED. Linux
tells them apart where IP_RECVERR is set (ip(7)): an ICMP error is then left in the socket's error queue, with its type,
its code and its sender. On other systems the answer is `Answer.REFUSED`.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from contextlib import suppress
from ipaddress import ip_address

from rescue.outside.observed import Answer, Dial, Icmp

IP_RECVERR, IPV6_RECVERR = 11, 25
"""Of linux/in.h and linux/in6.h; Python has no names for them."""
_ERRQUEUE = getattr(socket, "MSG_ERRQUEUE", 0)
_FROM_ICMP, _FROM_ICMP6 = 2, 3
"""SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6 of linux/errqueue.h."""
_EXTENDED = struct.Struct("=IBBBBII")
"""struct sock_extended_err: errno, origin, type, code, padding, info, data."""
_LOCAL = {
    errno.ENETUNREACH: Answer.NO_ROUTE,
    errno.EADDRNOTAVAIL: Answer.NO_ROUTE,
    errno.EPERM: Answer.FORBIDDEN,
    errno.EACCES: Answer.FORBIDDEN,
}
SMALL = 536
"""The segment size that every path carries (RFC 9293, 3.7.1)."""


def dial(address: str, port: int, wait: float, *, small: bool = False) -> tuple[Dial, socket.socket | None]:
    """Connect to `address`, waiting at most `wait` seconds; the socket is open where the answer is.

    small: with segments of at most 536 bytes in both directions.
    """
    start = time.monotonic()
    try:
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as problem:
        return _failed(port, problem.errno, 0.0), None
    try:
        made.setblocking(False)
        if small:
            with suppress(OSError):
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL)
        if _ERRQUEUE:
            with suppress(OSError):
                if made.family == socket.AF_INET6:
                    made.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
                else:
                    made.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        code = made.connect_ex(sockaddr(address, port))
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY):
            watch = select.poll()
            watch.register(made, select.POLLOUT)
            if not watch.poll(max(0.0, wait) * 1000):
                seen = Dial(port, Answer.SILENT, time.monotonic() - start)
                made.close()
                return seen, None
            code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        took = time.monotonic() - start
        if code == 0:
            made.setblocking(True)
            return Dial(port, Answer.OPEN, took), made
        # poll(2) wakes up for the queue, too, and then getsockopt may have taken an error that is in it.
        seen = _judged(port, code, took, _icmp(made), address)
    except (OSError, OverflowError, ValueError) as problem:
        seen = _failed(port, getattr(problem, "errno", None), time.monotonic() - start)
    made.close()
    return seen, None


def sockaddr(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    if ":" not in address:
        return address, port
    bare, _, zone = address.partition("%")
    number = 0
    if zone:
        number = int(zone) if zone.isascii() and zone.isdecimal() and len(zone) < 10 else socket.if_nametoindex(zone)
    return bare, port, 0, number


def _judged(port: int, code: int, took: float, icmp: Icmp | None, address: str) -> Dial:
    name = errno.errorcode.get(code, str(code))
    if icmp is not None:
        # The kernel reports a neighbour that does not answer as its own "host unreachable".
        own = code == errno.EHOSTUNREACH and icmp.sender == own_address(address)
        return Dial(port, Answer.NEIGHBOUR if own else Answer.ICMP, took, None if own else icmp, name)
    if code == errno.ECONNREFUSED:
        return Dial(port, Answer.RESET if _ERRQUEUE else Answer.REFUSED, took, None, name)
    if code == errno.ETIMEDOUT:
        return Dial(port, Answer.SILENT, took, None, name)
    if code == errno.EHOSTUNREACH:
        return Dial(port, Answer.NEIGHBOUR, took, None, name)
    return _failed(port, code, took)


def _failed(port: int, code: int | None, took: float) -> Dial:
    name = errno.errorcode.get(code or 0, str(code))
    return Dial(port, _LOCAL.get(code or 0, Answer.FAILED), took, None, name)


def _icmp(made: socket.socket) -> Icmp | None:
    """The ICMP error in the socket's queue; None where there is none, or the system has no queue."""
    if not _ERRQUEUE:
        return None
    try:
        _, ancillary, _, _ = made.recvmsg(0, 1024, _ERRQUEUE)
    except OSError:
        return None
    for _, _, data in ancillary:
        if len(data) < _EXTENDED.size:
            continue
        _, origin, type_, code, _, _, _ = _EXTENDED.unpack_from(data)
        if origin in (_FROM_ICMP, _FROM_ICMP6):
            return Icmp(4 if origin == _FROM_ICMP else 6, type_, code, _sender(data[_EXTENDED.size :]))
    return None


def _sender(data: bytes) -> str:
    """The address in a struct sockaddr; "" for none."""
    family = int.from_bytes(data[:2], "little" if struct.pack("=H", 1)[0] else "big") if len(data) >= 2 else 0
    raw = data[4:8] if family == socket.AF_INET else data[8:24] if family == socket.AF_INET6 else b""
    return str(ip_address(raw)) if len(raw) in (4, 16) else ""


def own_address(address: str) -> str:
    """The address from which this computer would reach `address`; "" where it has no way there. Sends nothing."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.connect(sockaddr(address, 9))
            return str(made.getsockname()[0]).partition("%")[0]
    except (OSError, ValueError):
        return ""

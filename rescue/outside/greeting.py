"""The first bytes of an accepted connection: the only place where some reasons are ever said.

sshd writes "Exceeded MaxStartups" and "Not allowed at this time" (sshd.c, drop_connection) and closes; the client's
program prints only "Connection closed" or "reset by peer".
"""

from __future__ import annotations

import socket
import time

from rescue.outside.observed import Greeting, Said

MOST = 8192
"""Bytes that are read before the line that begins with "SSH-"."""
LONGEST = 255
"""Bytes of an identification line (RFC 4253, 4.2)."""


OURS = b"SSH-2.0-rescue_probe\r\n"
"""What is sent to a server that waits: an SSH server speaks first, one of HTTP or TLS answers this with an error."""


def read_greeting(made: socket.socket, wait: float) -> tuple[Greeting, bytes]:
    """What the server says by itself within `wait` seconds, and the bytes that were read. At most `MOST` of them.

    Where it says nothing, our own identification is sent, and half the time is waited again.
    """
    start = time.monotonic()
    data, end = _read(made, b"", wait)
    if not data and end is None:
        try:
            made.sendall(OURS)
            data, end = _read(made, b"", wait / 2)
        except OSError:
            end = Said.RESET
    return judged(data, end, time.monotonic() - start), data


def _read(made: socket.socket, data: bytes, wait: float) -> tuple[bytes, Said | None]:
    """Read until there is an identification, too much, or an end."""
    start = time.monotonic()
    end: Said | None = None
    while len(data) < MOST:
        left = start + wait - time.monotonic()
        if left <= 0:
            break
        made.settimeout(left)
        try:
            some = made.recv(MOST - len(data))
        except TimeoutError:
            break
        except OSError:
            end = Said.RESET
            break
        if not some:
            end = Said.CLOSED
            break
        data += some
        if _identification(data) is not None:
            break
    return data, end


def judged(data: bytes, end: Said | None, seconds: float = 0.0) -> Greeting:
    """What the bytes are. end: how the connection ended, None where it is still open."""
    line = _identification(data)
    if line is not None:
        return Greeting(Said.SSH, line, seconds)
    first = _shown(data.partition(b"\n")[0])
    if not data or (len(data) < LONGEST and (b"SSH-".startswith(data[:4]) or data.startswith(b"SSH-"))):
        # Nothing, or the beginning of an identification that never ended.
        return Greeting(end or Said.NOTHING, first, seconds)
    if data.startswith(b"Exceeded MaxStartups"):
        return Greeting(Said.TOO_MANY, first, seconds)
    if data.startswith(b"Not allowed at this time"):
        return Greeting(Said.PENALTY, first, seconds)
    if data.startswith((b"HTTP/", b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML")):
        return Greeting(Said.HTTP, first, seconds)
    if data[0] in (0x15, 0x16) and data[1:2] == b"\x03":
        return Greeting(Said.TLS, "", seconds)
    return Greeting(Said.OTHER, first, seconds)


def _identification(data: bytes) -> str | None:
    """The server's whole identification line; other lines may come before it (RFC 4253, 4.2)."""
    for line in data.split(b"\n")[:-1]:
        if line.startswith(b"SSH-"):
            return _shown(line)
    return None


def _shown(line: bytes) -> str:
    return line[:LONGEST].rstrip(b"\r").decode("utf-8", "surrogateescape")

"""Hosts with ports: ListenAddress, PermitOpen and PermitListen.

Source: servconf.c (sListenAddress, sPermitOpen), hpdelim2 and cleanhostname in misc.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Callable
from re import ASCII
from re import compile as compile_pattern

from rescue.sshd.language.arguments import Arguments
from rescue.sshd.language.dialect import Dialect
from rescue.sshd.language.faults import BadLine, Fault
from rescue.sshd.language.patterns import numeric_address

Ports = Callable[[str], int | None]
"""The number of a port, given as a number or as a service's name; None if it is neither (a2port)."""

Words = tuple[str, ...]

ALONE = (10, 0)
"""From when "any" or "none" of PermitOpen surely may not be followed by anything; earlier the rest is extra too."""

_HOST_NAME = compile_pattern(r"(?=.*[A-Za-z])[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?", ASCII)


def split_host(text: str) -> tuple[str, str | None] | None:
    """``host:port`` cut as hpdelim does; the port is None where there is none; None where it can't be cut."""
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return None
        return _clean(host + "]"), rest[1:] if rest else None
    at = next((index for index, char in enumerate(text) if char in ":/"), None)
    if at is None:
        return _clean(text), None
    return None if text[at] == "/" else (_clean(text[:at]), text[at + 1 :])


def _clean(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def listen(arguments: Arguments, ports: Ports) -> Words:
    """The words of a ListenAddress: the host, and the port ("" where every Port line is meant)."""
    text = arguments.need()
    if "[" not in text and text.count(":") > 1:
        host, port = text, None
    else:
        pieces = split_host(text)
        if pieces is None:
            raise BadLine(Fault.VALUE, f"ListenAddress does not take {text}: it takes an address, or address:port")
        host, port = pieces
    number = "" if port is None else str(_number(text, port, ports))
    following = arguments.take()
    if following is not None and (following or arguments.peek()):  # noqa: SIM102 - the two ask different things
        if following != "rdomain" or arguments.take() is None:
            raise BadLine(Fault.VALUE, f"ListenAddress does not take {following} after the address")
    if host != "*" and numeric_address(host) is None and not _HOST_NAME.fullmatch(host):
        raise BadLine(Fault.VALUE, f"ListenAddress does not take {host}: it is no address and no host name")
    return host, number


def _number(text: str, port: str, ports: Ports) -> int:
    number = ports(port)
    if number is None or number <= 0:
        raise BadLine(Fault.VALUE, f"ListenAddress does not take {text}: the port is no number from 1 to 65535")
    return number


def forward(name: str, arguments: Arguments, dialect: Dialect, ports: Ports, *, bare_port: bool) -> Words:
    """The words of PermitOpen or (`bare_port`) PermitListen: host:port pairs, or any or none."""
    first = arguments.need()
    if first in ("any", "none"):
        return (first,)
    words = []
    word: str | None = first
    while word:
        words.append(_pair(name, word, ports, bare_port=bare_port))
        word = arguments.take()
        if word in ("any", "none") and dialect.since(ALONE):
            raise BadLine(Fault.VALUE, f"{name}: {word} must stand alone")
    return tuple(words)


def _pair(name: str, word: str, ports: Ports, *, bare_port: bool) -> str:
    if bare_port and ":" not in word:
        port: str | None = word
        whole = f"*:{word}"
    else:
        pieces = split_host(word)
        if pieces is None:
            raise BadLine(Fault.VALUE, f"{name} does not take {word}: it takes host:port")
        whole, port = word, pieces[1]
    number = None if port is None else 1 if port == "*" else ports(port)
    if number is None or number <= 0:
        raise BadLine(Fault.VALUE, f"{name} does not take {word}: it takes host:port")
    return whole

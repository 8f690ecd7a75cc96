"""The addresses of a name, in the order in which ssh tries them, or why there is none."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from threading import Thread

from rescue.outside.observed import Lookup

MOST = 8
"""Addresses that are kept."""


def lookup(name: str, family: int | None, wait: float) -> Lookup:
    """family: 4, 6 or None for both. No answer within `wait` seconds is a temporary problem."""
    answers: list[Lookup] = []
    # getaddrinfo(3) can't be interrupted, and may take half a minute.
    asking = Thread(target=lambda: answers.append(_asked(name, family)), daemon=True)
    asking.start()
    asking.join(wait)
    return answers[0] if answers else Lookup(problem="the name servers do not answer", temporary=True)


def _asked(name: str, family: int | None) -> Lookup:
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    wanted = {4: socket.AF_INET, 6: socket.AF_INET6, None: socket.AF_UNSPEC}[family]
    try:
        found = socket.getaddrinfo(bare, None, wanted, socket.SOCK_STREAM)
    except socket.gaierror as problem:
        other = False
        if family is not None and problem.errno != socket.EAI_AGAIN:
            other = bool(_asked(name, None).addresses)
        return Lookup(
            problem=str(problem.strerror or problem), temporary=problem.errno == socket.EAI_AGAIN, wrong_family=other
        )
    except (OSError, UnicodeError, ValueError) as problem:
        # A name that can't be one: IDNA refuses it, or it holds a zero byte.
        return Lookup(problem=f"this can't be a host's name ({problem})"[:200])
    addresses: list[str] = []
    for _, _, _, _, where in found:
        address = str(where[0])
        if len(where) == 4 and where[3] and "%" not in address:
            address += f"%{_zone(int(where[3]))}"
        if address not in addresses:
            addresses.append(address)
    return Lookup(tuple(addresses[:MOST]))


def _zone(number: int) -> str:
    try:
        return socket.if_indextoname(number)
    except OSError:
        return str(number)


def is_address(name: str) -> bool:
    """Whether `name` is an address already."""
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True

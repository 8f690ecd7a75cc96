"""The addresses that the provider gave a server, by its panel, against those that the server's settings give it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from rescue.model import Address

PRIVATE = tuple(
    ip_network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
"""Ranges that the internet does not route (RFC 1918, 6598, 4193)."""


def is_private(address: Address) -> bool:
    """Whether nobody on the internet can connect to the address itself."""
    return any(address.version == each.version and address in each for each in PRIVATE)


def translated(expected: Address, own: Iterable[Address]) -> bool:
    """Whether the provider may translate the expected address to one of the server's own, which are private."""
    same = [each for each in own if each.version == expected.version]
    return bool(same) and not is_private(expected) and any(is_private(each) for each in same)

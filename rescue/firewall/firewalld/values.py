"""Attribute values, as functions.py of firewalld accepts them."""

from __future__ import annotations

from ipaddress import ip_network
from re import compile as compile_pattern

from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.known_names import PROTOCOLS
from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.firewall.firewalld.objects import PortRange
from rescue.firewall.names import Names
from rescue.model import Location

PORT_PROTOCOLS = ("tcp", "udp", "sctp", "dccp")

_MAC = compile_pattern(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")


def ports(text: str, protocol: str, names: Names, at: Location) -> PortRange:
    """A port, a name of services(5), or a range of them. Raises FirewalldError."""
    if protocol not in PORT_PROTOCOLS:
        raise FirewalldError(f"a protocol that has no ports: {protocol!r}", at)
    words = text.split("-")
    if len(words) == 2 and all(word.isascii() and word.isdigit() for word in words):
        found = [_port(word, names) for word in words]
        if None not in found:
            low, high = sorted(each for each in found if each is not None)
            return PortRange(low, high, protocol, at)
    elif (single := _port(text, names)) is not None:
        return PortRange(single, single, protocol, at)
    elif "-" in text and any(char.isalpha() for char in text):
        raise FirewalldNotModelled(f"a range of ports by name: {text!r}", at)
    raise FirewalldError(f"not a port: {text!r}", at)


def _port(text: str, names: Names) -> int | None:
    text = text.strip()
    number = int(text) if text.isascii() and text.isdigit() else names.services.get(text)
    return number if number is not None and number <= 0xFFFF else None


def protocol(text: str, at: Location) -> int:
    """A protocol's number.

    Raises FirewalldError, and FirewalldNotModelled for a name that only /etc/protocols may know.
    """
    if text.isascii() and text.isdigit():
        if int(text) > 255:
            raise FirewalldError(f"not a protocol: {text!r}", at)
        return int(text)
    if text in ("all", "any") or text not in PROTOCOLS:
        raise FirewalldNotModelled(f"the protocol {text!r}", at)
    return PROTOCOLS[text]


def is_mac(text: str) -> bool:
    return _MAC.fullmatch(text) is not None


def address(text: str, at: Location) -> AddressSet:
    """An address or network of either version. Raises FirewalldError."""
    base, slash, mask = text.partition("/")
    if ":" in base:
        base = base.strip("[]")
    try:
        return AddressSet.network(base + slash + mask)
    except ValueError:
        pass
    try:
        if (slash and not mask) or "%" in text:
            raise ValueError(text)
        found = ip_network(base + slash + mask, strict=False)
    except ValueError as problem:
        raise FirewalldError(f"not an address: {text!r}", at) from problem
    first = int(found.network_address)
    return AddressSet.between(found.version, first, first + found.num_addresses - 1)

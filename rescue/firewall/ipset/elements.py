"""The elements of ipsets: "192.0.2.1", "192.0.2.0/24,tcp:22", "2001:db8::/32,eth0" and the like (ipset(8)).

Limits are those of ipset 7 and Linux 6: what the library expands or rejects (lib/parse.c, lib/ipset_hash_*.c) and what
the kernel does (net/netfilter/ipset/ip_set_hash_*.c).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import product
from re import compile as compile_pattern
from typing import Any, Protocol

from rescue.firewall.engine.addresses import BITS, AddressSet, parse_address, usual_ipv4, without_octal
from rescue.firewall.engine.known_names import PROTOCOLS, SERVICES

Key = tuple[Any, ...]
"""What an element requires in each dimension: (first, past the last) of addresses; (protocol, first, last) of ports,
where the protocol may be None; the name of an interface or a set; a MAC address, "" for any; a mark."""

MOST_EXPANDED = 1 << 16
"""How many addresses one element of a set of single addresses may stand for."""

_PORTS = frozenset([6, 17, 132, 136])
"""Protocols that have ports."""

_MAC = compile_pattern(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


class IpsetError(ValueError):
    """ipset rejects this line."""


class IpsetKernelError(IpsetError):
    """ipset accepts this line but the kernel rejects it: everything before it has been sent already."""


class FullSet(Exception):
    """A large set may be too full for what is added: its final content is unknown."""


class Held(Protocol):
    """The properties of a set that its elements depend on."""

    @property
    def type(self) -> str: ...
    @property
    def version(self) -> int | None: ...
    @property
    def options(self) -> Mapping[str, str]: ...
    @property
    def dimensions(self) -> tuple[str, ...]: ...


def keys(held: Held, text: str, sets: Container[str], *, wildcard: bool) -> Iterator[tuple[Key, int]]:
    """What an element's text stands for, each with its number of elements in the kernel. Raises IpsetError."""
    dimensions = held.dimensions
    if len(dimensions) == 1:
        yield from (((part,), count) for part, count in _parts(held, dimensions[0], text, sets, wildcard=wildcard))
        return
    words = text.split(",")
    if len(words) < len(dimensions) and held.type == "bitmap:ip,mac":
        words.append("")
    if len(words) != len(dimensions):
        raise _wrong(held, text)
    if dimensions[1:].count("ip") and ("-" in words[-1] or "/" in words[-1]):
        raise IpsetError(f"not one address: {words[-1][:60]!r}")
    each = [
        tuple(_parts(held, dimension, word, sets, wildcard=wildcard))
        for dimension, word in zip(dimensions, words, strict=True)
    ]
    for combined in product(*each):
        count = 1
        for _, several in combined:
            count *= several
        yield tuple(part for part, _ in combined), count


def further(held: Held, text: str) -> Key | None:
    """The rest of an element after its first part, if each part is a single value; None if `keys` has to work it
    out."""
    words, dimensions = text.split(","), held.dimensions[1:]
    if len(words) != len(dimensions) or "-" in text or (dimensions.count("ip") and "/" in words[-1]):
        return None
    try:
        parts = [
            part
            for dimension, word in zip(dimensions, words, strict=True)
            for part in _parts(held, dimension, word, (), wildcard=False)
        ]
    except (IpsetError, FullSet):
        return None
    return tuple(part for part, _ in parts) if len(parts) == len(words) and all(n == 1 for _, n in parts) else None


def _wrong(held: Held, text: str) -> IpsetError:
    return IpsetError(f"not an element of a set of the type {held.type}: {text[:60]!r}")


def _parts(held: Held, dimension: str, text: str, sets: Container[str], *, wildcard: bool) -> Iterator[tuple[Any, int]]:
    match dimension:
        case "ip":
            yield from ((part, 1) for part in _singles(held, text))
        case "net":
            yield from ((part, 1) for part in _networks(held, text))
        case "port":
            yield _ports(held, text)
        case "mac":
            if text and not _MAC.fullmatch(text):
                raise _wrong(held, text)
            yield text.lower(), 1
        case "mark":
            yield _mark(held, text), 1
        case "iface":
            if not text or len(text.removeprefix("physdev:")) > 15:
                raise _wrong(held, text)
            yield f"{text}+" if wildcard else text, 1
        case _:
            if text not in sets:
                raise IpsetError(f"there is no set {text[:40]!r}")
            yield text, 1


def _mark(held: Held, text: str) -> int:
    try:
        return int(text, 0) & 0xFFFFFFFF
    except ValueError as problem:
        raise _wrong(held, text) from problem


# -- addresses ---------------------------------------------------------------------------------------------------------


def _singles(held: Held, text: str) -> Iterator[tuple[int, int]]:
    """Single addresses, or networks if the set has a netmask."""
    low, high = _span(held, text)
    if high - low > 1 and held.version == 6:
        raise _wrong(held, text)
    if high - low > MOST_EXPANDED:
        raise FullSet(f"{text[:60]} stands for more addresses than are looked at here")
    if held.type.startswith("bitmap:"):
        first, last = _span(held, held.options.get("range", "0.0.0.0/0"))
        if not (first <= low and high <= last):
            raise IpsetError(f"not in the range of the set: {text[:60]!r}")
    size = _size(held)
    yield from ((at, at + size) for at in range(low & -size, high, size))


def _size(held: Held) -> int:
    told = held.options.get("netmask", "")
    bits = BITS[held.version or 4]
    if not told or held.type not in ("hash:ip", "bitmap:ip", "hash:ip,port"):
        return 1
    if not (told.isascii() and told.isdigit() and 0 < int(told) <= bits):
        raise IpsetError(f"not a netmask: {told[:40]!r}")
    return 1 << (bits - int(told))


def _networks(held: Held, text: str) -> Iterator[tuple[int, int]]:
    low, high = _span(held, text)
    if "-" in text and held.version == 4:
        found = AddressSet(4, (low, high))
        for each in found.networks():
            yield AddressSet.network(each).bounds[:2]  # type: ignore[misc]
        return
    if high - low == 1 << BITS[held.version or 4] and held.type != "hash:net,iface":
        raise IpsetError(f"a network of all addresses can't be in a set of the type {held.type}")
    yield low, high


def _span(held: Held, text: str) -> tuple[int, int]:
    """The first address of an address, network or range, and the one past its last."""
    usual = usual_ipv4(text) if held.version == 4 else None
    if usual is not None:
        return usual.bounds[0], usual.bounds[1]
    first_text, dash, last_text = text.partition("-")
    try:
        if dash and held.version == 4:
            first, last = (int(parse_address(without_octal(each))) for each in (first_text, last_text))
            if ":" in text or last < first:
                raise _wrong(held, text)
            return first, last + 1
        base, slash, prefix = text.strip("[]").partition("/")
        found = AddressSet.network((without_octal(base) if held.version == 4 else base) + slash + prefix)
    except ValueError as problem:
        raise _wrong(held, text) from problem
    if found.version != held.version:
        raise _wrong(held, text)
    return found.bounds[0], found.bounds[1]


# -- ports -------------------------------------------------------------------------------------------------------------


def _ports(held: Held, text: str) -> tuple[tuple[int | None, int, int], int]:
    protocol: int | None = 6
    name, colon, rest = text.partition(":")
    if held.type == "bitmap:port":
        protocol, rest = None, rest if colon else text
    elif colon:
        protocol = int(name) if name.isascii() and name.isdigit() and len(name) < 4 else PROTOCOLS.get(name.lower())
        if protocol is None or protocol > 255:
            raise IpsetError(f"not a protocol: {name[:40]!r}")
        if protocol not in _PORTS:
            return (protocol, 0, 65535), 1
    else:
        rest = text
    first, dash, last = rest.partition("-")
    low = _port(held, first)
    high = _port(held, last) if dash else low
    if high < low:
        raise _wrong(held, text)
    return (protocol, low, high), high - low + 1


def _port(held: Held, text: str) -> int:
    found = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else SERVICES.get(text)
    if found is None or found > 65535:
        raise _wrong(held, text)
    return found

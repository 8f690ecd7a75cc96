"""Sets of IPv4 or IPv6 addresses, as a flat sorted list of boundaries.

A set is the integers b0 <= x < b1, b2 <= x < b3, ...: an address is in it if an odd number of boundaries is at or below
it. Chains of thousands of rules are evaluated on one `Region`, which is cut in place by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from re import compile as compile_pattern

Address = IPv4Address | IPv6Address

BITS = {4: 32, 6: 128}

MAX_HOLES = 1 << 10
"""A mask with holes (10.0.0.5/255.0.0.255) that needs more intervals than this is kept as a mask."""

FEW = 32
"""A list of boundaries is short relative to another if it has up to this many, or this many times fewer."""


@dataclass(frozen=True, slots=True)
class AddressSet:
    """An immutable set of addresses of one IP version. `bounds`: strictly increasing, of even length."""

    version: int
    bounds: tuple[int, ...] = ()

    @classmethod
    def everything(cls, version: int) -> AddressSet:
        return _everything(version)

    @classmethod
    def nothing(cls, version: int) -> AddressSet:
        return _nothing(version)

    @classmethod
    def between(cls, version: int, first: int, last: int) -> AddressSet:
        """The addresses from `first` to `last`, inclusive."""
        return cls(version, (first, last + 1))

    @classmethod
    def network(cls, text: str) -> AddressSet:
        """One address or network in CIDR notation; host bits are masked off. ValueError for anything else."""
        base, slash, prefix = text.partition("/")
        address = parse_address(base)
        bits = BITS[address.version]
        if slash and not (prefix.isascii() and prefix.isdigit() and int(prefix) <= bits):
            raise ValueError(f"not a network: {text!r}")
        size = 1 << (bits - int(prefix) if slash else 0)
        first = int(address) & ~(size - 1)
        return cls(address.version, (first, first + size))

    @classmethod
    def of(cls, *addresses: Address) -> AddressSet:
        """Exactly these addresses, of one version; at least one."""
        return union(addresses[0].version, (cls(a.version, (int(a), int(a) + 1)) for a in addresses))

    def __bool__(self) -> bool:
        return bool(self.bounds)

    def __contains__(self, address: Address | int) -> bool:
        if not isinstance(address, int) and address.version != self.version:
            return False
        return bisect_right(self.bounds, int(address)) % 2 == 1

    @property
    def count(self) -> int:
        """The number of addresses."""
        if len(self.bounds) == 2:
            return self.bounds[1] - self.bounds[0]
        return sum(self.bounds[1::2]) - sum(self.bounds[::2])

    def __invert__(self) -> AddressSet:
        return AddressSet.everything(self.version) - self

    def __and__(self, other: AddressSet) -> AddressSet:
        one, two = (self, other) if len(self.bounds) >= len(other.bounds) else (other, self)
        if not two.bounds:
            return two
        if two is one or two.bounds == one.bounds:
            return one
        if len(two.bounds) == 2:
            low, high = two.bounds
            at = bisect_right(one.bounds, low)
            if at % 2 and one.bounds[at] >= high:
                return two
        if _is_few(two.bounds, one.bounds):
            return AddressSet(self.version, tuple(_common(one.bounds, two.bounds)))
        return AddressSet(self.version, tuple(_merge(one.bounds, two.bounds, 2)))

    def __or__(self, other: AddressSet) -> AddressSet:
        if not other.bounds:
            return self
        if not self.bounds:
            return other
        return AddressSet(self.version, tuple(_merge(self.bounds, other.bounds, 1)))

    def __sub__(self, other: AddressSet) -> AddressSet:
        if not other.bounds or not self.bounds:
            return self
        left = Region(self)
        left.remove(other)
        return left.frozen()

    def __le__(self, other: AddressSet) -> bool:
        """Whether every address of this set is in `other`."""
        return not self - other

    @property
    def spans(self) -> Iterator[tuple[int, int]]:
        """The intervals as (first, last), inclusive, in ascending order."""
        bounds = self.bounds
        return ((bounds[at], bounds[at + 1] - 1) for at in range(0, len(bounds), 2))

    @property
    def first(self) -> Address | None:
        """The lowest address; None if the set is empty."""
        return to_address(self.version, self.bounds[0]) if self.bounds else None

    def networks(self) -> Iterator[str]:
        """The fewest networks that make up the set, in CIDR notation; a single address has no prefix."""
        bits = BITS[self.version]
        for first, last in self.spans:
            at = first
            while at <= last:
                size = (at & -at) or (1 << bits)
                while at + size - 1 > last:
                    size >>= 1
                prefix = bits - (size.bit_length() - 1)
                address = to_address(self.version, at)
                yield str(address) if prefix == bits else f"{address}/{prefix}"
                at += size

    def summary(self, limit: int = 4) -> str:
        """The set as text: "nobody", "everybody", or up to `limit` networks or ranges and how many are left out."""
        if not self.bounds:
            return "nobody"
        if self == AddressSet.everything(self.version):
            return "everybody"
        shown: list[str] = []
        total = len(self.bounds) // 2
        for at, (first, last) in enumerate(self.spans):
            if len(shown) >= limit:
                return ", ".join(shown) + f" and {total - at} more"
            parts = list(AddressSet.between(self.version, first, last).networks())
            if len(parts) > 2:
                parts = [f"{to_address(self.version, first)}-{to_address(self.version, last)}"]
            shown += parts
        return ", ".join(shown)


class Region:
    """A mutable set of addresses: the sources that remain while rules are evaluated."""

    __slots__ = ("bounds", "version")

    def __init__(self, start: AddressSet) -> None:
        self.version = start.version
        self.bounds = list(start.bounds)

    def __bool__(self) -> bool:
        return bool(self.bounds)

    def frozen(self) -> AddressSet:
        return AddressSet(self.version, tuple(self.bounds))

    def common(self, other: AddressSet) -> AddressSet:
        """The intersection with `other`."""
        if _is_few(other.bounds, self.bounds):
            return AddressSet(self.version, tuple(_common(self.bounds, other.bounds)))
        return AddressSet(self.version, tuple(_merge(self.bounds, other.bounds, 2)))

    def remove(self, other: AddressSet) -> None:
        """Remove `other`."""
        if not _is_few(other.bounds, self.bounds):
            self.bounds = _without(self.bounds, other.bounds)
            return
        bounds = self.bounds
        for at in range(0, len(other.bounds), 2):
            low, high = other.bounds[at], other.bounds[at + 1]
            start, end = bisect_left(bounds, low), bisect_right(bounds, high)
            ends = [low] if start % 2 else []
            if end % 2:
                ends.append(high)
            bounds[start:end] = ends

    def add(self, other: AddressSet) -> None:
        """Add `other`."""
        if not self.bounds:
            self.bounds = list(other.bounds)
            return
        if not _is_few(other.bounds, self.bounds):
            self.bounds = _merge(self.bounds, other.bounds, 1)
            return
        bounds = self.bounds
        for at in range(0, len(other.bounds), 2):
            low, high = other.bounds[at], other.bounds[at + 1]
            start, end = bisect_left(bounds, low), bisect_right(bounds, high)
            ends = [] if start % 2 else [low]
            if not end % 2:
                ends.append(high)
            bounds[start:end] = ends


@dataclass(frozen=True, slots=True)
class Masked:
    """The addresses x with x & mask == value, for a mask with holes that needs too many intervals."""

    version: int
    value: int
    mask: int

    def __contains__(self, address: Address | int) -> bool:
        return int(address) & self.mask == self.value


def union(version: int, sets: Iterable[AddressSet]) -> AddressSet:
    """The union of any number of sets."""
    pairs: list[tuple[int, ...]] = []
    for each in sets:
        if len(each.bounds) == 2:
            pairs.append(each.bounds)
        else:
            pairs += zip(each.bounds[::2], each.bounds[1::2], strict=True)
    pairs.sort()
    bounds: list[int] = []
    for low, high in pairs:
        if bounds and low <= bounds[-1]:
            bounds[-1] = max(bounds[-1], high)
        else:
            bounds += (low, high)
    return AddressSet(version, tuple(bounds))


def masked(version: int, value: int, mask: int) -> AddressSet | Masked:
    """The addresses x with x & mask == value & mask, as intervals if there are not too many."""
    bits = BITS[version]
    value &= mask
    free = [bit for bit in range(bits) if not mask >> bit & 1]
    low = 0
    while low < len(free) and free[low] == low:
        low += 1
    holes = free[low:]
    if 1 << min(len(holes), 64) > MAX_HOLES:
        return Masked(version, value, mask)
    starts = [value]
    for bit in holes:
        starts += [start | 1 << bit for start in starts]
    size = 1 << low
    return union(version, (AddressSet(version, (start, start + size)) for start in starts))


def parse_address(text: str) -> Address:
    """An address without a mask. ValueError for anything else, including forms like "10.1"."""
    try:
        if ":" in text:
            if "%" in text:
                raise ValueError(f"not an address: {text!r}")
            return IPv6Address(text)
        return IPv4Address(text)
    except AddressValueError as problem:
        raise ValueError(f"not an address: {text!r}") from problem


_BYTE = "(0|[1-9][0-9]{0,2})"
_USUAL = compile_pattern(rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}(?:/(0|[1-9][0-9]?))?")
_OCTAL = compile_pattern(r"(?:^|\.)0[0-7]")


def usual_ipv4(text: str) -> AddressSet | None:
    """An IPv4 address or network in its usual form, 192.0.2.0/24, which every program reads alike; None for another."""
    usual = _USUAL.fullmatch(text)
    if usual is None:
        return None
    one, two, three, four, prefix = usual.groups()
    parts = (int(one), int(two), int(three), int(four))
    if max(parts) > 255 or (prefix is not None and int(prefix) > 32):
        return None
    size = 1 << (32 - int(prefix)) if prefix is not None else 1
    low = (parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]) & -size
    return AddressSet(4, (low, low + size))


def without_octal(text: str) -> str:
    """An IPv4 address with its octal parts, those with a zero before them (inet_aton(3)), as decimal ones.

    ValueError if one is no number.
    """
    if not _OCTAL.search(text):
        return text
    return ".".join(str(int(part, 8 if part[:1] == "0" else 10)) for part in text.split("."))


def to_address(version: int, value: int) -> Address:
    return IPv4Address(value) if version == 4 else IPv6Address(value)


@cache
def ordinary(version: int) -> AddressSet:
    """The source addresses that the kernel accepts on a network interface.

    Leaves out what the routing code itself rejects as a source (ip_route_input_slow() in net/ipv4/route.c,
    ip6_rcv_core() in net/ipv6/ip6_input.c): this host's loopback, 0.0.0.0, multicast, broadcast, mapped addresses.
    """
    if version == 4:
        refused = ["127.0.0.0/8", "0.0.0.0/32", "224.0.0.0/4", "255.255.255.255"]
    else:
        refused = ["::", "::1", "ff00::/8", "::ffff:0:0/96"]
    return AddressSet.everything(version) - union(version, map(AddressSet.network, refused))


@cache
def _everything(version: int) -> AddressSet:
    return AddressSet(version, (0, 1 << BITS[version]))


@cache
def _nothing(version: int) -> AddressSet:
    return AddressSet(version, ())


def _is_few(these: Sequence[int], beside: Sequence[int]) -> bool:
    """Whether bisecting for each of `these` is faster than merging both lists."""
    return len(these) <= FEW or len(these) * FEW < len(beside)


def _common(many: list[int] | tuple[int, ...], few: tuple[int, ...]) -> list[int]:
    found: list[int] = []
    for at in range(0, len(few), 2):
        low, high = few[at], few[at + 1]
        start, end = bisect_right(many, low), bisect_left(many, high)
        if start % 2:
            found.append(low)
        found.extend(many[start:end])
        if end % 2:
            found.append(high)
    return found


def _merge(one: list[int] | tuple[int, ...], two: list[int] | tuple[int, ...], need: int) -> list[int]:
    """The boundaries of the values in at least `need` of both: 1 for the union, 2 for the intersection."""
    found: list[int] = []
    at, by, inside = 0, 0, False
    while at < len(one) or by < len(two):
        here = min(one[at] if at < len(one) else two[by], two[by] if by < len(two) else one[at])
        if at < len(one) and one[at] == here:
            at += 1
        if by < len(two) and two[by] == here:
            by += 1
        if (at % 2 + by % 2 >= need) is not inside:
            inside = not inside
            found.append(here)
    return found


def _without(one: list[int], two: tuple[int, ...]) -> list[int]:
    found: list[int] = []
    at, by, inside = 0, 0, False
    while at < len(one):
        here = min(one[at], two[by]) if by < len(two) else one[at]
        if one[at] == here:
            at += 1
        if by < len(two) and two[by] == here:
            by += 1
        if (at % 2 == 1 and by % 2 == 0) is not inside:
            inside = not inside
            found.append(here)
    return found

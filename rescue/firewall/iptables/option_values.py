"""The values of iptables' options, parsed as libxtables does: numbers, ports, addresses, names.

From libxtables/xtables.c and xtoptions.c of iptables 1.8.9, and the C library's inet_aton(3) and getaddrinfo(3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from re import ASCII
from re import compile as compile_pattern

from rescue.firewall.engine.addresses import AddressSet, Masked, masked, parse_address, usual_ipv4
from rescue.firewall.engine.known_names import PROTOCOLS
from rescue.firewall.names import Names, RuleError


@dataclass(frozen=True, slots=True)
class Option:
    """One option with its values, under its usual spelling."""

    name: str
    values: tuple[str, ...] = ()
    negated: bool = False


# -- numbers -----------------------------------------------------------------------------------------------------------

_LEADING = compile_pattern(r"[ \t\n\v\f\r]*\+?(0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*)", ASCII)
_DIGITS = compile_pattern(r"0|[1-9][0-9]{0,17}", ASCII)
_MOST = (1 << 64) - 1


def leading_number(text: str) -> tuple[int, str] | None:
    """The leading number as by strtoul(3) with base 0, and the rest of the text; None if there is none.

    Decimal, 0x hexadecimal or 0 octal; too large a number is an error (xtables_strtoul()).
    """
    found = _LEADING.match(text)
    if found is None:
        return None
    word = found[1]
    if len(word) > 32:
        return None
    value = int(word, 16 if word[1:2] in ("x", "X") else 8 if word[0] == "0" else 10)
    return (value, text[found.end() :]) if value <= _MOST else None


def number(text: str, limit: int) -> int:
    """A whole text as a number of strtoul(3), at most `limit`. Raises RuleError."""
    if _DIGITS.fullmatch(text):
        value = int(text)
        if value <= limit:
            return value
    else:
        found = leading_number(text)
        if found is not None and not found[1] and found[0] <= limit:
            return found[0]
    raise RuleError(f"not a number from 0 to {limit}: {text!r}")


def mark_and_mask(text: str) -> tuple[int, int]:
    """A mark in the form "value" or "value/mask"."""
    value, slash, mask = text.partition("/")
    every = (1 << 32) - 1
    return number(value, every), number(mask, every) if slash else every


_ATOI = compile_pattern(r"[ \t\n\v\f\r]*([-+]?[0-9]+)", ASCII)
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def integer(text: str) -> int:
    """The leading number as by atoi(3); 0 if there is none."""
    found = _ATOI.match(text)
    return int(found[1]) if found and len(found[1]) < 32 else 0


def rate_of(text: str) -> tuple[int, int]:
    """A rate such as 5/minute: how many, and per how many seconds (parse_rate() in libxt_limit.c)."""
    amount, slash, unit = text.partition("/")
    low = unit.lower()
    seconds = next((size for name, size in _UNITS.items() if low and name.startswith(low)), 0) if slash else 1
    found = integer(amount)
    if not seconds or found <= 0:
        raise RuleError(f"not a rate, such as 5/minute: {text!r}")
    return found, seconds


# -- ports and protocols -----------------------------------------------------------------------------------------------


def port(text: str, names: Names) -> int:
    """A port number, from a name or number. Raises RuleError."""
    if text and text[0].isdigit():
        return number(text, 65535)
    if text in names.services:
        return names.services[text]
    try:
        return number(text, 65535)
    except RuleError:
        raise RuleError(f"unknown port: {text!r}") from None


def port_range(text: str, names: Names) -> tuple[int, int]:
    """A port or "first:last"; each end may be missing."""
    first, colon, last = text.partition(":")
    if not colon:
        return (port(first, names),) * 2
    low = port(first, names) if first else 0
    high = port(last, names) if last else 65535
    if low > high:
        raise RuleError(f"a port range that ends before it begins: {text!r}")
    return low, high


def port_list(text: str, names: Names) -> tuple[tuple[int, int], ...]:
    """The ports and ranges of multiport: at most 15; a range counts twice."""
    found: list[tuple[int, int]] = []
    many = 0
    for part in text.split(","):
        first, colon, last = part.partition(":")
        many += 2 if colon else 1
        if many > 15:
            raise RuleError("more than 15 ports in one multiport")
        low = port(first, names)
        high = port(last, names) if colon else low
        if colon and low >= high:
            raise RuleError(f"a port range that ends before it begins: {text!r}")
        found.append((low, high))
    return tuple(found)


_DECIMAL = compile_pattern(r"[ \t\n\v\f\r]*([-+]?[0-9]+)", ASCII)


def port_or_name(text: str, names: Names) -> int:
    """A port as getaddrinfo(3) returns it: the low bits of too large a number. Raises RuleError."""
    found = _DECIMAL.fullmatch(text)
    if found is not None or not text:
        value = int(found[1]) if found is not None and len(found[1]) < 32 else 0
        value = _MOST if abs(value) > _MOST else value & _MOST
        if not value & 1 << 31:
            return value & 65535
    if text in names.services:
        return names.services[text]
    raise RuleError(f"unknown port: {text!r}")


def protocol_number(text: str) -> int:
    """A protocol number, from a name or number. Raises RuleError."""
    known = PROTOCOLS.get(text)
    if known is None and text.upper() == text != "ALL":
        known = PROTOCOLS.get(text.lower())  # the second name that most have in protocols(5)
    if known is not None:
        return known
    try:
        return number(text, 255)
    except RuleError:
        raise RuleError(f"unknown protocol: {text}") from None


# -- words -------------------------------------------------------------------------------------------------------------

TCP_FLAGS = frozenset(["SYN", "ACK", "FIN", "RST", "URG", "PSH"])
STATE_NAMES = ("INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED", "SNAT", "DNAT")
ADDRESS_TYPES = ("UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE",
                 "PROHIBIT", "THROW", "NAT", "XRESOLVE")  # fmt: skip


def tcp_flags(text: str) -> frozenset[str]:
    """A list of TCP flags, ALL or NONE. Raises RuleError."""
    found: frozenset[str] = frozenset()
    for word in filter(None, text.upper().split(",")):
        if word == "ALL":
            found = TCP_FLAGS
        elif word in TCP_FLAGS:
            found |= {word}
        elif word != "NONE":
            raise RuleError(f"unknown TCP flags: {text!r}")
    return found


def _shortened(text: str, known: Sequence[str], what: str) -> frozenset[str]:
    """A list of words that may be abbreviated: each means the first one in `known` with that prefix."""
    found = set()
    for word in text.upper().split(","):
        name = next((name for name in known if word and name.startswith(word)), None)
        if name is None:
            raise RuleError(f"{what}: {text!r}")
        found.add(name)
    return frozenset(found)


def state_names(text: str, *, translated: bool = True) -> frozenset[str]:
    """A list of conntrack states. Raises RuleError. translated: SNAT and DNAT are known, too."""
    return _shortened(text, STATE_NAMES if translated else STATE_NAMES[:5], "unknown connection state")


def address_types(text: str) -> frozenset[str]:
    """A list of addrtype types. Raises RuleError."""
    return _shortened(text, ADDRESS_TYPES, "not an address type")


# -- addresses ---------------------------------------------------------------------------------------------------------


def address_range(text: str, version: int, *, whole: bool = False) -> AddressSet:
    """A range "first-last" of iprange, or one address. whole: no part of an address may be missing (inet_pton(3))."""
    first, dash, last = text.partition("-")
    try:
        low, high = (_written(each, version, whole) for each in (first, last if dash else first))
    except ValueError as problem:
        raise RuleError(f"not a range of addresses: {text!r}") from problem
    if low > high:
        return AddressSet(version)  # accepted, but matches nothing
    return AddressSet.between(version, low, high)


def _written(text: str, version: int, whole: bool) -> int:
    if version == 4 and not whole:
        return _dotted(text)
    found = parse_address(text)
    if found.version != version or "%" in text:
        raise ValueError(text)
    return int(found)


def addresses(text: str, version: int, names: Names) -> list[AddressSet | Masked]:
    """The addresses of ``-s`` or ``-d``: a list with commas; a host name stands for all of its addresses."""
    found: list[AddressSet | Masked] = []
    for part in text.split(",") if "," in text else (text,):
        base, slash, mask = part.lstrip().rpartition("/")
        if not slash:
            base, mask = mask, ""
        if slash and (not mask.isascii() or not mask.isdigit() or int(mask) == 0) and _is_everything(mask, version):
            base = "0" if version == 4 else "::"  # "if a null mask is given, the name is ignored"
        known = names.hosts.get(base.lower()) if names.hosts else None
        mine = [each for each in known or () if (":" in each) is (version == 6)]
        for each in mine or (base,):
            found.append(_network(each + slash + mask, version))
    return found


def _is_everything(mask: str, version: int) -> bool:
    try:
        return (_dotted(mask, whole=True) if version == 4 else int(parse_address(mask))) == 0
    except ValueError:
        found = leading_number(mask)
        return found is not None and found == (0, "")


def _network(text: str, version: int) -> AddressSet | Masked:
    """One address or network in any form that iptables accepts: 10.0.0.0/8, 10/8, 10.0.0.0/255.0.0.0, 2001:db8::/32."""
    return (usual_ipv4(text) if version == 4 else None) or _unusual_network(text, version)


@lru_cache(maxsize=1 << 16)
def _unusual_network(text: str, version: int) -> AddressSet | Masked:
    base, slash, mask = text.rpartition("/")
    if not slash:
        base, mask = mask, ""
    if base == "!":
        raise RuleError('"!" comes after -s or -d, and must be before it')
    if version == 4 and base.lower().startswith("::ffff:") and "." in base:
        base = base[7:]  # an IPv4-mapped IPv6 address
    if version == 4 and ":" in base:
        raise RuleError(f"an IPv6 address among rules for IPv4: {base!r}")
    bits = 32 if version == 4 else 128
    value = _dotted(base) if version == 4 else _colons(base)
    if not slash:
        return AddressSet(version, (value, value + 1))
    try:
        pattern = _dotted(mask, whole=True) if version == 4 else _colons(mask)
    except RuleError:
        size = 1 << (bits - number(mask, bits))
        first = value & ~(size - 1)
        return AddressSet(version, (first, first + size))
    return masked(version, value, pattern)


def _dotted(text: str, *, whole: bool = False) -> int:
    """An IPv4 address; missing parts at the end are zero, unless `whole`."""
    parts = text[:19].split(".")
    if len(parts) > 4 or (whole and len(parts) < 4):
        raise RuleError(f"unknown host: {text!r}")
    try:
        values = [number(part, 255) for part in parts]
    except RuleError as problem:
        raise RuleError(f"host name can't be resolved while the server boots: {text!r}") from problem
    return int.from_bytes(bytes(values + [0] * (4 - len(values))), "big")


_SCOPED = compile_pattern(r"(.*)%[0-9]+", ASCII)


def _colons(text: str) -> int:
    scoped = _SCOPED.fullmatch(text)
    text = scoped[1] if scoped else text
    try:
        address = parse_address(text)
    except ValueError as problem:
        raise RuleError(f"host name can't be resolved while the server boots: {text!r}") from problem
    if address.version != 6:
        raise RuleError(f"not an IPv6 address: {text!r}")
    return int(address)


def host(text: str, version: int, names: Names) -> int:
    """The one address of a host, by name or as inet_aton(3) reads it: "10.1" is 10.0.0.1. Raises RuleError."""
    known = [each for each in names.hosts.get(text.lower(), ()) if (":" in each) is (version == 6)]
    if len(set(known)) == 1:
        text = known[0]
    try:
        if known[1:] and len(set(known)) > 1:
            raise ValueError(text)
        return _counted(text) if version == 4 else int(_six(text))
    except ValueError as problem:
        raise RuleError(f"host name can't be resolved while the server boots: {text!r}") from problem


def _six(text: str) -> int:
    found = parse_address(text)
    if found.version != 6:
        raise ValueError(text)
    return int(found)


def _counted(text: str) -> int:
    parts = text.split(".")
    if not 0 < len(parts) <= 4 or any(not part[:1].isdigit() for part in parts):
        raise ValueError(text)
    *before, last = (number(part, (1 << 32) - 1) for part in parts)
    left = 4 - len(before)
    if any(part > 255 for part in before) or last >= 1 << (8 * left):
        raise ValueError(text)
    return int.from_bytes(bytes([*before, *last.to_bytes(left, "big")]), "big")


def host_network(text: str, version: int, names: Names) -> AddressSet:
    """A host, optionally with a mask or prefix length. Raises RuleError."""
    base, slash, mask = text.partition("/")
    value = host(base, version, names)
    if not slash:
        return AddressSet(version, (value, value + 1))
    length = mask_length(mask, version)
    size = 1 << ((32 if version == 4 else 128) - length) if length is not None else 1
    first = value & -size
    return AddressSet(version, (first, first + size))


def mask_length(text: str, version: int) -> int | None:
    """The prefix length of a mask, from a length or an address; None for a mask with holes. Raises RuleError."""
    bits = 32 if version == 4 else 128
    try:
        return number(text, bits)
    except RuleError:
        pass
    try:
        value = host(text, version, Names(hosts={}))
    except RuleError:
        raise RuleError(f"neither a mask nor its length: {text!r}") from None
    length = bits - (~value & ((1 << bits) - 1)).bit_length()
    return length if value == ((1 << length) - 1) << (bits - length) else None

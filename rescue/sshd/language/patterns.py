"""Patterns as sshd matches them: names, lists with negation, addresses and networks; unknown stays unknown.

Source: match.c, addr.c and addrmatch.c of OpenSSH. A match gives True, False, or None where it depends on something
that is not known offline (the client's address or host name).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, ip_address
from re import compile as compile_pattern

from rescue.model import Address, Known

SUBPATTERN_LIMIT = 1023
"""Characters of one pattern in a list; a longer one makes the whole list fail (match_pattern_list)."""


class BadAddress(ValueError):
    """A network whose host bits are not zero, or an empty entry: sshd refuses the line."""


def match_name(name: str, pattern: str) -> bool:
    """``*`` stands for any characters, ``?`` for one; case matters. Linear in practice, never exponential."""
    at = place = 0
    star, resumed = -1, 0
    while at < len(name):
        if place < len(pattern) and pattern[place] == "*":
            star, resumed = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", name[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            resumed += 1
            at, place = resumed, star + 1
        else:
            return False
    return pattern[place:].strip("*") == ""


def match_list(name: str, patterns: str, *, lower: bool = False) -> int:
    """A comma-separated list: 1 if one matches, -1 if one that is negated with ``!`` does, 0 if none."""
    found = 0
    for negated, pattern in _entries(patterns):
        if len(pattern) >= SUBPATTERN_LIMIT:
            return 0
        if match_name(name, pattern.lower() if lower else pattern):
            if negated:
                return -1
            found = 1
    return found


def match_groups(groups: Iterable[str], patterns: str) -> bool:
    """True if one of the groups is in the list and none is negated (ga_match_pattern_list)."""
    results = {match_list(group, patterns) for group in groups}
    return 1 in results and -1 not in results


def match_host(host: str | None, patterns: str) -> Known:
    """The ``Host`` criterion. A host name that is not known matches ``*`` for sure, and nothing else."""
    if host is not None:
        return match_list(host.lower(), patterns, lower=True) == 1
    return True if set(_entries(patterns)) == {(False, "*")} else None


def match_address(address: Address | None, patterns: str) -> Known:
    """The ``Address`` criterion: networks, addresses and wildcards. Raises BadAddress if sshd rejects the list."""
    check_addresses(patterns)
    if address is None:
        return True if patterns == "*" else None
    return _address_list(address, patterns) == 1


def match_user(user: str, host: str | None, address: Address | None, pattern: str) -> Known:
    """One word of AllowUsers or DenyUsers: ``user`` or ``user@list of hosts and networks``. Raises BadAddress."""
    name, at, where = pattern.partition("@")
    if not at:
        return match_name(user, pattern)
    check_addresses(where)
    if not match_name(user, name):
        return False
    return match_host_or_address(host, address, where)


def check_user(pattern: str) -> None:
    """Raise BadAddress if sshd refuses this word of AllowUsers or DenyUsers."""
    _, at, where = pattern.partition("@")
    if at:
        check_addresses(where)


def check_addresses(patterns: str) -> None:
    """Raise BadAddress if one entry is empty or a network with host bits set (addr_match_list with no address)."""
    for entry in patterns.split(","):
        text = entry.removeprefix("!")
        if not text:
            raise BadAddress(f"an empty entry in the list {patterns}")
        _network(text)


def match_host_or_address(host: str | None, address: Address | None, where: str) -> Known:
    """match_host_and_ip: the host's name or its address must match, and neither may match a negated entry.

    Raises BadAddress if sshd rejects the list.
    """
    if address is None:
        return True if where == "*" else None
    by_address = _address_list(address, where)
    if by_address == -1:
        return False
    if host is None:
        named = [(negated, entry) for negated, entry in _entries(where) if _may_be_name(entry)]
        if by_address == 1:
            return None if any(negated for negated, _ in named) else True
        return None if any(not negated for negated, _ in named) else False
    by_name = match_list(host.lower(), where, lower=True)
    return by_name != -1 and (by_name == 1 or by_address == 1)


def _may_be_name(entry: str) -> bool:
    """Whether a host name could match what did not match as an address."""
    try:
        return _network(entry) is None
    except BadAddress:
        return True


def _address_list(address: Address, patterns: str) -> int:
    found = 0
    for entry in patterns.split(","):
        negated, text = entry.startswith("!"), entry.removeprefix("!")
        network = _network(text)
        if network is None:
            hit = match_name(str(address), text)
        else:
            base, length = network
            hit = base.version == address.version and _prefix(base, length) == _prefix(address, length)
        if hit and negated:
            return -1
        found = 1 if hit else found
    return found


def _entries(patterns: str) -> Iterator[tuple[bool, str]]:
    """The entries of a list with their negation; a comma at the end adds none (match_pattern_list)."""
    pieces = patterns.split(",")
    if pieces and pieces[-1] == "":
        pieces.pop()
    for piece in pieces:
        yield piece.startswith("!"), piece.removeprefix("!")


def _prefix(address: Address, length: int) -> int:
    return int(address) >> (address.max_prefixlen - length)


_NUMBER = compile_pattern(r"0[xX][0-9a-fA-F]+|[0-9]+")


def numeric_address(text: str) -> Address | None:
    """An address as getaddrinfo(3) reads a numeric one: also inet_aton(3)'s short, octal and hexadecimal forms."""
    try:
        return ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return _inet_aton(text)


def _inet_aton(text: str) -> IPv4Address | None:
    pieces = text.split(".")
    if len(pieces) > 4 or not all(_NUMBER.fullmatch(piece) for piece in pieces):
        return None
    try:
        numbers = [int(piece, 0 if piece[:2] in ("0x", "0X") else 8 if piece[0] == "0" else 10) for piece in pieces]
    except ValueError:
        return None
    last = numbers.pop()
    if any(number > 255 for number in numbers) or last >= 1 << 8 * (4 - len(numbers)):
        return None
    value = 0
    for number in numbers:
        value = value << 8 | number
    return IPv4Address(value << 8 * (4 - len(numbers)) | last)


def _network(text: str) -> tuple[Address, int] | None:
    """An address and its prefix length (addr_pton_cidr); None if it is none. Raises BadAddress for host bits."""
    if len(text) > 63:
        return None
    name, slash, mask = text.partition("/")
    if slash and not (mask.isascii() and mask.isdecimal() and len(mask) < 20 and int(mask) <= 128):
        return None
    address = numeric_address(name)
    if address is None:
        return None
    length = int(mask) if slash else address.max_prefixlen
    if length > address.max_prefixlen:
        raise BadAddress(f"{text}: the mask is longer than the address")
    if int(address) & ((1 << (address.max_prefixlen - length)) - 1):
        raise BadAddress(f"{text}: the address has bits set beyond the mask")
    return address, length

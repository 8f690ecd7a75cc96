"""The values that nftables rules and sets compare with, from their text (nft(8), "DATA TYPES")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rescue.firewall.engine.addresses import (
    BITS,
    Address,
    AddressSet,
    Masked,
    masked,
    parse_address,
    union,
    usual_ipv4,
    without_octal,
)
from rescue.firewall.names import Names, RuleError

PROTOCOLS = {
    "icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58, "icmpv6": 58,
    "ospf": 89, "ospfigp": 89, "comp": 108, "ipcomp": 108, "vrrp": 112, "sctp": 132, "udplite": 136, "dccp": 33,
    "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipip": 94, "hopopt": 0,
    "ip": 0, "l2tp": 115, "pim": 103, "ipencap": 4, "eigrp": 88, "egp": 8, "igp": 9, "rdp": 27, "etherip": 97,
}  # fmt: skip
"""protocols(5), in the spelling of Debian's netbase, and nft's own names."""

TCP_BITS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128}

ICMP_TYPES = {
    4: {
        "echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
        "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "parameter-problem": 12,
        "timestamp-request": 13, "timestamp-reply": 14, "info-request": 15, "info-reply": 16,
        "address-mask-request": 17, "address-mask-reply": 18,
    },
    6: {
        "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
        "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131,
        "mld-listener-done": 132, "mld-listener-reduction": 132, "nd-router-solicit": 133, "nd-router-advert": 134,
        "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "nd-redirect": 137, "router-renumbering": 138,
        "ind-neighbor-solicit": 141, "ind-neighbor-advert": 142, "mld2-listener-report": 143,
    },
}  # fmt: skip
"""The names of ICMP's types (src/datatype.c of nftables)."""


def number(text: str) -> int | None:
    """A decimal or hexadecimal number, or several joined by "|"; None for anything else."""
    total = 0
    for part in text.split("|"):
        try:
            total |= int(part, 16 if part[:2].lower() == "0x" else 10)
        except ValueError:
            return None
    return total


def port(text: str, names: Names) -> int:
    """A port number, from a number or a name in services(5). Raises RuleError."""
    value = number(text)
    if value is None:
        value = names.services.get(text)
    if value is None:
        raise RuleError(f"unknown service: {text!r}")
    if value > 0xFFFF:
        raise RuleError(f"a port beyond 65535: {text}")
    return value


def ports(items: Iterable[str], names: Names) -> tuple[tuple[int, int], ...]:
    """Ranges of ports. Raises RuleError."""
    found = []
    for item in items:
        first, dash, last = item.partition("-") if item[:1].isdigit() else (item, "", "")
        low = port(first, names)
        high = port(last, names) if dash else low
        if high < low:
            raise RuleError(f"a range of no size: {item}")
        found.append((low, high))
    return tuple(found)


def addresses(items: Sequence[str], version: int, names: Names) -> AddressSet | Masked:
    """The addresses of any number of items. Raises RuleError."""
    if items == ["*"]:
        return AddressSet.everything(version)
    found = [address(item, version, names) for item in items]
    if len(found) == 1:
        return found[0]
    return union(version, (each for each in found if isinstance(each, AddressSet)))


def address(text: str, version: int, names: Names) -> AddressSet | Masked:
    """One address, network, range or host name. Raises RuleError."""
    try:
        return _plain(text, version)
    except ValueError:
        known = [each for each in names.hosts.get(text.lower(), ()) if (":" in each) is (version == 6)]
        if known:
            return _plain(known[0], version)
    value = number(text)
    if value is not None and value < 1 << BITS[version]:
        return AddressSet(version, (value, value + 1))
    raise RuleError(f"not an IPv{version} address, and host names can't be resolved while the server boots: {text!r}")


def _plain(text: str, version: int) -> AddressSet | Masked:
    return (usual_ipv4(text) if version == 4 else None) or _unusual(text, version)


@lru_cache(maxsize=1 << 16)
def _unusual(text: str, version: int) -> AddressSet | Masked:
    first, dash, last = text.partition("-")
    if dash:
        low, high = (int(_of_version(each, version)) for each in (first, last))
        if int(high) < int(low):
            raise RuleError(f"a range of no size: {text}")
        return AddressSet.between(version, int(low), int(high))
    base, slash, mask = text.partition("/")
    value = int(_of_version(base, version))
    if slash and not mask.isdigit():
        return masked(version, value, int(_of_version(mask, version)))
    bits = BITS[version]
    if slash and int(mask) > bits:
        raise RuleError(f"a prefix beyond {bits}: {text}")
    size = 1 << (bits - int(mask) if slash else 0)
    value &= ~(size - 1)
    return AddressSet(version, (value, value + size))


def _of_version(text: str, version: int) -> Address:
    found = parse_address(without_octal(text) if version == 4 else text)
    if found.version != version:
        raise ValueError(f"not an IPv{version} address: {text!r}")
    return found


def bits(text: str, known: dict[str, int]) -> int | None:
    """A combination of named bits: "syn|ack", "0x12"; None if a name is not known."""
    total = 0
    for part in text.split("|"):
        value = known.get(part)
        if value is None:
            value = number(part)
        if value is None:
            return None
        total |= value
    return total

"""How a rejection is sent, and how the client's kernel reports it."""

from __future__ import annotations

from re import ASCII
from re import compile as compile_pattern

TCP_RESET = "tcp-reset"

UNREACHABLE = {
    4: {
        "icmp-net-unreachable": (3, 0),
        "icmp-host-unreachable": (3, 1),
        "icmp-proto-unreachable": (3, 2),
        "icmp-port-unreachable": (3, 3),
        "icmp-net-prohibited": (3, 9),
        "icmp-host-prohibited": (3, 10),
        "icmp-admin-prohibited": (3, 13),
    },
    6: {
        "icmp6-no-route": (1, 0),
        "icmp6-adm-prohibited": (1, 1),
        "icmp6-addr-unreachable": (1, 3),
        "icmp6-port-unreachable": (1, 4),
        "icmp6-policy-fail": (1, 5),
        "icmp6-reject-route": (1, 6),
    },
}
"""REJECT's answers by IP version: ICMP type and code (extensions/libipt_REJECT.c, libip6t_REJECT.c)."""

_SHORT = {
    "net-unreach": "icmp-net-unreachable",
    "host-unreach": "icmp-host-unreachable",
    "proto-unreach": "icmp-proto-unreachable",
    "port-unreach": "icmp-port-unreachable",
    "net-prohib": "icmp-net-prohibited",
    "host-prohib": "icmp-host-prohibited",
    "admin-prohib": "icmp-admin-prohibited",
    "no-route": "icmp6-no-route",
    "adm-prohibited": "icmp6-adm-prohibited",
    "addr-unreach": "icmp6-addr-unreachable",
    "policy-fail": "icmp6-policy-fail",
    "reject-route": "icmp6-reject-route",
    "tcp-rst": TCP_RESET,
}

REFUSED_BY = frozenset([TCP_RESET, "icmp-port-unreachable", "icmp6-port-unreachable"])
"""The answers that a client reports as "Connection refused" (icmp_err_convert[] in net/ipv4/icmp.c)."""

_TYPES = {
    4: {
        "echo-reply": (0, None),
        "pong": (0, None),
        "destination-unreachable": (3, None),
        "network-unreachable": (3, 0),
        "host-unreachable": (3, 1),
        "protocol-unreachable": (3, 2),
        "port-unreachable": (3, 3),
        "fragmentation-needed": (3, 4),
        "source-route-failed": (3, 5),
        "network-unknown": (3, 6),
        "host-unknown": (3, 7),
        "network-prohibited": (3, 9),
        "host-prohibited": (3, 10),
        "tos-network-unreachable": (3, 11),
        "tos-host-unreachable": (3, 12),
        "communication-prohibited": (3, 13),
        "host-precedence-violation": (3, 14),
        "precedence-cutoff": (3, 15),
        "source-quench": (4, None),
        "redirect": (5, None),
        "network-redirect": (5, 0),
        "host-redirect": (5, 1),
        "tos-network-redirect": (5, 2),
        "tos-host-redirect": (5, 3),
        "echo-request": (8, None),
        "ping": (8, None),
        "router-advertisement": (9, None),
        "router-solicitation": (10, None),
        "time-exceeded": (11, None),
        "ttl-exceeded": (11, None),
        "ttl-zero-during-transit": (11, 0),
        "ttl-zero-during-reassembly": (11, 1),
        "parameter-problem": (12, None),
        "ip-header-bad": (12, 0),
        "required-option-missing": (12, 1),
        "timestamp-request": (13, None),
        "timestamp-reply": (14, None),
        "address-mask-request": (17, None),
        "address-mask-reply": (18, None),
    },
    6: {
        "destination-unreachable": (1, None),
        "no-route": (1, 0),
        "communication-prohibited": (1, 1),
        "beyond-scope": (1, 2),
        "address-unreachable": (1, 3),
        "port-unreachable": (1, 4),
        "failed-policy": (1, 5),
        "reject-route": (1, 6),
        "packet-too-big": (2, None),
        "time-exceeded": (3, None),
        "ttl-exceeded": (3, None),
        "ttl-zero-during-transit": (3, 0),
        "ttl-zero-during-reassembly": (3, 1),
        "parameter-problem": (4, None),
        "bad-header": (4, 0),
        "unknown-header-type": (4, 1),
        "unknown-option": (4, 2),
        "echo-request": (128, None),
        "ping": (128, None),
        "echo-reply": (129, None),
        "pong": (129, None),
        "router-solicitation": (133, None),
        "router-advertisement": (134, None),
        "neighbour-solicitation": (135, None),
        "neighbor-solicitation": (135, None),
        "neighbour-advertisement": (136, None),
        "neighbor-advertisement": (136, None),
        "redirect": (137, None),
    },
}


def reject_with(word: str, version: int) -> str | None:
    """The full name for a ``--reject-with`` value, which may be abbreviated; None if there is none."""
    low = word.lower()
    known = [*UNREACHABLE[version], TCP_RESET]
    short = [name for name, full in _SHORT.items() if full in known and (version == 4 or full != TCP_RESET)]
    for name in (*known, *short):
        if name.startswith(low):
            return _SHORT.get(name, name)
    return None


_ANY = (255, 0, 255)


def icmp_type(text: str, version: int) -> tuple[int, int, int] | None:
    """The type for an ``--icmp-type`` value, and its first and last code; None for any. Raises ValueError.

    A name may be abbreviated if that is unambiguous (__parse_icmp() in extensions/libxt_icmp.h).
    """
    names = {**_TYPES[version], **({"any": (255, None)} if version == 4 else {})}
    meant = [value for name, value in names.items() if name.startswith(text.lower())]
    if len(meant) > 1:
        raise ValueError(f"an ambiguous ICMP type: {text!r}")
    if meant:
        kind_of, code_of = meant[0]
        found = (kind_of, 0, 255) if code_of is None else (kind_of, code_of, code_of)
    else:
        kind, slash, code = text.partition("/")
        kinds = _numbers(kind)
        found = (kinds[0], *(_numbers(code) if slash else (0, 255)))
        if kinds[0] != kinds[1]:
            raise ValueError(f"more than one type of ICMP: {text!r}")
    return None if found == _ANY and version == 4 else found


def _numbers(text: str) -> tuple[int, int]:
    first, colon, last = text.partition(":")
    found = [_byte(each) for each in (first, last if colon else first)]
    return found[0], found[1]


_BYTE = compile_pattern(r"\s*\+?(0[xX][0-9A-Fa-f]{1,8}|0[0-7]{0,8}|[1-9][0-9]{0,8})", ASCII)


def _byte(text: str) -> int:
    found = _BYTE.fullmatch(text)
    word = found[1] if found else "256"
    value = int(word, 16 if word[1:2] in ("x", "X") else 8 if word[0] == "0" else 10)
    if value > 255:
        raise ValueError(f"not a type or code of ICMP: {text!r}")
    return value

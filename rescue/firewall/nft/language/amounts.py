"""Rates and amounts, as used in limits and quotas (nft(8), "LIMIT STATEMENT" and "QUOTA STATEMENT")."""

from __future__ import annotations

from dataclasses import dataclass

from rescue.firewall.engine.conditions import Answer, Assumed, Doubt
from rescue.firewall.engine.packet import TCP, Packet
from rescue.firewall.nft.language.tokens import WORD, Cursor

RATES = "the rules' rate limits are not used up"
QUOTAS = "the rules' quotas are not used up"

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SIZES = {"bytes": 1, "kbytes": 1024, "mbytes": 1 << 20}
_BURST = 5
"""The default burst of a limit, in packets (NFT_LIMIT_PKT_BURST_DEFAULT)."""

_SMALLEST, _LARGEST = {4: 40, 6: 60}, {4: 60, 6: 80}
"""Sizes in bytes of the packet that opens a connection: without TCP options, and with as many as fit."""

_GREETED = 3
"""The client's packets up to the end of its greeting."""

_LOGIN = 24
"""Roughly the fewest packets that a client sends until it is logged in; each has up to _FULL bytes."""

_FULL = 1500
_PATIENCE = 10
"""Seconds that a login may take."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Holds up to a rate, or (`over`) above it. bucket: how many packets, or (`sized`) bytes, may come at once.

    each_second: how many more per second. note: the assumption about a fresh server.
    """

    over: bool
    sized: bool
    bucket: int
    each_second: float = 0.0
    note: str = RATES

    def on(self, packet: Packet) -> Answer:
        usual = Assumed(not self.over, self.note)
        if packet.protocol != TCP:
            return usual
        first = "SYN" in packet.flags
        if self.sized:
            if self.bucket < _SMALLEST[packet.version]:
                return self.over  # no packet is ever that small
            if self.bucket < _LARGEST[packet.version]:
                return Doubt("the size of the packets (a limit of few bytes)")
        elif not first and self.bucket < _GREETED and self.each_second < 1:
            return self.over
        login = _LOGIN * (_FULL if self.sized else 1)
        if not first and self.bucket + self.each_second * _PATIENCE < login:
            return Doubt("a limit that the packets of one connection may use up")
        return usual


def rate(cursor: Cursor) -> Limit:
    """Parse a limit from "rate" on. Raises Wrong."""
    cursor.expect("rate")
    over = cursor.accept("over")
    number = cursor.number()
    if number == 0:
        raise cursor.wrong("a rate must be more than 0")
    size, slash, unit = cursor.peek().partition("/")  # "kbytes/second" is one word
    sized = cursor.kind() == WORD
    if sized and slash:
        if size not in _SIZES or unit not in _UNITS:
            raise cursor.wrong(f"unexpected {cursor.shown()}, where a rate should be")
        cursor.take()
    else:
        if sized:
            size = cursor.expect(*_SIZES)
        cursor.expect("/")
        unit = cursor.expect(*_UNITS)
    many = number * _SIZES.get(size, 1)
    burst = 0 if sized else _BURST
    if cursor.accept("burst"):
        burst = cursor.number()
        if burst == 0:
            raise cursor.wrong("a burst must be more than 0")
        burst *= _SIZES.get(cursor.expect(*(_SIZES if sized else ("packets",))), 1)
    return Limit(over, sized, many + burst if sized else burst, many / _UNITS[unit])


def amount(cursor: Cursor) -> Limit:
    """Parse a quota. Raises Wrong."""
    over = cursor.accept("over") or (cursor.accept("until") and False)
    left = cursor.number() * _SIZES[cursor.expect(*_SIZES)]
    if left >= 1 << 63:
        raise cursor.wrong("too large a quota")
    if cursor.accept("used"):
        used = cursor.number() * _SIZES[cursor.expect(*_SIZES)]
        left = max(0, left - used)
    return Limit(over, sized=True, bucket=max(0, left - 1), note=QUOTAS)

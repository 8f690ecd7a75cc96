"""Rates and amounts, as limits and quotas have them (nft(8), "LIMIT STATEMENT" and "QUOTA STATEMENT")."""

from __future__ import annotations

from rescue.firewall.nft.tokens import WORD, Cursor

_UNITS = ("second", "minute", "hour", "day", "week")
_SIZES = ("bytes", "kbytes", "mbytes")


def rate(cursor: Cursor) -> bool:
    """Read a limit from "rate" on: whether it holds over the rate, and not up to it. Raises Wrong."""
    cursor.expect("rate")
    over = _over(cursor)
    if cursor.number() == 0:
        raise cursor.wrong("a rate must be more than 0")
    size, slash, unit = cursor.peek().partition("/")  # "kbytes/second" is one word
    sized = cursor.kind() == WORD
    if sized and slash:
        if size not in _SIZES or unit not in _UNITS:
            raise cursor.wrong(f"unexpected {cursor.shown()}, where a rate should be")
        cursor.take()
    else:
        if sized:
            cursor.expect(*_SIZES)
        cursor.expect("/")
        cursor.expect(*_UNITS)
    if cursor.accept("burst"):
        if cursor.number() == 0:
            raise cursor.wrong("a burst must be more than 0")
        cursor.expect(*(_SIZES if sized else ("packets",)))
    return over


def amount(cursor: Cursor) -> bool:
    """Read a quota: whether it holds over the amount, and not up to it. Raises Wrong."""
    over = _over(cursor)
    cursor.number()
    cursor.expect(*_SIZES)
    if cursor.accept("used"):
        cursor.number()
        cursor.expect(*_SIZES)
    return over


def _over(cursor: Cursor) -> bool:
    return cursor.accept("over") or (cursor.accept("until") and False)

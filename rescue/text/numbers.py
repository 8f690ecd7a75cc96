"""Numbers and lists in words."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
MOST_DIGITS = 18
"""Most digits of a typed number: nothing here needs more, and int() rejects several thousand."""


def size(count: int) -> str:
    """A number of bytes in binary units with one decimal: ``1536`` is ``1.5 KiB``; whole numbers stay whole."""
    if abs(count) < 1024:
        return plural(count, "byte")
    value = float(count)
    for unit in _UNITS:
        value /= 1024
        if abs(value) < 1023.95 or unit == _UNITS[-1]:
            break
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 file``, ``3 files``, ``2 directories`` (where `many` is given)."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def natural(word: str) -> int | None:
    """A word of ASCII digits as a number; None for any other word, or if it has too many digits."""
    if not (word.isascii() and word.isdecimal()) or len(word.lstrip("0")) > MOST_DIGITS:
        return None
    return int(word.lstrip("0") or "0")

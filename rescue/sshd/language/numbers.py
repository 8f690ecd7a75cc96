"""Numbers, times, sizes and ports as sshd reads them from text.

Source: convtime, a2port, atoi_err in misc.c; fmt_scaled.c and strtonum.c in openbsd-compat of OpenSSH.
"""

from __future__ import annotations

from re import ASCII
from re import compile as compile_pattern

INT_MAX = 2**31 - 1
LLONG_MAX = 2**63 - 1

_INTEGER = compile_pattern(r"[ \t\n\v\f\r]*([+-]?\d{1,30})", ASCII)
_PIECE = compile_pattern(r"[ \t\n\v\f\r]*([+-]?\d{1,30})([smhdwSMHDW]?)", ASCII)
_SCALED = compile_pattern(r"[ \t\n\v\f\r]*([+-]?)([\d.]{0,64})(.?)(.?)", ASCII)
_TRIPLE = compile_pattern(r"\s*([+-]?\d{1,18})(?::\s*([+-]?\d{1,18})(?::\s*([+-]?\d{1,18}))?)?", ASCII)

SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
SCALES = "bkmgtpe"
DIGITS = 20


def integer(text: str, low: int = 0, high: int = INT_MAX) -> int | None:
    """A decimal number within bounds, or None (strtonum)."""
    found = _INTEGER.fullmatch(text)
    if found is None:
        return None
    number = int(found[1])
    return number if low <= number <= high else None


def seconds(text: str) -> int | None:
    """A time: ``90``, ``1m30s``, ``2h``; None if it is none (convtime)."""
    total, at = 0, 0
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None or int(found[1]) < 0 or (not found[2] and found.end() < len(text)):
            return None
        total += int(found[1]) * SECONDS[found[2].lower()]
        if total > INT_MAX:
            return None
        at = found.end()
    return total if text else None


def scaled(text: str) -> int | None:
    """A size: ``1G``, ``512K``; None if it is none (scan_scaled)."""
    found = _SCALED.match(text)
    if found is None or found[2].count(".") > 1:
        return None
    whole, _, fraction = str(found[2]).partition(".")
    if len(whole) > DIGITS or int(whole or "0") > LLONG_MAX:
        return None
    sign = -1 if found[1] == "-" else 1
    unit, following = found[3].lower(), found[4]
    number = int(whole or "0")
    if not unit:
        return sign * number
    if unit not in SCALES or (following.isascii() and following.isalnum()):
        return None
    factor = 1 << 10 * SCALES.index(unit)
    if number > LLONG_MAX // factor:
        return None
    part = int(fraction or "0") * factor // int("1" + "0" * len(fraction))
    return sign * (number * factor + part)


def triple(text: str) -> tuple[int, ...]:
    """The numbers at the start of ``a:b:c``, as sscanf("%d:%d:%d") finds them; () if there is none."""
    found = _TRIPLE.match(text)
    return tuple(int(number) for number in found.groups() if number is not None) if found else ()


def octal(text: str) -> int | None:
    """An octal number at the start of the text (strtol with base 8); None if there is none."""
    digits = text.lstrip().removeprefix("+")
    end = next((at for at, char in enumerate(digits) if char not in "01234567"), len(digits))
    return int(digits[:end], 8) if end else None

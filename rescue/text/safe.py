"""Escape text from a disk, so that it is safe on a terminal."""

from __future__ import annotations

import re
import unicodedata

TAB = 8
"""Columns of a tab stop: the terminal's own."""

_HARMLESS = re.compile(r"[\x20-\x7e]*")
_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode's general categories that draw nothing by themselves: controls, formats (bidi overrides, zero-width
characters, tags), surrogates, private use, unassigned, line and paragraph separators (UnicodeData, UAX 44)."""

_BLANKS = frozenset("\u00a0\u1680\u202f\u205f\u3000").union(map(chr, range(0x2000, 0x200B)))
"""Spaces that programs treat as letters (category Zs except the space): pasted from a web page, they break a line."""

_INVISIBLE = _BLANKS.union("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0").union(
    *(map(chr, range(first, last + 1)) for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF)))
)
"""With letters and marks that draw nothing either (Default_Ignorable_Code_Point in DerivedCoreProperties.txt)."""

MAX_MARKS = 4
"""Combining marks that one letter may carry; more would cover the lines above and below."""


def safe(text: str) -> str:
    """`text` on one line, with nothing in it that could control a terminal or fake text.

    Controls (C0, C1, and so every escape sequence), bidi overrides and isolates, zero-width characters, blanks other
    than the space, line separators and bytes that are not UTF-8 become a visible ``\\x1b``, ``\\u202e`` or, for a byte
    kept with surrogateescape, ``\\xff``. Tabs become spaces. Calling it twice changes nothing more.
    """
    if _HARMLESS.fullmatch(text):
        return text
    made, marks = [], 0
    for character in text.expandtabs(TAB):
        if unicodedata.category(character) in ("Mn", "Me"):
            marks += 1
        else:
            marks = 0
        hidden = marks > MAX_MARKS or character in _INVISIBLE or unicodedata.category(character) in _CATEGORIES
        made.append(_visible(character) if hidden else character)
    return "".join(made)


def _visible(character: str) -> str:
    code = ord(character)
    short = {0x0A: "\\n", 0x0D: "\\r"}.get(code)
    if short is not None:
        return short
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as surrogateescape keeps it
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def cut(text: str, width: int) -> str:
    """`text` if it has at most `width` characters, else its beginning and an ellipsis."""
    return text if len(text) <= width else text[: max(0, width - 3)] + "..."

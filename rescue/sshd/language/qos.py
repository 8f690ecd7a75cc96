"""The classes of IPQoS, by name or by number, as `sshd -T` spells them.

Source: parse_ipqos and iptos2str in misc.c of OpenSSH. Debian's 10.0 takes decimal numbers only, and takes the old
names of RFC 1349 for none.
"""

from __future__ import annotations

from rescue.sshd.language.arguments import Arguments
from rescue.sshd.language.dialect import Dialect
from rescue.sshd.language.faults import BadLine, Fault

Words = tuple[str, ...]

DECIMAL_ONLY = (10, 0)
"""From when numbers are surely decimal and the old names mean none; up to 9.2 surely neither."""
VA = (10, 1)
LE_MOVED, OLD_LE = (8, 5), 0x01
"""Up to 8.4 surely, "le" is another number; in 9.2 surely not."""

OLD = {"throughput": 0x08, "reliability": 0x04, "lowdelay": 0x10}
CLASSES = {
    **{f"af{number}{drop}": (8 * number + 2 * drop) << 2 for number in range(1, 5) for drop in range(1, 4)},
    **{f"cs{number}": number << 5 for number in range(8)},
    "ef": 0xB8,
    "le": 0x04,
    **OLD,
}


def quality(name: str, arguments: Arguments, dialect: Dialect) -> Words:
    """The classes for interactive sessions and for bulk data; one word is for both."""
    words = [_class(name, arguments.need(), dialect)]
    following = arguments.take()
    words.append(words[0] if following is None else _class(name, following, dialect))
    return tuple(words)


def _class(name: str, word: str, dialect: Dialect) -> str:
    key = word.lower()
    if key == "none" or (key in OLD and dialect.since(DECIMAL_ONLY)):
        return "none"
    if key == "va" and not dialect.before(VA):
        return key
    classes = {**CLASSES, "le": OLD_LE} if dialect.before(LE_MOVED) else CLASSES
    number = classes[key] if key in classes else _number(word, dialect)
    if number is None:
        raise BadLine(Fault.VALUE, f"{name} does not take {word}: it takes a name such as af21, or a number up to 255")
    shown = {known: value for known, value in classes.items() if known not in OLD or not dialect.since(DECIMAL_ONLY)}
    named = {value: known for known, value in reversed(shown.items())}
    return named.get(number, f"0x{number:02x}")


def _number(word: str, dialect: Dialect) -> int | None:
    text = word.strip(" \t\n\v\f\r").removeprefix("+")
    base = 10
    if not dialect.since(DECIMAL_ONLY):
        base = 16 if text[:2] in ("0x", "0X") else 8 if text.startswith("0") else 10
    try:
        number = int(text, base)
    except ValueError:
        return None
    return number if 0 <= number <= 255 and "_" not in text and text.isascii() else None

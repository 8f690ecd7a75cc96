"""Values, verdicts and set elements, parsed from the words of a script (nft(8), "SETS", "MAPS")."""

from __future__ import annotations

from re import compile as compile_pattern

from rescue.firewall.nft.language.amounts import amount, rate
from rescue.firewall.nft.language.tokens import NEWLINE, STRING, Cursor
from rescue.firewall.nft.read.script import Element, NftVerdict

_NUMBER = compile_pattern(r"\d+|0[xX][0-9A-Fa-f]+")

VERDICTS = ("accept", "drop", "continue", "return", "jump", "goto", "queue")


def verdict_of(cursor: Cursor) -> NftVerdict:
    """Parse a verdict. Raises Wrong."""
    word = cursor.expect(*VERDICTS)
    return NftVerdict(word, cursor.identifier()) if word in ("jump", "goto") else NftVerdict(word)


def item(cursor: Cursor) -> str:
    """Parse one value: a word, a network, a range, names joined by "|", or one in parentheses. Raises Wrong."""
    if cursor.accept("("):
        parts = [item(cursor)]
        while not cursor.accept(")"):
            cursor.expect("|", ",", "or")
            parts.append(item(cursor))
        return "|".join(parts)
    if cursor.accept("*"):
        cursor.since("the element '*'")
        return "*"
    if cursor.accept("["):
        text = cursor.word()
        cursor.expect("]")
        return text
    text = cursor.value()
    while cursor.peek() in ("/", "-", "|", "or") and cursor.index + 1 < len(cursor.tokens):
        sign = "|" if cursor.peek() == "or" else cursor.peek()
        cursor.take()
        if sign == "/" and not _NUMBER.fullmatch(cursor.peek()) and cursor.peek(1) != ",":
            raise cursor.wrong(f"unexpected {cursor.shown()}: a mask must be a list, or stand before it with '&'")
        text += sign + cursor.value()
    return text


def elements(cursor: Cursor) -> list[Element]:
    """Parse the elements of a set in braces. Raises Wrong."""
    found: list[Element] = []
    cursor.expect("{")
    opened = cursor.tokens[cursor.index - 1].at
    while True:
        cursor.accept(NEWLINE)  # one, and only here: nft rejects blank lines elsewhere in the braces
        if found and (cursor.peek() == "," or cursor.accept("}")):
            if not cursor.accept(","):
                return found
            continue
        if cursor.peek() == "}":
            if cursor.tokens[cursor.index].at == opened:  # both come from one name: a definition may be empty
                cursor.index += 1
                return found
            raise cursor.wrong("a set without elements")
        if cursor.peek() == NEWLINE:
            raise cursor.wrong("a blank line among the elements of a set, which nft rejects")
        if cursor.peek() == "{":
            found += elements(cursor)
        else:
            found.append(_element(cursor))
        cursor.accept(NEWLINE)
        if cursor.accept("}"):
            return found
        if not cursor.accept(","):
            raise cursor.wrong(f"unexpected {cursor.shown()} in a set")


def _element(cursor: Cursor) -> Element:
    fields = [item(cursor)]
    while cursor.accept("."):
        fields.append(item(cursor))
    carries = _attributes(cursor)
    if not cursor.accept(":"):
        return Element(tuple(fields), None, carries)
    data: NftVerdict | str
    if cursor.peek() in VERDICTS:
        data = verdict_of(cursor)
    else:
        data = item(cursor)
        while cursor.accept(".") or cursor.accept(":"):
            data += " . " + item(cursor)
    return Element(tuple(fields), data, (*carries, *_attributes(cursor)))


def timing(cursor: Cursor) -> tuple[str, ...]:
    """Skip the options of an element: its timeout, its comment. Raises Wrong."""
    found: tuple[str, ...] = ()
    while cursor.peek() in ("timeout", "expires", "comment") and cursor.kind() != STRING:
        word = cursor.take()
        if word == "comment":
            cursor.text()
            continue
        if not DURATION.fullmatch(cursor.word()):
            raise cursor.wrong("unexpected time: it must be as 1d2h3m4s")
        found += (word,)
    return found


DURATION = compile_pattern(r"(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")
"""A span of time (time_parse() of src/datatype.c)."""


def _attributes(cursor: Cursor) -> tuple[str, ...]:
    """Skip an element's statements: a counter, a limit and the like, then its options. Raises Wrong."""
    found: tuple[str, ...] = ()
    while cursor.peek() in ("counter", "limit", "quota", "last", "ct") and cursor.kind() != STRING:
        found += (cursor.peek(),)
        match cursor.take():
            case "counter":
                if cursor.accept("packets"):
                    cursor.number()
                    cursor.expect("bytes")
                    cursor.number()
            case "limit":
                rate(cursor)
            case "quota":
                amount(cursor)
            case "ct":
                cursor.expect("count")
                cursor.accept("over")
                cursor.number()
            case _:
                if cursor.accept("used"):
                    cursor.word()
    return (*found, *timing(cursor)) if found or cursor.peek() in ("timeout", "expires", "comment") else found

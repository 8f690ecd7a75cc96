"""Values, verdicts and the elements of sets, read from the words of a script (nft(8), "SETS", "MAPS")."""

from __future__ import annotations

from rescue.firewall.nft.script import Element, Verdict
from rescue.firewall.nft.tokens import NEWLINE, Cursor
from rescue.firewall.nft.values import number

VERDICTS = ("accept", "drop", "continue", "return", "jump", "goto", "queue")


def verdict_of(cursor: Cursor) -> Verdict:
    """Read a verdict. Raises Wrong."""
    word = cursor.expect(*VERDICTS)
    return Verdict(word, cursor.word()) if word in ("jump", "goto") else Verdict(word)


def item(cursor: Cursor) -> str:
    """Read one value: a word, a network, a range, names joined by "|", or one in parentheses. Raises Wrong."""
    if cursor.accept("("):
        parts = [item(cursor)]
        while not cursor.accept(")"):
            cursor.expect("|", ",", "or")
            parts.append(item(cursor))
        return "|".join(parts)
    if cursor.accept("*"):
        return "*"
    text = cursor.word()
    while cursor.peek() in ("/", "-", "|", "or") and cursor.index + 1 < len(cursor.tokens):
        sign = "|" if cursor.peek() == "or" else cursor.peek()
        cursor.take()
        text += sign + cursor.word()
    return text


_OF_ELEMENTS = ("timeout", "expires", "comment")


def elements(cursor: Cursor) -> list[Element]:
    """Read the elements of a set in braces. Raises Wrong."""
    found: list[Element] = []
    cursor.expect("{")
    cursor.skip_newlines()
    if cursor.peek() == "}":
        raise cursor.wrong("a set without elements")
    while not cursor.accept("}"):
        if cursor.peek() == "{":
            found += elements(cursor)
        else:
            found.append(_element(cursor))
        cursor.skip_newlines()
        if not cursor.accept(","):
            cursor.skip_newlines()
            if cursor.peek() != "}":
                raise cursor.wrong(f"unexpected {cursor.shown()} in a set")
        cursor.skip_newlines()
    return found


def _element(cursor: Cursor) -> Element:
    fields = [item(cursor)]
    while cursor.accept("."):
        fields.append(item(cursor))
    _attributes(cursor)
    if not cursor.accept(":"):
        return Element(tuple(fields))
    cursor.skip_newlines()
    data: Verdict | str
    if cursor.peek() in VERDICTS:
        data = verdict_of(cursor)
    else:
        data = item(cursor)
        while cursor.accept(".") or cursor.accept(":"):
            data += "." + item(cursor)
    _attributes(cursor)
    return Element(tuple(fields), data)


def _attributes(cursor: Cursor) -> None:
    while True:
        word = cursor.peek()
        if word in _OF_ELEMENTS:
            cursor.take()
            cursor.take()
        elif word in ("counter", "limit", "quota", "last", "ct"):
            while cursor.peek() not in (",", "}", ":", NEWLINE, "comment", ""):
                cursor.take()
        else:
            return


def beyond(operator: str, text: str) -> str:
    """The range of values that an operator such as "<" asks for."""
    value = number(text)
    if value is None:
        return text
    match operator:
        case "<":
            return f"0-{value - 1}" if value > 1 else "0"
        case "<=":
            return f"0-{value}" if value else "0"
        case ">":
            return f"{value + 1}-65535" if value + 1 < 65535 else "65535"
    return f"{value}-65535" if value < 65535 else "65535"

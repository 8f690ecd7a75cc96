"""The argument of an nftables statement: a number, a field, a field looked up in a map (nft's "stmt_expr")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rescue.firewall.nft.language.headers import FIELDS
from rescue.firewall.nft.language.selectors import STARTS, Selector, selector
from rescue.firewall.nft.language.tokens import STRING, WORD, Cursor
from rescue.firewall.nft.language.values import number
from rescue.firewall.nft.read.elements import elements
from rescue.firewall.nft.read.script import Element

_OPERATORS = {"|": "|", "or": "|", "&": "&", "and": "&", "^": "^", "xor": "^", ">>": ">>", "<<": "<<",
              "lshift": "<<", "rshift": ">>"}  # fmt: skip

_KEYWORDS = frozenset(["ether", "ip", "ip6", "vlan", "arp", "dnat", "snat", "ecn", "reset", "original", "reply",
                       "label", "exists", "missing"])  # fmt: skip
"""nft keywords that may be used as a value."""


@dataclass(frozen=True, slots=True)
class Expression:
    """text: for a constant. selectors: the fields it consists of. changes: bit operations, each with its constant;
    unknown: one of these is not a number.

    elements, named: the map in which the fields are looked up. plain: only known to be an expression.
    """

    text: str = ""
    selectors: tuple[Selector, ...] = ()
    changes: tuple[tuple[str, int | None], ...] = ()
    unknown: str = ""
    elements: Sequence[Element] = ()
    named: str = ""

    @property
    def is_map(self) -> bool:
        return bool(self.elements or self.named)

    @property
    def number(self) -> int | None:
        """Its value as a number; None if it is not one."""
        value = None if self.selectors else number(self.text)
        for operator, operand in self.changes:
            if value is None or operand is None:
                return None
            value = _apply(value, operator, operand)
        return value


def _apply(value: int, operator: str, operand: int) -> int:
    match operator:
        case "|":
            return value | operand
        case "&":
            return value & operand
        case "^":
            return value ^ operand
        case "<<":
            return value << min(operand, 64)
    return value >> operand


def expression(cursor: Cursor) -> Expression:
    """Parse an expression. Raises Wrong, and Unclear for an unknown field."""
    found = _basic(cursor)
    bare = not found.selectors
    while cursor.accept("."):
        other = _primary(cursor)
        bare |= not other.selectors
        found = Expression(found.text, (*found.selectors, *other.selectors), found.changes)
    if cursor.peek() == "map" and cursor.kind() == WORD:
        if bare:
            raise cursor.wrong("a map needs fields of the packet")
        cursor.take()
        if cursor.accept("@"):
            cursor.maps.append(cursor.identifier())
            return replace(found, named=cursor.maps[-1])
        return replace(found, elements=elements(cursor))
    if cursor.accept("/"):
        return Expression(f"{found.text}/{cursor.number()}", found.selectors)
    if cursor.accept("-"):
        return Expression(f"{found.text}-{_basic(cursor).text}", found.selectors)
    while cursor.peek() == "," and not found.selectors:
        cursor.take()
        found = Expression(f"{found.text},{_primary(cursor).text}")
    return found


def _basic(cursor: Cursor) -> Expression:
    found = _primary(cursor)
    while cursor.peek() in _OPERATORS and cursor.kind() != STRING:
        operator = _OPERATORS[cursor.take()]
        operand = _primary(cursor)
        changes = (*found.changes, (operator, operand.number))
        strange = operand.text if operand.number is None and not operand.selectors else found.unknown
        found = Expression(found.text, (*found.selectors, *operand.selectors), changes, strange)
    return found


def _primary(cursor: Cursor) -> Expression:
    if cursor.accept("("):
        found = _basic(cursor)
        cursor.expect(")")
        return found
    if cursor.accept("["):
        found = Expression(cursor.word())
        cursor.expect("]")
        return found
    word = cursor.peek()
    if cursor.kind() == STRING:
        return Expression(cursor.take())
    bare = word in _KEYWORDS and not (word in FIELDS and cursor.peek(1) in FIELDS[word])
    if word in STARTS and not bare:
        return Expression(selectors=(selector(cursor),))
    return Expression(cursor.value())

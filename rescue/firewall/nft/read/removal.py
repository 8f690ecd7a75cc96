"""What remains of a set when a script deletes elements from it; nft rejects deleting elements that do not exist."""

from __future__ import annotations

from collections.abc import Sequence

from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.names import Names, RuleError
from rescue.firewall.nft.language.datatypes import number_of
from rescue.firewall.nft.language.tokens import NftError, NftNotModelled
from rescue.firewall.nft.language.values import address, ports
from rescue.firewall.nft.read.script import Element, NamedSet
from rescue.model import Location

_Key = tuple[tuple[int, int] | str, ...]


def without(held: NamedSet, gone: Sequence[Element], names: Names, here: Location, *, must: bool) -> list[Element]:
    """The elements that remain in a set, if nft finds those that are deleted (`must`: else it loads nothing).

    Raises NftError if it does not find them, and NftNotModelled for an interval set: nft 1.0.6 accepts deleting some
    elements that do not exist, or no longer do, and rejects others.
    """
    known = [(_key(held, each, names), each) for each in held.elements]
    keys = {key for key, _ in known}
    asked = {_key(held, each, names) for each in gone}
    if must and not (asked <= keys and len(asked) == len(gone)):
        if "interval" in held.flags:
            raise NftNotModelled(f"what remains of the set {held.name}", here)
        raise NftError(f"the set {held.name} has no such element, or no more", here)
    return [each for key, each in known if key not in asked]


def _key(held: NamedSet, element: Element, names: Names) -> _Key:
    if len(element.fields) != len(held.keys):
        return element.fields
    return tuple(_value(field, kind, names) for field, kind in zip(element.fields, held.keys, strict=True))


def _value(text: str, kind: str, names: Names) -> tuple[int, int] | str:
    """The numbers for a field, which may be written in several ways; its text if it is not a number."""
    try:
        if kind in ("ipv4_addr", "ipv6_addr"):
            found = address(text, 4 if kind == "ipv4_addr" else 6, names)
            spans = list(found.spans) if isinstance(found, AddressSet) else []
        elif kind == "inet_service":
            spans = list(ports([text], names))
        else:
            value = number_of(text, kind)
            spans = [(value, value)] if value is not None else []
    except RuleError:
        return text
    return spans[0] if len(spans) == 1 else text

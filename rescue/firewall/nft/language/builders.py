"""Conditions built from the values that a packet field is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rescue.firewall.engine.addresses import AddressSet, Masked, masked
from rescue.firewall.engine.conditions import (
    Addresses,
    AnyOf,
    Assumed,
    ByDirection,
    Condition,
    Doubt,
    Fixed,
    Flags,
    HopLimit,
    Icmp,
    Interface,
    Mark,
    OwnAddress,
    Ports,
    Redirected,
    States,
    ToGroup,
    TransportProtocol,
)
from rescue.firewall.engine.packet import TCP
from rescue.firewall.names import Names, RuleError
from rescue.firewall.nft.language.values import ICMP_TYPES, PROTOCOLS, TCP_BITS, addresses, bits, number, ports

EVERY = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """The values that a packet field is compared with: `items` are alternatives. mask: applied to the field, if there
    is one.

    listed: the items come from a set, where flags are compared as a whole; on their own they match any of the flags.
    """

    items: Sequence[str]
    negated: bool = False
    mask: str = ""
    listed: bool = False
    equals: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """The IP version being evaluated and the known names."""

    version: int
    names: Names = field(default_factory=Names)


Builder = Callable[[Wanted, Question], Condition]


def address(source: bool) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        version = question.version
        if wanted.mask:
            value, mask = (int(_only(each, version, question.names)) for each in (wanted.items[0], wanted.mask))
            found: AddressSet | Masked = masked(version, value, mask)
        else:
            found = addresses(wanted.items, version, question.names)
        if isinstance(found, Masked):
            return Addresses(source, found, wanted.negated)
        return Addresses(source, ~found if wanted.negated else found)

    return build


def _only(text: str, version: int, names: Names) -> int:
    found = addresses([text], version, names)
    if isinstance(found, Masked) or found.count != 1:
        raise RuleError(f"not one address: {text}")
    return found.bounds[0]


def port(source: bool, of: str = "") -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        if wanted.mask:
            return Fixed(Doubt("some bits of a port"))
        if list(wanted.items) == ["*"]:
            return Fixed(not wanted.negated)
        return Ports(source, not source, ports(wanted.items, question.names), wanted.negated, of)

    return build


def interface(inward: bool) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        made = [Interface(inward, name[:-1] + "+" if name.endswith("*") else name) for name in wanted.items]
        return _any(made, wanted.negated)

    return build


def _holds(wanted: Wanted, value: int, names: Mapping[str, int]) -> bool | None:
    """Whether a field with the given `value` matches; None if that can't be determined."""
    mask = number(wanted.mask) if wanted.mask else EVERY
    spans = [_span(item, names) for item in wanted.items]
    if mask is None or None in spans:
        return None
    inside = any(first <= value & mask <= last for first, last in (span for span in spans if span is not None))
    return inside is not wanted.negated


def _span(item: str, names: Mapping[str, int]) -> tuple[int, int] | None:
    """The numbers for an item: a number, a name, a range."""
    if item == "*":
        return 0, EVERY
    parts = [item] if item.lower() in names else item.split("-")
    found = [names.get(part.lower(), number(part)) for part in parts]
    first, last = found[0], found[-1]
    return None if first is None or last is None or len(found) > 2 else (first, last)


def _any(made: Sequence[Condition], negated: bool) -> Condition:
    if len(made) == 1 and not negated:
        return made[0]
    return AnyOf(tuple((each,) for each in made), negated)


def protocol(wanted: Wanted, question: Question) -> Condition:
    if wanted.mask:
        return Fixed(Doubt("some bits of a protocol's number"))
    made: list[Condition] = []
    for item in wanted.items:
        value = PROTOCOLS.get(item.lower(), number(item))
        if value is None and "-" in item:
            first, last = (PROTOCOLS.get(part.lower(), number(part)) or 0 for part in item.split("-", 1))
            made += [TransportProtocol(each) for each in (1, TCP, 58) if first <= each <= last]
        elif value is None:
            raise RuleError(f"unknown protocol: {item!r}")
        else:
            made.append(TransportProtocol(value))
    return _any(made, wanted.negated) if made else Fixed(wanted.negated)


def states(wanted: Wanted, question: Question) -> Condition:
    if wanted.mask or any(part.isdigit() for item in wanted.items for part in item.split("|")):
        return Fixed(Doubt("some bits of conntrack's state"))
    names = frozenset(part.upper() for item in wanted.items for part in item.split("|"))
    known = frozenset(["INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED"])
    if not names <= known:
        raise RuleError(f"unknown connection state: {', '.join(sorted(names - known)).lower()}")
    return States(names, wanted.negated)


def mark(connection: bool) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        mask = number(wanted.mask) if wanted.mask else EVERY
        values = [number(item) for item in wanted.items]
        if mask is None or None in values:
            return Fixed(Doubt("a packet mark"))
        return _any([Mark(value, mask, connection) for value in values if value is not None], wanted.negated)

    return build


def tcp_flags(wanted: Wanted, question: Question) -> Condition:
    every = frozenset(name.upper() for name in TCP_BITS if name not in ("ecn", "cwr"))
    if any("-" in item for item in wanted.items):
        return Fixed(Doubt("the flags of TCP, compared as numbers"))
    values = [bits(item, TCP_BITS) for item in wanted.items]
    mask = bits(wanted.mask, TCP_BITS) if wanted.mask else None
    if None in values or (wanted.mask and mask is None):
        raise RuleError(f"unknown TCP flags: {', '.join(wanted.items)}")
    held = [value for value in values if value is not None]
    if mask is not None:
        return _any([Flags(_names(mask), _names(value)) for value in held if not value & ~mask], wanted.negated)
    if wanted.listed or wanted.equals or wanted.negated:
        total = 0
        for value in held:
            total |= value
        exact = held if wanted.listed else [total]
        return _any([Flags(every, _names(value)) for value in exact], wanted.negated)
    one = [name for value in held for name in _names(value)]
    return AnyOf(tuple((Flags(frozenset([name]), frozenset([name])),) for name in one))


def _names(value: int) -> frozenset[str]:
    return frozenset(name.upper() for name, bit in TCP_BITS.items() if value & bit and name not in ("ecn", "cwr"))


def icmp(version: int) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        made: list[Condition] = []
        for item in wanted.items:
            value = ICMP_TYPES[version].get(item, number(item))
            made.append(Icmp((value, None) if value is not None else None))
        return _any(made, wanted.negated)

    return build


def icmp_code(wanted: Wanted, question: Question) -> Condition:
    return Fixed(Doubt("the code of an ICMP message"))


def version_in(of: Mapping[int, int], names: Mapping[str, int], what: str) -> Builder:
    """A field that gives the IP version. of: its value for each."""

    def build(wanted: Wanted, question: Question) -> Condition:
        answer = _holds(wanted, of[question.version], names)
        return Fixed(answer if answer is not None else Doubt(what))

    return build


def direction(wanted: Wanted, question: Question) -> Condition:
    ways = [_holds(wanted, value, {"original": 0, "reply": 1}) for value in (0, 1)]
    if None in ways:
        return Fixed(Doubt("the direction of the packets"))
    return ByDirection(*(Fixed(way is True) for way in ways))


def one_of(*names: str) -> Builder:
    """A text field with a fixed value for every packet."""

    def build(wanted: Wanted, question: Question) -> Condition:
        return Fixed(any(item.lower() in names for item in wanted.items) is not wanted.negated)

    return build


def always(value: int, what: str, names: Mapping[str, int] | None = None) -> Builder:
    """A number field with a fixed value for every packet."""

    def build(wanted: Wanted, question: Question) -> Condition:
        answer = _holds(wanted, value, names or {})
        return Fixed(answer if answer is not None else Doubt(what))

    return build


PRESENCE = {"exists": 1, "missing": 0}


def nothing(wanted: Wanted, question: Question) -> Condition:
    """A field that the packets do not have."""
    return Fixed(False)


USUAL_SEGMENTS = (536, 65495)
"""The smallest and largest segment size that clients ask for (RFC 9293, 3.7.1)."""


def segment_size_given(wanted: Wanted, question: Question) -> Condition:
    """Whether the packet may announce a maximum segment size, as those with SYN do (RFC 9293)."""
    if not any(item in ("exists", "1", "missing", "0") for item in wanted.items):
        return Fixed(wanted.negated)
    given = any(item in ("exists", "1") for item in wanted.items) is not wanted.negated
    syn = frozenset(["SYN"])
    return Flags(syn, syn if given else frozenset())


def segment_size(wanted: Wanted, question: Question) -> Condition:
    first, last = USUAL_SEGMENTS
    spans = [tuple(number(each) for each in item.split("-")) for item in wanted.items]
    ranges = [(each[0] or 0, each[-1] or 0) for each in spans]
    syn = frozenset(["SYN"])
    if wanted.mask or not all(high < first or (low <= first and high >= last) for low, high in ranges):
        answer: bool | Doubt | Assumed = Doubt("how large the client's TCP segments are")
    else:
        answer = Assumed(any(high >= last for _, high in ranges) is not wanted.negated,
                         "the client's TCP segments are as large as usual")  # fmt: skip
    return AnyOf(((Flags(syn, syn), Fixed(answer)),))


def fragment(wanted: Wanted, question: Question) -> Condition:
    # The packets of a handshake are never fragments; the don't-fragment flag may be set.
    mask, values = number(wanted.mask) if wanted.mask else None, [number(item) for item in wanted.items]
    if mask is None or None in values or mask & 0x4000:
        return Fixed(Doubt("the packets' fragmentation"))
    return Fixed((0 in values) is not wanted.negated)


def status(wanted: Wanted, question: Question) -> Condition:
    if wanted.mask == "dnat" and list(wanted.items) in (["0x0"], ["dnat"]):
        return Redirected((list(wanted.items) == ["0x0"]) is not wanted.negated)
    parts = {part for item in wanted.items for part in item.split("|")}
    if not wanted.mask and parts <= {"dnat", "snat", "expected", "dying"}:
        # Compared as a whole it is never a single bit: others show how far the connection has come.
        whole = wanted.negated or wanted.listed or wanted.equals
        return Redirected() if "dnat" in parts and not whole else Fixed(wanted.negated)
    return Fixed(Doubt("the state of the connection (ct status)"))


def route(wanted: Wanted, question: Question) -> Condition:
    missing = any(item in ("missing", "0") for item in wanted.items)
    if not missing and wanted.items != ["exists"]:
        return Fixed(Doubt("the server's routes (fib)"))
    note = "the way back to the client leads through the interface that it comes in by"
    return Fixed(Assumed(missing is wanted.negated, note))


def hop_limit(wanted: Wanted, question: Question) -> Condition:
    found = [[number(each) for each in item.split("-")] for item in wanted.items]
    made: list[Condition] = [HopLimit(each[0] or 0, each[-1] or 0) for each in found if None not in each]
    return _any(made, wanted.negated) if len(made) == len(found) else Fixed(Doubt("the distance of the client (TTL)"))


def packet_type(wanted: Wanted, question: Question) -> Condition:
    answers = [_holds(wanted, value, _PACKET_TYPES) for value in (0, 2)]  # to the server alone, to a group
    if None in answers:
        return Fixed(Doubt("the kind of the packets (pkttype)"))
    if answers[0] is answers[1]:
        return Fixed(answers[0] is True)
    return ToGroup(answers[1] is True)


_PACKET_TYPES = {"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3}


def group(wanted: Wanted, question: Question) -> Condition:
    answer = _holds(wanted, 0, {"default": 0})
    if answer is None:
        return Fixed(Doubt("the group of the network interface"))
    return Fixed(Assumed(answer, "the network interface is in the group that all begin in"))


def of_interface(inward: bool, builder: Builder) -> Builder:
    """A field that only incoming (or outgoing) packets have: for the others the rule ends here."""

    def build(wanted: Wanted, question: Question) -> Condition:
        made = builder(wanted, question)
        return ByDirection(made, Fixed(False)) if inward else ByDirection(Fixed(False), made)

    return build


def zero(note: str) -> Builder:
    """A number that is assumed to be 0."""

    def build(wanted: Wanted, question: Question) -> Condition:
        bounds = [[number(each) for each in item.split("-")] for item in wanted.items]
        if wanted.mask or any(None in each for each in bounds):
            return Fixed(Doubt("the socket that the packet is for"))
        return Fixed(Assumed(any(each[0] == 0 for each in bounds) is not wanted.negated, note))

    return build


def doubt(reason: str) -> Builder:
    def build(wanted: Wanted, question: Question) -> Condition:
        return Fixed(Doubt(reason))

    return build


def missing(note: str) -> Builder:
    """Something that the packets are assumed not to have."""

    def build(wanted: Wanted, question: Question) -> Condition:
        asked = any(item in ("missing", "0", "0x0") for item in wanted.items)
        return Fixed(Assumed(asked is not wanted.negated, note))

    return build


_ADDRESS_TYPES = {
    "unspec": 0, "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6,
    "unreachable": 7, "prohibit": 8,
}  # fmt: skip


def address_type(*, source: bool) -> Builder:
    """The type of the packet's source address, or of its destination."""

    def build(wanted: Wanted, question: Question) -> Condition:
        spans = [_span(item, _ADDRESS_TYPES) for item in wanted.items]
        if wanted.mask or None in spans:
            return Fixed(Doubt("the kind of an address (fib)"))
        kinds = {
            name
            for name, value in _ADDRESS_TYPES.items()
            if any(first <= value <= last for first, last in (span for span in spans if span is not None))
        }
        client = Fixed(("unicast" in kinds) is not wanted.negated)
        server = OwnAddress(frozenset(kind.upper() for kind in kinds), wanted.negated)
        return ByDirection(client, server) if source else ByDirection(server, client)

    return build

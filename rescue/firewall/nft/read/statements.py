"""A rule's independent statements: rejections, limits, marks, and those that only count (nft(8))."""

from __future__ import annotations

from dataclasses import dataclass

from rescue.firewall.engine.conditions import Assumed, Fixed
from rescue.firewall.engine.icmp import TCP_RESET
from rescue.firewall.engine.packet import MAX_PORT
from rescue.firewall.engine.ruleset import Action, RuleTarget
from rescue.firewall.nft.language.amounts import amount, rate
from rescue.firewall.nft.language.tokens import Cursor, NftNotModelled
from rescue.firewall.nft.read.expressions import Expression, expression
from rescue.firewall.nft.read.protocols import Protocols
from rescue.firewall.nft.read.script import Ends, Holds, Named

EVERY = (1 << 32) - 1

ELSEWHERE = {
    "dnat": "where the packet is sent on to (dnat)",
    "redirect": "which port the packet is sent on to (redirect)",
    "tproxy": "a proxy that takes the packet (tproxy)",
    "synproxy": "the kernel's SYN proxy",
    "fwd": "where the packet is sent on to (fwd)",
}
"""Statements after which the disk does not show what happens to the packet."""

REFUSALS = {
    "icmp": {
        "net-unreachable": ("icmp-net-unreachable", "icmp6-no-route"),
        "host-unreachable": ("icmp-host-unreachable", "icmp6-addr-unreachable"),
        "prot-unreachable": ("icmp-proto-unreachable", "icmp6-port-unreachable"),
        "port-unreachable": ("icmp-port-unreachable", "icmp6-port-unreachable"),
        "net-prohibited": ("icmp-net-prohibited", "icmp6-adm-prohibited"),
        "host-prohibited": ("icmp-host-prohibited", "icmp6-adm-prohibited"),
        "admin-prohibited": ("icmp-admin-prohibited", "icmp6-adm-prohibited"),
    },
    "icmpv6": {
        "no-route": ("", "icmp6-no-route"),
        "admin-prohibited": ("", "icmp6-adm-prohibited"),
        "addr-unreachable": ("", "icmp6-addr-unreachable"),
        "port-unreachable": ("", "icmp6-port-unreachable"),
        "policy-fail": ("", "icmp6-policy-fail"),
        "reject-route": ("", "icmp6-reject-route"),
    },
    "icmpx": {
        "no-route": ("icmp-net-unreachable", "icmp6-no-route"),
        "port-unreachable": ("icmp-port-unreachable", "icmp6-port-unreachable"),
        "host-unreachable": ("icmp-host-unreachable", "icmp6-addr-unreachable"),
        "admin-prohibited": ("icmp-admin-prohibited", "icmp6-adm-prohibited"),
    },
}
"""The kinds of ``reject with``, and what they send over IPv4 and IPv6 (src/datatype.c, nf_tables' nft_reject.c)."""

NUMBERED = {
    "icmp": {0: "net-unreachable", 1: "host-unreachable", 2: "prot-unreachable", 3: "port-unreachable",
             9: "net-prohibited", 10: "host-prohibited", 13: "admin-prohibited"},
    "icmpv6": {0: "no-route", 1: "admin-prohibited", 3: "addr-unreachable", 4: "port-unreachable", 5: "policy-fail",
               6: "reject-route"},
    "icmpx": {0: "no-route", 1: "port-unreachable", 2: "host-unreachable", 3: "admin-prohibited"},
}  # fmt: skip
"""The same by number."""

PORT_UNREACHABLE = REFUSALS["icmpx"]["port-unreachable"]


# -- the end of a rule ------------------------------------------------------------------------------------------------


def reject(cursor: Cursor, family: str, protocols: Protocols) -> Ends:
    """Parse the words after "reject". Raises Wrong, and NftNotModelled for an answer without a name."""
    if family == "arp":
        raise cursor.wrong("a table of the family arp can't reject")
    if not cursor.accept("with"):
        return Ends(reject="")
    kind = cursor.expect("tcp", "icmp", "icmpv6", "icmpx")
    protocols.refused_with(kind)
    if kind == "tcp":
        cursor.expect("reset")
        return Ends(reject=TCP_RESET)
    if kind == "icmpx" and family in ("ip", "ip6"):
        raise cursor.wrong(f"icmpx is not for a table of the family {family}")
    if not cursor.accept("type"):
        cursor.since("a refusal without the word type")
    word = cursor.take()
    if word.isdigit() and int(word) in NUMBERED[kind]:
        word = NUMBERED[kind][int(word)]
    if word not in REFUSALS[kind]:
        if kind != "icmpx" and (word == "frag-needed" or (word.isdigit() and word != "255")):
            raise NftNotModelled(f"reject with {kind} {word}", cursor.here)
        raise cursor.wrong(f"unknown reject type: {word}")
    return Ends(reject=f"{kind} {word}", version={"icmp": 4, "icmpv6": 6}.get(kind))


@dataclass(frozen=True, slots=True)
class Translation:
    """What a rule changes a packet's address or port to. given: values, each with its required type."""

    ends: Ends
    given: tuple[tuple[Expression, str], ...] = ()


def nat(cursor: Cursor, name: str, protocols: Protocols) -> Translation:
    """Parse the words after "snat", "dnat", "masquerade" or "redirect". Raises Wrong and NftNotModelled."""
    fixed = name in ("masquerade", "redirect")
    address, ports = None, None
    version = ""
    if not fixed:
        if cursor.peek() in _FAMILIES and cursor.peek(1) in ("to", "addr", "interval", "prefix"):
            version = cursor.take()
        if cursor.accept("addr"):
            cursor.expect(".")
            cursor.expect("port")
        elif not cursor.accept("interval"):
            cursor.accept("prefix")
    if cursor.accept("to") or not fixed:
        if not cursor.accept(":"):
            if name == "masquerade":
                raise cursor.wrong("masquerade takes a port alone, behind a colon")
            found = expression(cursor)
            address, ports = (None, found) if fixed else (found, None)
            if not fixed and cursor.accept(":"):
                ports = expression(cursor)
        else:
            ports = expression(cursor)
    random = cursor.peek() in ("random", "fully-random")
    _nat_flags(cursor)
    given: list[tuple[Expression, str]] = []
    if address is not None:
        version = protocols.address_of(version)
        given.append((address, _ADDRESSES[version]))
        for selector in address.selectors:
            protocols.note(selector)
        if any(isinstance(each.data, str) and "." in each.data.partition(" . ")[1] for each in address.elements):
            protocols.port_given()
    elif version:
        protocols.address_of(version)
    if ports is not None:
        by_itself = cursor.version >= _BY_MAP
        if not by_itself:
            protocols.port_given()
        given.append((ports, "inet_service"))
        for selector in ports.selectors:
            protocols.note(selector)
        if by_itself:
            protocols.port_given()
    return Translation(_translated(name, address, ports, random=random), tuple(given))


_BY_MAP = (1, 0, 7)
"""The nft version since which a map of ports itself matches on their protocol."""

_FAMILIES = ("ip", "ip6")
_ADDRESSES = {"ip": "ipv4_addr", "ip6": "ipv6_addr"}


def _translated(name: str, address: Expression | None, ports: Expression | None, *, random: bool) -> Ends:
    if name == "redirect" and ports is None:
        return Ends(target=RuleTarget(Action.REDIRECT, name))
    if name in ("redirect", "dnat") and address is None and ports is not None and not random:
        number = None if ports.is_map else ports.number
        if number is not None and 0 < number <= MAX_PORT:
            return Ends(target=RuleTarget(Action.REDIRECT, name, value=number))
    if name in ELSEWHERE:
        return Ends(target=RuleTarget(Action.DEPENDS, name, reason=ELSEWHERE[name]))
    return Ends(target=RuleTarget(Action.ACCEPT, name))


def _nat_flags(cursor: Cursor) -> None:
    while cursor.peek() in ("random", "fully-random", "persistent"):
        cursor.take()
        if not cursor.accept(","):
            return
        if cursor.peek() not in ("random", "fully-random", "persistent"):
            raise cursor.wrong(f"unexpected {cursor.shown()}")


def tproxy(cursor: Cursor, family: str, *, transport: bool) -> Ends:
    """Parse the words after "tproxy". transport: the rule matches TCP or UDP. Raises Wrong and NftNotModelled."""
    if family not in ("ip", "ip6", "inet"):
        raise cursor.wrong(f"a table of the family {family} can't tproxy")
    if cursor.peek() != "to":
        cursor.expect("ip", "ip6")
    cursor.expect("to")
    if not cursor.accept(":"):
        expression(cursor)
        if cursor.accept(":"):
            expression(cursor)
    else:
        expression(cursor)
    if not transport:
        raise cursor.wrong("tproxy needs a protocol before it, such as meta l4proto tcp")
    return Ends(target=RuleTarget(Action.DEPENDS, "tproxy", reason=ELSEWHERE["tproxy"]), more=True)


def synproxy(cursor: Cursor) -> Named | None:
    """Parse the words after "synproxy": the object that it names, if any. Raises Wrong."""
    if cursor.accept("name"):
        return named("synproxy", expression(cursor))
    while True:
        if cursor.peek() in ("mss", "wscale"):
            cursor.take()
            cursor.number()
        elif cursor.peek() in ("timestamp", "sack-perm", "sack-permitted"):
            cursor.take()
        else:
            return None


def forwarded(cursor: Cursor, name: str) -> None:
    """Parse the words after "dup" or "fwd". Raises Wrong and NftNotModelled."""
    if name == "fwd" and cursor.peek() in ("ip", "ip6"):
        cursor.take()
    cursor.expect("to")
    expression(cursor)
    if cursor.accept("device"):
        expression(cursor)


def queue(cursor: Cursor) -> Ends:
    """Parse the words after "queue". Raises Wrong and NftNotModelled."""
    flags = ("bypass", "fanout")
    if cursor.accept("flags"):
        cursor.expect(*flags)
        while cursor.accept(","):
            cursor.expect(*flags)
    while True:
        if cursor.peek() in ("num", "to"):
            cursor.take()
            expression(cursor)
        elif cursor.peek() in flags:
            cursor.take()
            while cursor.accept(","):
                cursor.expect(*flags)
        else:
            break
    reason = "a program that decides on the packet (queue)"
    return Ends(target=RuleTarget(Action.DEPENDS, "queue", reason=reason))


# -- limits ------------------------------------------------------------------------------------------------------------


def limit(cursor: Cursor) -> Holds | Named:
    """Parse the words after "limit". Raises Wrong and NftNotModelled."""
    if cursor.accept("name"):
        return named("limit", expression(cursor))
    return Holds(rate(cursor))


def quota(cursor: Cursor) -> Holds | Named:
    """Parse the words after "quota". Raises Wrong and NftNotModelled."""
    if cursor.accept("name"):
        return named("quota", expression(cursor))
    return Holds(amount(cursor))


def count(cursor: Cursor) -> Holds:
    """Parse the words after "ct count". Raises Wrong."""
    over = cursor.accept("over")
    holds = (cursor.number() < 1) is over
    return Holds(Fixed(Assumed(holds, "it is the client's only connection")))


def named(kind: str, given: Expression) -> Named:
    """The table objects that a rule may use."""
    return Named(kind, given.text, given.selectors, given.elements, given.named)


# -- statements that don't affect who gets in --------------------------------------------------------------------------


def counter(cursor: Cursor) -> Named | None:
    """Parse the words after "counter": the counter that it names, if any. Raises Wrong and NftNotModelled."""
    found = named("counter", expression(cursor)) if cursor.accept("name") else None
    while cursor.peek() in ("packets", "bytes"):
        cursor.take()
        cursor.number()
    return found


def last(cursor: Cursor) -> None:
    """Skip the words after "last". Raises Wrong."""
    cursor.since("last")
    if cursor.accept("used"):
        cursor.word()


def flow(cursor: Cursor) -> None:
    """Skip the words after "flow". Raises Wrong."""
    cursor.expect("add", "offload")
    cursor.expect("@")
    cursor.word()


_LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit")


def log(cursor: Cursor) -> None:
    """Skip the words after "log". Raises Wrong."""
    given: set[str] = set()
    while True:
        word = cursor.peek()
        if word in _OF_LOG:
            given.add("group" if word in _TO_PROGRAM else word)
            if "group" in given and given & {"level", "flags"}:
                raise cursor.wrong("log takes either a group or a level and flags")
        if word in _TO_PROGRAM:
            cursor.take()
            if cursor.number() > (0xFFFFFFFF if word == "snaplen" else 0xFFFF):
                raise cursor.wrong(f"too large a number behind {word}")
        elif word == "prefix":
            cursor.take()
            if len(cursor.text()) > _LONGEST_PREFIX:
                raise cursor.wrong(f"a log prefix may have {_LONGEST_PREFIX} characters")
        elif word == "level":
            cursor.take()
            if cursor.expect(*_LEVELS) == "audit":
                given.add("audit")
        elif word == "flags":
            cursor.take()
            kind = cursor.expect("tcp", "ip", "skuid", "ether", "all")
            if kind == "tcp":
                cursor.expect("sequence", "options")
                while cursor.accept(","):
                    cursor.expect("sequence", "options")
            elif kind == "ip":
                cursor.expect("options")
        else:
            break
    if "audit" in given and len(given) > 2:
        raise cursor.wrong("log level audit allows no other option")


_TO_PROGRAM = ("group", "snaplen", "queue-threshold")
_OF_LOG = (*_TO_PROGRAM, "prefix", "level", "flags")
_LONGEST_PREFIX = 127


def comment(cursor: Cursor) -> None:
    """Skip the words after "comment". Raises Wrong."""
    if len(cursor.text().encode("utf-8", "surrogateescape")) > _LONGEST_COMMENT:
        raise cursor.wrong(f"a comment may have {_LONGEST_COMMENT} characters")


_LONGEST_COMMENT = 128


# -- marks ------------------------------------------------------------------------------------------------------------


def new_marks(given: Expression, *, connection: bool) -> tuple[RuleTarget, ...]:
    """The new value of a mark, in one or two steps: a number, the other mark, bits of either changed; else unknown."""
    action = Action.CONNMARK if connection else Action.MARK
    unknown = (RuleTarget(action, value=None),)
    if not given.selectors:
        value = given.number
        return (RuleTarget(action, value=value if value is None else value & EVERY),)
    if given.is_map or len(given.selectors) > 1:
        return unknown
    own, other = ("ct mark", "meta mark") if connection else ("meta mark", "ct mark")
    words = given.selectors[0].words
    if words not in (own, other):
        return unknown
    first: tuple[RuleTarget, ...] = ()
    if words == other:
        first = (RuleTarget(Action.SAVE_MARK if connection else Action.RESTORE_MARK, value=EVERY, mask=EVERY),)
    changed = _changed(given, action)
    return (*first, changed) if given.changes else first or (RuleTarget(action, value=0, mask=0),)


def _changed(given: Expression, action: Action) -> RuleTarget:
    """A chain of bit operations as a single one: (mark & ~mask) ^ value."""
    value, mask = 0, 0
    for operator, operand in given.changes:
        if operand is None or operator not in ("|", "&", "^"):
            return RuleTarget(action, value=None)
        if operator == "&":
            value, mask = value & operand, mask | (~operand & EVERY)
        elif operator == "|":
            value, mask = (value & ~operand) ^ operand, mask | operand
        else:
            value ^= operand
    return RuleTarget(action, value=value & EVERY, mask=mask & EVERY)

"""The statements of a rule that stand by themselves: refusals, limits, marks, what only counts (nft(8))."""

from __future__ import annotations

from rescue.firewall.conditions import Assumed, Doubt, Fixed
from rescue.firewall.icmp import TCP_RESET
from rescue.firewall.nft.elements import VERDICTS, elements, item
from rescue.firewall.nft.script import Ends, Holds, Verdict
from rescue.firewall.nft.selectors import STARTS, selector
from rescue.firewall.nft.tokens import NEWLINE, STRING, WORD, Cursor, Unclear
from rescue.firewall.nft.values import number
from rescue.firewall.ruleset import Action, Target

EVERY = (1 << 32) - 1

RATES = "the rules' rate limits are not used up"

ELSEWHERE = {
    "dnat": "where the packet is sent on to (dnat)",
    "redirect": "which port the packet is sent on to (redirect)",
    "tproxy": "a proxy that takes the packet (tproxy)",
    "synproxy": "the kernel's SYN proxy",
    "fwd": "where the packet is sent on to (fwd)",
}
"""Statements after which nothing on the disk tells what becomes of the packet."""

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

PORT_UNREACHABLE = REFUSALS["icmpx"]["port-unreachable"]


_BITWISE = {"|": "|", "or": "|", "&": "&", "and": "&", "^": "^", "xor": "^", ">>": ">", "<<": "<", "%": "%"}


# -- the end of a rule ------------------------------------------------------------------------------------------------


def reject(cursor: Cursor, family: str) -> Ends:
    """Read what stands behind "reject". Raises Wrong, and Unclear for a kind of refusal given by its number."""
    if not cursor.accept("with"):
        return Ends(reject="")
    kind = cursor.expect("tcp", "icmp", "icmpv6", "icmpx")
    if kind == "tcp":
        cursor.expect("reset")
        return Ends(reject=TCP_RESET)
    if kind == "icmpx" and family in ("ip", "ip6"):
        raise cursor.wrong(f"icmpx is not for a table of the family {family}")
    if cursor.peek() in ("type", "code"):
        cursor.take()
    word = cursor.take()
    if word not in REFUSALS[kind]:
        if number(word) is not None:
            raise Unclear(f"reject with {kind} {word}", cursor.here)
        raise cursor.wrong(f"unknown kind of refusal: {word}")
    return Ends(reject=f"{kind} {word}", version={"icmp": 4, "icmpv6": 6}.get(kind))


def elsewhere(cursor: Cursor, name: str) -> Ends:
    """Read what stands behind a statement of ELSEWHERE."""
    to_end(cursor)
    return Ends(target=Target(Action.DEPENDS, name, reason=ELSEWHERE[name]))


def ends_nat(cursor: Cursor) -> Ends:
    """Read what stands behind "masquerade" or "snat", which let the packet pass."""
    to_end(cursor)
    return Ends(verdict=Verdict("accept"))


# -- what holds up to a limit -----------------------------------------------------------------------------------------


def limit(cursor: Cursor) -> Holds:
    """Read what stands behind "limit". Raises Wrong and Unclear."""
    if cursor.accept("name"):
        named(cursor)
        return Holds(Fixed(Doubt("a rate limit of its own name")))
    if cursor.kind() == STRING:
        cursor.take()
        return Holds(Fixed(Assumed(True, RATES)))
    cursor.expect("rate")
    over = cursor.accept("over")
    cursor.accept("until")
    cursor.take()
    if cursor.kind() == WORD and cursor.peek(1) == "/":
        cursor.take()
    cursor.expect("/")
    cursor.take()
    if cursor.accept("burst"):
        cursor.take()
        if cursor.peek() in ("packets", "bytes", "kbytes", "mbytes"):
            cursor.take()
    return Holds(Fixed(Assumed(not over, RATES)))


def quota(cursor: Cursor) -> Holds:
    """Read what stands behind "quota". Raises Wrong and Unclear."""
    if cursor.accept("name") or cursor.kind() == STRING:
        named(cursor)
        return Holds(Fixed(Doubt("a quota of its own name")))
    over = cursor.accept("over")
    cursor.accept("until")
    cursor.take()
    if cursor.peek() in ("bytes", "kbytes", "mbytes"):
        cursor.take()
    if cursor.accept("used"):
        cursor.take()
        cursor.take()
    return Holds(Fixed(Assumed(not over, "the rules' quotas are not used up")))


def count(cursor: Cursor) -> Holds:
    """Read what stands behind "ct count"."""
    over = cursor.accept("over")
    most = number(cursor.take())
    holds = (most is not None and most < 1) if over else True
    return Holds(Fixed(Assumed(holds, "it is the client's only connection")))


# -- what changes nothing about who gets in ---------------------------------------------------------------------------


def counter(cursor: Cursor) -> None:
    """Pass what stands behind "counter". Raises Wrong and Unclear."""
    if cursor.accept("name"):
        named(cursor)
    elif cursor.kind() == STRING:
        cursor.take()
    while cursor.peek() in ("packets", "bytes"):
        cursor.take()
        cursor.take()


def log(cursor: Cursor) -> None:
    """Pass what stands behind "log". Raises Wrong."""
    while True:
        word = cursor.peek()
        if word in ("prefix", "level", "group", "snaplen", "queue-threshold"):
            cursor.take()
            cursor.take()
        elif word == "flags":
            cursor.take()
            cursor.take()
            while cursor.kind() == WORD and cursor.peek() in ("sequence", "options", "uid", "skuid", "ether"):
                cursor.take()
            while cursor.accept(","):
                cursor.take()
        else:
            return


def nothing(cursor: Cursor) -> None:
    """Pass the words of a statement, up to the verdict."""
    to_end(cursor, *VERDICTS)


def named(cursor: Cursor) -> None:
    """Pass the name of an object. Raises Unclear where a map gives it."""
    if cursor.peek() in STARTS and cursor.peek(1) not in (NEWLINE, ";", *VERDICTS):
        raise Unclear("an object that a map names", cursor.here)
    cursor.take()


def to_end(cursor: Cursor, *words: str) -> None:
    """Pass what is left of a rule but its comment, or what is before one of `words`."""
    depth = 0
    while not cursor.done and (depth or cursor.peek() not in (NEWLINE, ";", "}", "comment", *words)):
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(cursor.peek(), 0)
        cursor.index += 1


# -- marks ------------------------------------------------------------------------------------------------------------


def new_mark(cursor: Cursor, *, connection: bool) -> Target:
    """Read what a mark is set to: a number, the other mark, its own bits changed; else it is not known."""
    action = Action.CONNMARK if connection else Action.MARK
    if cursor.peek() == "(":
        _parentheses(cursor)
        return Target(action, value=None)
    if cursor.peek() not in STARTS:
        return Target(action, value=number(item(cursor)))
    source = selector(cursor).words
    while cursor.accept("."):
        selector(cursor)
    if cursor.accept("map"):
        _map(cursor)
        return Target(action, value=None)
    own, other = ("ct mark", "meta mark") if connection else ("meta mark", "ct mark")
    if cursor.peek() in _BITWISE:
        return _changed(cursor, action, known=source == own)
    if source != other:
        return Target(action, value=None)
    return Target(Action.SAVE_MARK if connection else Action.RESTORE_MARK, value=EVERY, mask=EVERY)


def _changed(cursor: Cursor, action: Action, *, known: bool) -> Target:
    """The mark's own bits changed; `known` is whether it is its own."""
    operator = _BITWISE[cursor.take()]
    bits = number(item(cursor))
    while cursor.peek() in _BITWISE:
        known = False
        cursor.take()
        item(cursor)
    if not known or bits is None or operator not in "|&^":
        return Target(action, value=None)
    if operator == "|":
        return Target(action, value=bits, mask=bits)
    return Target(action, value=0, mask=~bits & EVERY) if operator == "&" else Target(action, value=bits, mask=0)


def _map(cursor: Cursor) -> None:
    if cursor.peek() == "{":
        elements(cursor)
    else:
        cursor.accept("@")
        cursor.word()


def _parentheses(cursor: Cursor) -> None:
    depth = 0
    while not cursor.done and (depth or cursor.peek() == "(" or cursor.peek() in _BITWISE):
        if cursor.peek() in _BITWISE and not depth:
            cursor.take()
            item(cursor)
            continue
        depth += {"(": 1, ")": -1}.get(cursor.take(), 0)

"""From the words of one rule to its statements (nft(8), "STATEMENTS" and "EXPRESSIONS")."""

from __future__ import annotations

from collections.abc import Callable

from rescue.firewall.conditions import Assumed, Doubt, Fixed
from rescue.firewall.icmp import TCP_RESET
from rescue.firewall.nft.script import (
    Effect,
    Element,
    Ends,
    Fills,
    Holds,
    Match,
    NftChain,
    NftRule,
    NftTable,
    Statement,
    Verdict,
    VerdictMap,
)
from rescue.firewall.nft.selectors import STARTS, Selector, selector
from rescue.firewall.nft.tokens import NEWLINE, STRING, WORD, Cursor, Unclear
from rescue.firewall.nft.values import number
from rescue.firewall.ruleset import Action, Target

VERDICTS = ("accept", "drop", "continue", "return", "jump", "goto", "queue")

EVERY = (1 << 32) - 1

_NETWORK = ("ip", "ip6")
_TRANSPORT = ("tcp", "udp", "udplite", "sctp", "dccp", "ah", "esp", "comp", "icmp", "icmpv6")
_BIT_FIELDS = ("ct state", "ct status", "tcp flags", "ct label", "ct event")
"""Fields of which a list without braces asks for any bit."""

_PROTOCOL = ("meta l4proto", "ip protocol", "ip6 nexthdr")

_OPERATORS = {"==": "==", "eq": "==", "!=": "!=", "ne": "!=", "<": "<", "lt": "<", ">": ">", "gt": ">",
              "<=": "<=", "le": "<=", ">=": ">=", "ge": ">="}  # fmt: skip

_BITWISE = {"|": "|", "or": "|", "&": "&", "and": "&", "^": "^", "xor": "^", ">>": ">", "<<": "<", "%": "%"}

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


class RuleReader:
    """Reads the statements of one rule, up to the end of its line, a semicolon or a closing brace."""

    def __init__(self, cursor: Cursor, table: NftTable) -> None:
        self.cursor = cursor
        self.table = table
        self.statements: list[Statement] = []
        self.ended = False
        self.network = {"ip": "ip", "ip6": "ip6"}.get(table.family, "")
        self.transport = ""

    def read(self) -> tuple[Statement, ...]:
        """The statements. Raises Wrong; what is not known here becomes a doubt."""
        cursor = self.cursor
        while not cursor.done and cursor.peek() not in (NEWLINE, ";", "}"):
            if cursor.accept("comment"):
                cursor.take()
                continue
            if self.ended:
                raise cursor.wrong("a statement behind one that ends the rule")
            try:
                self._statement()
            except Unclear as problem:
                self._give_up(problem.reason)
        return tuple(self.statements)

    def _give_up(self, reason: str) -> None:
        """Pass the rest of the rule: its effect is not known."""
        cursor = self.cursor
        depth = 0
        while not cursor.done and (depth or cursor.peek() not in (NEWLINE, ";", "}")):
            depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(cursor.peek(), 0)
            cursor.index += 1
        target = Target(Action.DEPENDS, reason=f"a rule that this version can't read ({reason})")
        self.statements.append(Ends(target=target))
        self.ended = True

    def _add(self, *statements: Statement) -> None:
        for each in statements:
            if isinstance(each, Match | VerdictMap):
                self._take_note(each)
        self.statements += statements
        self.ended = any(isinstance(each, Ends) for each in statements)

    def _statement(self) -> None:
        cursor = self.cursor
        word = cursor.peek()
        if word in VERDICTS and cursor.kind() == WORD:
            self._verdict()
        elif word in _PLAIN:
            cursor.take()
            _PLAIN[word](self)
        elif word in ("add", "update", "delete", "set"):
            self._dynamic()
        elif word in ("ct", "meta") and self._assigns():
            return
        elif word == "ct" and cursor.peek(1) == "count":
            cursor.index += 2
            over = cursor.accept("over")
            limit = number(cursor.take())
            holds = (limit is not None and limit < 1) if over else True
            self._add(Holds(Fixed(Assumed(holds, "it is the client's only connection"))))
        elif word in STARTS or cursor.peek() == "@":
            self._match()
        elif cursor.kind() in (WORD, STRING) and word not in _LATER:
            raise cursor.wrong(f"unexpected {cursor.shown()}")
        elif word in _LATER:
            raise Unclear(f'"{word}"', cursor.here)
        else:
            raise cursor.wrong(f"unexpected {cursor.shown()}")

    def _take_note(self, statement: Match | VerdictMap) -> None:
        """Refuse what no packet can be: of two network or two transport protocols."""
        for each in statement.selectors:
            first = each.words.partition(" ")[0]
            if each.words == "meta nfproto" and self.table.family != "inet":
                raise self.cursor.wrong("meta nfproto is for the family inet alone")
            if first in _NETWORK:
                self.network = self._same(self.network, first)
            elif first in _TRANSPORT:
                self.transport = self._same(self.transport, first)
        if isinstance(statement, VerdictMap) or statement.negated or statement.listed or len(statement.elements) != 1:
            return
        value = statement.elements[0].fields[0].lower()
        if statement.selectors[0].words == "meta nfproto" and value in ("ipv4", "ipv6"):
            self.network = self._same(self.network, "ip" if value == "ipv4" else "ip6")
        elif statement.selectors[0].words in _PROTOCOL and value in (*_TRANSPORT, "ipv6-icmp"):
            self.transport = self._same(self.transport, "icmpv6" if value == "ipv6-icmp" else value)

    def _same(self, before: str, now: str) -> str:
        if before not in ("", now):
            raise self.cursor.wrong(f"conflicting protocols: {before} and {now}")
        return now

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _verdict(self) -> None:
        cursor = self.cursor
        if cursor.peek() in ("jump", "goto") and cursor.peek(1) == "{":
            self._block()
            return
        verdict = verdict_of(cursor)
        if verdict.word == "queue":
            self._rest()
            reason = "a program that decides on the packet (queue)"
            self._add(Ends(target=Target(Action.DEPENDS, "queue", reason=reason)))
        elif verdict.word == "continue":
            self.ended = True
        else:
            self._add(Ends(verdict=verdict))

    def _block(self) -> None:
        """Read the rules in braces behind ``jump``: a chain without a name."""
        cursor = self.cursor
        word = cursor.take()
        chain = NftChain(f"{{{len(self.table.chains) + 1}}}", cursor.here)
        self.table.chains[chain.name] = chain
        cursor.expect("{")
        while not cursor.accept("}"):
            if cursor.peek() in (NEWLINE, ";"):
                cursor.index += 1
                continue
            token = cursor.tokens[min(cursor.index, len(cursor.tokens) - 1)]
            statements = RuleReader(cursor, self.table).read()
            chain.rules.append(NftRule(statements, token.source.location(token.at), token.at))
            if cursor.done:
                raise cursor.wrong("unexpected end of the file")
        self._add(Ends(verdict=Verdict(word, chain.name)))

    def _rest(self) -> None:
        """Pass what is left of a statement that is the last one of its rule."""
        cursor = self.cursor
        depth = 0
        while not cursor.done and (depth or cursor.peek() not in (NEWLINE, ";", "}", "comment")):
            depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(cursor.peek(), 0)
            cursor.index += 1

    def reject(self) -> None:
        cursor = self.cursor
        if not cursor.accept("with"):
            # Nothing said, a TCP packet is refused as any other one.
            self._add(Ends(reject="", target=None))
            return
        kind = cursor.expect("tcp", "icmp", "icmpv6", "icmpx")
        if kind == "tcp":
            cursor.expect("reset")
            self._add(Ends(reject=TCP_RESET))
            return
        if kind == "icmpx" and self.table.family in ("ip", "ip6"):
            raise cursor.wrong(f"icmpx is not for a table of the family {self.table.family}")
        cursor.accept("type") or cursor.accept("code")
        word = cursor.take()
        if word not in REFUSALS[kind]:
            if number(word) is not None:
                raise Unclear(f"reject with {kind} {word}", cursor.here)
            raise cursor.wrong(f"unknown kind of refusal: {word}")
        self._add(Ends(reject=f"{kind} {word}", version={"icmp": 4, "icmpv6": 6}.get(kind)))

    def elsewhere(self, name: str) -> None:
        self._rest()
        self._add(Ends(target=Target(Action.DEPENDS, name, reason=ELSEWHERE[name])))

    def ends_nat(self) -> None:
        self._rest()
        self._add(Ends(verdict=Verdict("accept")))

    # -- what goes on -------------------------------------------------------------------------------------------------

    def counter(self) -> None:
        cursor = self.cursor
        if cursor.accept("name"):
            self._object()
        elif cursor.kind() == STRING:
            cursor.take()
        while cursor.peek() in ("packets", "bytes"):
            cursor.take()
            cursor.take()

    def _object(self) -> None:
        """Read the name of an object; a map that gives one is not followed."""
        cursor = self.cursor
        if cursor.peek() in STARTS and cursor.peek(1) not in (NEWLINE, ";", *VERDICTS):
            raise Unclear("an object that a map names", cursor.here)
        cursor.take()

    def log(self) -> None:
        cursor = self.cursor
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

    def limit(self) -> None:
        cursor = self.cursor
        if cursor.accept("name"):
            self._object()
            self._add(Holds(Fixed(Doubt("a rate limit of its own name"))))
            return
        if cursor.kind() == STRING:
            cursor.take()
            self._add(Holds(Fixed(Assumed(True, RATES))))
            return
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
        self._add(Holds(Fixed(Assumed(not over, RATES))))

    def quota(self) -> None:
        cursor = self.cursor
        if cursor.accept("name") or cursor.kind() == STRING:
            self._object()
            self._add(Holds(Fixed(Doubt("a quota of its own name"))))
            return
        over = cursor.accept("over")
        cursor.accept("until")
        cursor.take()
        if cursor.peek() in ("bytes", "kbytes", "mbytes"):
            cursor.take()
        if cursor.accept("used"):
            cursor.take()
            cursor.take()
        self._add(Holds(Fixed(Assumed(not over, "the rules' quotas are not used up"))))

    def notrack(self) -> None:
        self._add(Effect(Target(Action.UNTRACK, "notrack")))

    def nothing(self) -> None:
        """A statement that changes nothing about who gets in: its words are passed, up to the next statement."""
        cursor = self.cursor
        depth = 0
        while not cursor.done and (depth or cursor.peek() not in (NEWLINE, ";", "}", "comment", *VERDICTS)):
            depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(cursor.peek(), 0)
            cursor.index += 1

    def meter(self) -> None:
        cursor = self.cursor
        if cursor.peek() != "{":
            cursor.word()
        if cursor.accept("size"):
            cursor.take()
        self._braced()

    def _dynamic(self) -> None:
        """``add @set { ... }``, with what the braces hold of conditions; the older ``set add ... @set``."""
        cursor = self.cursor
        if cursor.accept("set"):
            cursor.expect("add", "update")
            self._key()
            cursor.expect("@")
            self._fills(cursor.word())
            return
        cursor.take()
        cursor.expect("@")
        self._fills(cursor.word())
        self._braced()

    def _fills(self, name: str) -> None:
        self.statements.append(Fills(name))

    def _braced(self) -> None:
        cursor = self.cursor
        cursor.expect("{")
        self._key()
        while not cursor.accept("}"):
            if cursor.accept("limit"):
                self.limit()
            elif cursor.peek() == "ct" and cursor.peek(1) == "count":
                self._statement()
            elif cursor.accept("counter"):
                self.counter()
            elif cursor.accept("quota"):
                self.quota()
            elif cursor.peek() in ("timeout", "expires", "comment"):
                cursor.take()
                cursor.take()
            elif cursor.accept(":"):
                self._key_or_value()
            else:
                raise Unclear("a set that rules fill", cursor.here)

    def _key(self) -> None:
        self._selectors()
        if self.cursor.accept("and") or self.cursor.accept("&"):
            self.cursor.take()

    def _key_or_value(self) -> None:
        if self.cursor.peek() in STARTS:
            self._selectors()
        else:
            item(self.cursor)

    # -- marks --------------------------------------------------------------------------------------------------------

    def _assigns(self) -> bool:
        """Read ``meta KEY set ...`` and its like; False if the words ask for something instead."""
        cursor = self.cursor
        ahead = 2 if cursor.peek() in ("meta", "ct") else 1
        if cursor.peek() == "ct" and cursor.peek(1) in ("original", "reply"):
            ahead = 3
        if cursor.peek(ahead) != "set":
            return False
        connection = cursor.peek() == "ct"
        key = cursor.peek(ahead - 1)
        cursor.index += ahead + 1
        if key != "mark":
            self.nothing()
            return True
        self._add(Effect(self._new_mark(connection)))
        return True

    def mark_set(self) -> None:
        cursor = self.cursor
        if cursor.accept("set"):
            self._add(Effect(self._new_mark(connection=False)))
            return
        cursor.index -= 1
        self._match()

    def _new_mark(self, connection: bool) -> Target:
        """Read what a mark is set to: a number, the other mark, its own bits changed; else it is not known."""
        cursor = self.cursor
        action = Action.CONNMARK if connection else Action.MARK
        if cursor.peek() == "(":
            self._parentheses()
            return Target(action, value=None)
        if cursor.peek() not in STARTS:
            return Target(action, value=number(item(cursor)))
        source = selector(cursor).words
        while cursor.accept("."):
            selector(cursor)
        own, other = ("ct mark", "meta mark") if connection else ("meta mark", "ct mark")
        operator = _BITWISE.get(cursor.peek(), "")
        if cursor.accept("map"):
            cursor.accept("@")
            if cursor.peek() == "{":
                elements(cursor)
            else:
                cursor.word()
            return Target(action, value=None)
        if not operator:
            if source != other:
                return Target(action, value=None)
            return Target(Action.SAVE_MARK if connection else Action.RESTORE_MARK, value=EVERY, mask=EVERY)
        cursor.take()
        bits = number(item(cursor))
        if source != own or bits is None or operator not in "|&^" or cursor.peek() in _BITWISE:
            while cursor.peek() in _BITWISE:
                cursor.take()
                item(cursor)
            return Target(action, value=None)
        if operator == "|":
            return Target(action, value=bits, mask=bits)
        return Target(action, value=0, mask=~bits & EVERY) if operator == "&" else Target(action, value=bits, mask=0)

    def _parentheses(self) -> None:
        cursor = self.cursor
        depth = 0
        while not cursor.done and (depth or cursor.peek() == "(" or cursor.peek() in _BITWISE):
            if cursor.peek() in _BITWISE and not depth:
                cursor.take()
                item(cursor)
                continue
            depth += {"(": 1, ")": -1}.get(cursor.take(), 0)

    # -- what a rule asks ---------------------------------------------------------------------------------------------

    def _selectors(self) -> tuple[Selector, ...]:
        found = [selector(self.cursor)]
        while self.cursor.accept("."):
            found.append(selector(self.cursor))
        return tuple(found)

    def _match(self) -> None:
        cursor = self.cursor
        selectors = self._selectors()
        if cursor.accept("vmap"):
            self._verdict_map(selectors)
            return
        if cursor.accept("set"):
            if selectors[0].words.rpartition(" ")[2] in ("saddr", "daddr", "dport", "sport"):
                raise Unclear(f"{selectors[0].words} set", cursor.here)
            self.nothing()
            return
        if cursor.peek() == "map":
            raise Unclear("map", cursor.here)
        if cursor.peek() in ("exists", "missing"):
            word = cursor.take()
            self._add(Match(selectors, (Element((word,)),), negated=selectors[0].absent and word == "missing"))
            return
        mask = ""
        if cursor.peek() in ("&", "and"):
            cursor.take()
            mask = item(cursor)
        elif cursor.peek() in ("|", "or", "^", "xor", "<<", ">>", "*", "+", "-"):
            raise Unclear("arithmetic", cursor.here)
        self._compare(selectors, mask)

    def _compare(self, selectors: tuple[Selector, ...], mask: str) -> None:
        cursor = self.cursor
        operator = ""
        if cursor.peek() in _OPERATORS and cursor.kind() != STRING:
            operator = _OPERATORS[cursor.take()]
        elif cursor.accept("!"):
            operator = "!="
            mask = mask or (item(cursor) if selectors[0].words == "tcp flags" else "")
            if mask:
                self._add(Match(selectors, (Element(("0x0",)),), mask=mask))
                return
        negated, equals = operator == "!=", operator == "=="
        if cursor.accept("@"):
            self._add(Match(selectors, named=cursor.word(), negated=negated, mask=mask, listed=True))
            return
        if cursor.peek() == "{":
            found = elements(cursor)
            self._add(Match(selectors, found, negated=negated, mask=mask, listed=True))
            return
        items = [self._concatenated(len(selectors))]
        while cursor.peek() == ",":
            if selectors[0].words not in _BIT_FIELDS:
                raise cursor.wrong("a list needs braces")
            cursor.take()
            cursor.skip_newlines()
            items.append((item(cursor),))
        if len(selectors) == 1 and selectors[0].words == "tcp flags" and "/" in items[0][0]:
            value, _, first = items[0][0].partition("/")
            mask = "|".join([first, *(each[0] for each in items[1:])])
            items = [(value,)]
        elif mask and len(items) > 1 and selectors[0].words == "tcp flags":
            items = [("|".join(each[0] for each in items),)]
        if operator in ("<", ">", "<=", ">="):
            items = [(_beyond(operator, items[0][0]),)]
        made = [Element(each) for each in items]
        self._add(Match(selectors, made, negated=negated, mask=mask, equals=equals))

    def _concatenated(self, fields: int) -> tuple[str, ...]:
        found = [item(self.cursor)]
        while self.cursor.accept(":"):  # the hours of a day
            found[0] += ":" + item(self.cursor)
        while len(found) < fields and self.cursor.accept("."):
            found.append(item(self.cursor))
        return tuple(found)

    def _verdict_map(self, selectors: tuple[Selector, ...]) -> None:
        cursor = self.cursor
        if cursor.accept("@"):
            self._add(VerdictMap(selectors, named=cursor.word()))
        else:
            self._add(VerdictMap(selectors, elements(cursor)))


_PLAIN: dict[str, Callable[[RuleReader], None]] = {
    "counter": RuleReader.counter,
    "log": RuleReader.log,
    "limit": RuleReader.limit,
    "quota": RuleReader.quota,
    "reject": RuleReader.reject,
    "notrack": RuleReader.notrack,
    "masquerade": RuleReader.ends_nat,
    "snat": RuleReader.ends_nat,
    "dup": RuleReader.nothing,
    "flow": RuleReader.nothing,
    "reset": RuleReader.nothing,
    "last": RuleReader.nothing,
    "meter": RuleReader.meter,
    "mark": RuleReader.mark_set,
    **{name: (lambda reader, name=name: reader.elsewhere(name)) for name in ELSEWHERE},  # type: ignore[misc]
}

_LATER = frozenset(["xt", "secmark", "devgroup", "objref", "tunnel", "inner", "geneve", "destroy", "numgen"])
"""Words of newer or rarer statements that begin a rule's statement and are not followed here."""


def _beyond(operator: str, text: str) -> str:
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

"""From the words of one rule to its statements (nft(8), "STATEMENTS" and "EXPRESSIONS")."""

from __future__ import annotations

from collections.abc import Callable

from rescue.firewall.nft import statements
from rescue.firewall.nft.elements import VERDICTS, beyond, elements, item, verdict_of
from rescue.firewall.nft.script import (
    Effect,
    Element,
    Ends,
    Fills,
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
from rescue.firewall.ruleset import Action, Target

_NETWORK = ("ip", "ip6")
_TRANSPORT = ("tcp", "udp", "udplite", "sctp", "dccp", "ah", "esp", "comp", "icmp", "icmpv6")
_BIT_FIELDS = ("ct state", "ct status", "tcp flags", "ct label", "ct event")
"""Fields of which a list without braces asks for any bit."""

_PROTOCOL = ("meta l4proto", "ip protocol", "ip6 nexthdr")

_OPERATORS = {"==": "==", "eq": "==", "!=": "!=", "ne": "!=", "<": "<", "lt": "<", ">": ">", "gt": ">",
              "<=": "<=", "le": "<=", ">=": ">=", "ge": ">="}  # fmt: skip


class RuleReader:
    """Reads the statements of one rule, up to the end of its line, a semicolon or a closing brace."""

    def __init__(self, cursor: Cursor, table: NftTable) -> None:
        self.cursor = cursor
        self.table = table
        self.statements: list[Statement] = []
        self.ended = False
        self.network = {"ip": "ip", "ip6": "ip6"}.get(table.family, "")
        self.transport = ""
        self.several = ""

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

    def add(self, *found: Statement) -> None:
        """Take statements into the rule. Raises Wrong where they can't stand beside those before."""
        for each in found:
            if isinstance(each, Match | VerdictMap):
                self._take_note(each)
        self.statements += found
        self.ended = any(isinstance(each, Ends) for each in found)

    def _statement(self) -> None:
        cursor = self.cursor
        word = cursor.peek()
        if word in VERDICTS and cursor.kind() == WORD:
            self._verdict()
        elif word in _PLAIN:
            cursor.take()
            _PLAIN[word](self)
        elif word in statements.ELSEWHERE:
            cursor.take()
            self.add(statements.elsewhere(cursor, word))
        elif word in ("add", "update", "delete", "set"):
            self._dynamic()
        elif word in ("ct", "meta") and self._assigns():
            return
        elif word == "ct" and cursor.peek(1) == "count":
            cursor.index += 2
            self.add(statements.count(cursor))
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
                if self.several:
                    raise self.cursor.wrong(f"conflicting protocols: {self.several} and {first}")
                self.transport = self._same(self.transport, first)
        if isinstance(statement, Match) and statement.selectors[0].words in _PROTOCOL and not statement.negated:
            names = [element.fields[0].lower() for element in statement.elements]
            if len(names) > 1 and all(name in (*_TRANSPORT, "ipv6-icmp") for name in names):
                self.several = ", ".join(names)  # nft wants one protocol before a field of one
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
            statements.to_end(cursor)
            reason = "a program that decides on the packet (queue)"
            self.add(Ends(target=Target(Action.DEPENDS, "queue", reason=reason)))
        elif verdict.word == "continue":
            self.ended = True
        else:
            self.add(Ends(verdict=verdict))

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
            inner = RuleReader(cursor, self.table).read()
            chain.rules.append(NftRule(inner, token.source.location(token.at), token.at))
            if cursor.done:
                raise cursor.wrong("unexpected end of the file")
        self.add(Ends(verdict=Verdict(word, chain.name)))

    # -- what goes on -------------------------------------------------------------------------------------------------

    def notrack(self) -> None:
        self.add(Effect(Target(Action.UNTRACK, "notrack")))

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
                self.add(statements.limit(cursor))
            elif cursor.peek() == "ct" and cursor.peek(1) == "count":
                self._statement()
            elif cursor.accept("counter"):
                statements.counter(cursor)
            elif cursor.accept("quota"):
                self.add(statements.quota(cursor))
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
            statements.nothing(cursor)
            return True
        self.add(Effect(statements.new_mark(cursor, connection=connection)))
        return True

    def mark_set(self) -> None:
        cursor = self.cursor
        if cursor.accept("set"):
            self.add(Effect(statements.new_mark(cursor, connection=False)))
            return
        cursor.index -= 1
        self._match()

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
            statements.nothing(cursor)
            return
        if cursor.peek() == "map":
            raise Unclear("map", cursor.here)
        if cursor.peek() in ("exists", "missing"):
            word = cursor.take()
            self.add(Match(selectors, (Element((word,)),), negated=selectors[0].absent and word == "missing"))
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
                self.add(Match(selectors, (Element(("0x0",)),), mask=mask))
                return
        negated, equals = operator == "!=", operator == "=="
        if cursor.accept("@"):
            self.add(Match(selectors, named=cursor.word(), negated=negated, mask=mask, listed=True))
            return
        if cursor.peek() == "{":
            found = elements(cursor)
            self.add(Match(selectors, found, negated=negated, mask=mask, listed=True))
            return
        items = [self._concatenated(len(selectors))]
        while cursor.peek() == ",":
            if selectors[0].words not in _BIT_FIELDS:
                raise cursor.wrong("a list needs braces")
            cursor.take()
            cursor.skip_newlines()
            items.append((item(cursor),))
        if len(selectors) == 1 and selectors[0].words == "tcp flags" and any("/" in each[0] for each in items):
            # Lists on both sides: "ack,psh / syn,ack,psh".
            value, _, mask = ",".join(each[0] for each in items).replace(",", "|").partition("/")
            items = [(value,)]
        elif mask and len(items) > 1 and selectors[0].words == "tcp flags":
            items = [("|".join(each[0] for each in items),)]
        if operator in ("<", ">", "<=", ">="):
            items = [(beyond(operator, items[0][0]),)]
        made = [Element(each) for each in items]
        self.add(Match(selectors, made, negated=negated, mask=mask, equals=equals))

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
            self.add(VerdictMap(selectors, named=cursor.word()))
        else:
            self.add(VerdictMap(selectors, elements(cursor)))


_PLAIN: dict[str, Callable[[RuleReader], None]] = {
    "notrack": RuleReader.notrack,
    "meter": RuleReader.meter,
    "mark": RuleReader.mark_set,
    "reject": lambda reader: reader.add(statements.reject(reader.cursor, reader.table.family)),
    "limit": lambda reader: reader.add(statements.limit(reader.cursor)),
    "quota": lambda reader: reader.add(statements.quota(reader.cursor)),
    "masquerade": lambda reader: reader.add(statements.ends_nat(reader.cursor)),
    "snat": lambda reader: reader.add(statements.ends_nat(reader.cursor)),
    "counter": lambda reader: statements.counter(reader.cursor),
    "log": lambda reader: statements.log(reader.cursor),
    "dup": lambda reader: statements.nothing(reader.cursor),
    "flow": lambda reader: statements.nothing(reader.cursor),
    "reset": lambda reader: statements.nothing(reader.cursor),
    "last": lambda reader: statements.nothing(reader.cursor),
}

_LATER = frozenset(["xt", "secmark", "devgroup", "objref", "tunnel", "inner", "geneve", "destroy", "numgen"])
"""Words of newer or rarer statements that begin a rule's statement and are not followed here."""

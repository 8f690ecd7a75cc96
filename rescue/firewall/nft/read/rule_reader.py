"""From the words of one rule to its statements (nft(8), "STATEMENTS" and "EXPRESSIONS")."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rescue.firewall.engine.ruleset import Action, Hook, RuleTarget
from rescue.firewall.nft.language.datatypes import same
from rescue.firewall.nft.language.headers import tcp_option
from rescue.firewall.nft.language.selectors import STARTS, Selector, selector
from rescue.firewall.nft.language.tokens import NEWLINE, STRING, Cursor, NftNotModelled
from rescue.firewall.nft.read import statements
from rescue.firewall.nft.read.elements import VERDICTS, elements, item, timing, verdict_of
from rescue.firewall.nft.read.expressions import Expression, expression
from rescue.firewall.nft.read.protocols import Protocols
from rescue.firewall.nft.read.script import (
    Effect,
    Element,
    Ends,
    Fills,
    Holds,
    MarkMap,
    Match,
    Named,
    Needs,
    NftChain,
    NftRule,
    NftTable,
    NftVerdict,
    Statement,
    VerdictMap,
)

_BIT_FIELDS = ("ct state", "ct status", "tcp flags", "ct label", "ct event")
"""Fields for which a list without braces matches any bit."""

_OPERATORS = {"==": "==", "eq": "==", "!=": "!=", "ne": "!=", "<": "<", "lt": "<", ">": ">", "gt": ">",
              "<=": "<=", "le": "<=", ">=": ">=", "ge": ">="}  # fmt: skip

ORDERED = ("<", ">", "<=", ">=")

_SET_OF_PACKET = {"mark": "mark", "priority": "", "nftrace": "integer 1", "pkttype": "pkt_type", "secmark": "",
                  "broute": "integer 8"}  # fmt: skip
_SET_OF_CONNECTION = {"mark": "mark", "helper": "", "timeout": "", "expectation": "", "zone": "integer 16",
                      "event": "ct_event", "label": "", "secmark": ""}  # fmt: skip
"""The packet (nft_meta_set_init()) and connection (nft_ct_set_init()) keys that can be set, with their types."""

_FIRST, _LAST = frozenset([Hook.PREROUTING, Hook.OUTPUT]), frozenset([Hook.POSTROUTING])
NAT = {"masquerade": _LAST, "snat": _LAST | {Hook.INPUT}, "dnat": _FIRST, "redirect": _FIRST}
_PLACES = {**NAT, "tproxy": frozenset([Hook.PREROUTING]), "synproxy": frozenset([Hook.INPUT, Hook.FORWARD])}
REJECTING = frozenset([Hook.INPUT, Hook.FORWARD, Hook.OUTPUT, Hook.PREROUTING, Hook.INGRESS])
"""The hooks at which some statements are allowed (the `validate` of nft_nat.c, nft_reject.c and so on)."""

_BIT_KINDS = ("tcp_flag", "ct_state", "ct_status", "ct_label")
"""The types of fields in which each bit has a name."""


class RuleReader:
    """Parses the statements of one rule, up to the end of its line, a semicolon or a closing brace."""

    def __init__(self, cursor: Cursor, table: NftTable) -> None:
        self.cursor = cursor
        self.table = table
        self.statements: list[Statement] = []
        self.ended = False
        self.read_something = False
        self.protocols = Protocols(cursor, table.family)
        self.uses: list[tuple[str, str]] = []
        self.hooks: frozenset[Hook] | None = None
        self.is_nat = False

    def rule(self) -> NftRule:
        """The rule. Raises Wrong; anything unknown here becomes a doubt."""
        first = self.cursor.tokens[min(self.cursor.index, len(self.cursor.tokens) - 1)]
        self._read()
        self.uses += [("map", name) for name in self.cursor.maps]
        where = first.source.location(first.at)
        return NftRule(
            tuple(self.statements),
            where,
            first.at,
            uses=tuple(self.uses),
            hooks=self.hooks,
            nat=self.is_nat,
            tracks=self.protocols.tracks or self.is_nat,
        )

    def _read(self) -> None:
        cursor = self.cursor
        while not cursor.done and cursor.peek() not in (NEWLINE, ";", "}"):
            if cursor.accept("comment"):
                statements.comment(cursor)
                if not self.read_something or not (cursor.done or cursor.peek() in (NEWLINE, ";", "}")):
                    raise cursor.wrong(f"unexpected {cursor.shown()}: a comment must be at the end of the rule")
                break
            self.read_something = True
            if self.ended:
                raise cursor.wrong("a statement after one that ends the rule")
            try:
                self._statement()
            except NftNotModelled as problem:
                self._give_up(problem.reason)

    def _give_up(self, reason: str) -> None:
        """Skip the rest of the rule: its effect is unknown."""
        cursor = self.cursor
        depth = 0
        while not cursor.done and (depth or cursor.peek() not in (NEWLINE, ";", "}")):
            depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(cursor.peek(), 0)
            cursor.index += 1
        target = RuleTarget(Action.DEPENDS, reason=f"a rule that this version can't read ({reason})")
        self.statements.append(Ends(target=target))
        self.ended = True

    def add(self, *found: Statement) -> None:
        """Add statements to the rule. Raises Wrong if they can't follow those before."""
        for each in found:
            self._take_note(each)
        self.statements += found
        self.ended = any(isinstance(each, Ends) and not each.more for each in found)

    def _take_note(self, statement: Statement) -> None:
        match statement:
            case Match() | VerdictMap():
                self.protocols.compared(statement)
                for each in statement.selectors:
                    self._only_at(each.hooks)
                if statement.named:
                    self.uses.append(("set" if isinstance(statement, Match) else "map", statement.named))
                elif isinstance(statement, VerdictMap):
                    chains = (each.data.chain for each in statement.elements if isinstance(each.data, NftVerdict))
                    self.uses += [("chain", name) for name in chains if name]
            case Named():
                self._asks(statement)
                for each in statement.selectors:
                    self.protocols.note(each)
                if statement.kind and not statement.selectors:
                    self.uses.append((statement.kind, statement.name))
                if statement.kind:
                    held = (each.data for each in statement.elements)
                    self.uses += [(statement.kind, data) for data in held if isinstance(data, str)]
            case MarkMap() | Needs():
                self._asks(statement)
            case Ends():
                if statement.verdict is not None and statement.verdict.chain:
                    self.uses.append(("chain", statement.verdict.chain))
                if statement.reject is not None:
                    self._only_at(REJECTING)
                elif statement.target is not None:
                    self._only_at(_PLACES.get(statement.target.name))
                    self.is_nat |= statement.target.name in NAT

    def _asks(self, statement: Named | MarkMap | Needs) -> None:
        for each in statement.selectors:
            self._only_at(each.hooks)

    def _only_at(self, hooks: frozenset[Hook] | None) -> None:
        if hooks is not None:
            self.hooks = hooks if self.hooks is None else self.hooks & hooks

    def _statement(self) -> None:
        cursor = self.cursor
        word = cursor.peek()
        if cursor.kind() == STRING:
            raise cursor.wrong(f"unexpected {cursor.shown()}")
        if word in VERDICTS:
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
            self.protocols.tracked()
            self.add(statements.count(cursor))
        elif word in STARTS:
            self._match()
        elif word in _LATER:
            if word == "destroy":
                cursor.since("destroy")
            raise NftNotModelled(f'"{word}"', cursor.here)
        else:
            raise cursor.wrong(f"unexpected {cursor.shown()}")

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _verdict(self) -> None:
        cursor = self.cursor
        if cursor.peek() in ("jump", "goto") and cursor.peek(1) == "{":
            cursor.since("a chain in braces")
            self._block()
            return
        if cursor.accept("queue"):
            self.add(statements.queue(cursor))
            return
        verdict = verdict_of(cursor)
        if verdict.word != "continue":
            self.add(Ends(verdict=verdict))

    def _block(self) -> None:
        """Parse the rules in braces after ``jump``: a chain without a name."""
        cursor = self.cursor
        word = cursor.take()
        chain = NftChain(f"{{{len(self.table.chains) + 1}}}", cursor.here)
        self.table.chains[chain.name] = chain
        cursor.expect("{")
        while not cursor.accept("}"):
            if cursor.peek() in (NEWLINE, ";"):
                cursor.index += 1
                continue
            chain.rules.append(RuleReader(cursor, self.table).rule())
            if cursor.done:
                raise cursor.wrong("unexpected end of the file")
            if cursor.peek() == "}":
                raise cursor.wrong("a semicolon or a new line is missing before '}'")
        self.add(Ends(verdict=NftVerdict(word, chain.name)))

    def nat(self, name: str) -> None:
        if self.table.family not in ("ip", "ip6", "inet"):
            raise self.cursor.wrong(f"a table of the family {self.table.family} can't {name}")
        found = statements.nat(self.cursor, name, self.protocols)
        for given, kind in found.given:
            self._value(given, kind)
        self.add(found.ends)

    def _single(self, given: Expression) -> None:
        """Check that a field is set to one value, not to a range of them. Raises Wrong."""
        if not given.selectors and any(sign in given.text for sign in "-/") and given.text[:1].isdigit():
            raise self.cursor.wrong(f"one value, and not {given.text!r}")

    def _value(self, given: Expression, kind: str) -> None:
        """Add a value that the rule gives a packet: one of the type `kind`, a field, one from a map."""
        if given.is_map:
            self.add(Named("", "", given.selectors, given.elements, given.named))
        elif given.selectors:
            self.add(Needs(given.selectors))
        else:
            self.add(Needs((), given.text, kind))

    def duplicate(self) -> None:
        if self.table.family not in ("ip", "ip6", "netdev"):
            raise self.cursor.wrong(f"a table of the family {self.table.family} can't dup")
        statements.forwarded(self.cursor, "dup")

    def forward(self) -> None:
        if self.table.family != "netdev":
            raise self.cursor.wrong("only a table of the family netdev can fwd")
        statements.forwarded(self.cursor, "fwd")
        self.add(Ends(target=RuleTarget(Action.DEPENDS, "fwd", reason=statements.ELSEWHERE["fwd"])))

    def tproxy(self) -> None:
        self.add(statements.tproxy(self.cursor, self.table.family, transport=self.protocols.has_transport))

    def synproxy(self) -> None:
        self.protocols.tracked()
        self.use(statements.synproxy(self.cursor))
        self.add(
            Ends(target=RuleTarget(Action.DEPENDS, "synproxy", reason=statements.ELSEWHERE["synproxy"]), more=True)
        )

    # -- what goes on -------------------------------------------------------------------------------------------------

    def notrack(self) -> None:
        self.add(Effect(RuleTarget(Action.UNTRACK, "notrack")))

    def use(self, found: Holds | Named | None) -> None:
        """Add a limit, quota or counter to the rule, if it matters."""
        if found is not None:
            self.add(found)

    def meter(self) -> None:
        cursor = self.cursor
        cursor.identifier()
        if cursor.accept("size"):
            cursor.number()
        cursor.expect("{")
        self._key()
        self._statement()
        cursor.expect("}")

    def _dynamic(self) -> None:
        """``add @set { ... }``, with the conditions inside the braces; the older ``set add ... @set``."""
        cursor = self.cursor
        if cursor.accept("set"):
            cursor.expect("add", "update", "delete")
            key = self._key()
            cursor.expect("@")
            self._fills(cursor.identifier(), key)
            return
        cursor.take()
        cursor.expect("@")
        name = cursor.identifier()
        cursor.expect("{")
        self._fills(name, self._key())
        self._braced()

    def _fills(self, name: str, key: tuple[Selector, ...]) -> None:
        self.uses.append(("set", name))
        self.statements.append(Fills(name, key))

    def _braced(self) -> None:
        cursor = self.cursor
        while not cursor.accept("}"):
            if cursor.accept("limit"):
                self.use(statements.limit(cursor))
            elif cursor.accept("ct", "count"):
                self.protocols.tracked()
                self.add(statements.count(cursor))
            elif cursor.accept("counter"):
                self.use(statements.counter(cursor))
            elif cursor.accept("quota"):
                self.use(statements.quota(cursor))
            elif cursor.accept(":"):
                given = expression(cursor)
                for each in given.selectors:
                    self.protocols.note(each)
                self.add(Needs(given.selectors))
                timing(cursor)
            else:
                raise cursor.wrong(f"unexpected {cursor.shown()}")

    def _key(self) -> tuple[Selector, ...]:
        """Parse what is stored in a set: fields of the packet, or a constant."""
        given = expression(self.cursor)
        for each in given.selectors:
            self.protocols.note(each)
        self.add(Needs(given.selectors))  # for a packet without this field the rule ends here
        if self.cursor.peek() == "comment":
            raise self.cursor.wrong("a comment is not for what a rule keeps")
        timing(self.cursor)
        return given.selectors

    # -- marks and other things that are set ------------------------------------------------------------------------

    def _assigns(self) -> bool:
        """Parse ``meta KEY set ...`` and similar; False if the words are a match instead."""
        cursor = self.cursor
        ahead = 3 if cursor.peek() == "ct" and cursor.peek(1) in ("original", "reply") else 2
        if cursor.peek(ahead) != "set":
            return False
        connection = cursor.peek() == "ct"
        key = cursor.peek(ahead - 1)
        if connection:
            self.protocols.tracked()
        known = _SET_OF_CONNECTION if connection else _SET_OF_PACKET
        if key not in known:
            raise cursor.wrong(f"{cursor.peek()} {key} can't be set")
        cursor.index += ahead + 1
        self._set(key, known[key], connection=connection)
        return True

    def _set(self, key: str, kind: str, *, connection: bool) -> None:
        given = expression(self.cursor)
        for each in given.selectors:
            self.protocols.note(each)
        if key in ("helper", "timeout", "expectation"):
            self.add(statements.named(f"ct {key}", given))
        elif key == "mark":
            self._mark(given, Action.CONNMARK if connection else Action.MARK)
        elif key == "pkttype":
            self._only_at(frozenset([Hook.INGRESS, Hook.PREROUTING]))
        if key not in ("helper", "timeout", "expectation", "mark") and (given.selectors or kind):
            self._single(given)
            self._value(given, kind)

    def _mark(self, given: Expression, action: Action) -> None:
        if given.is_map:
            self.add(MarkMap(action, given.selectors, given.elements, given.named))
            return
        if given.unknown or (not given.selectors and not 0 <= (given.number or 0) <= statements.EVERY):
            raise self.cursor.wrong(f"{given.unknown or given.text!r} is not a mark")
        if not given.selectors and given.number is None:
            raise self.cursor.wrong(f"{given.text!r} is not a mark")
        if given.selectors and (len(given.selectors) > 1 or not same(given.selectors[0].kind, "mark")):
            self._made_mark(given)
        if given.selectors:
            self.add(Needs(given.selectors))  # for a packet without this field the rule ends here
        for target in statements.new_marks(given, connection=action is Action.CONNMARK):
            self.add(Effect(target))

    def _made_mark(self, given: Expression) -> None:
        """Check that a mark may be built from other fields: older nft allows only one plain integer field."""
        if len(given.selectors) > 1 or not given.selectors[0].kind.startswith("integer"):
            self.cursor.since("a mark that is made of another field")

    def mark_set(self) -> None:
        cursor = self.cursor
        if cursor.accept("set"):
            self._set("mark", "mark", connection=False)
            return
        cursor.index -= 1
        self._match()

    def _change(self, selectors: tuple[Selector, ...]) -> None:
        """Parse the words after a field and "set"."""
        first, _, key = selectors[0].words.partition(" ")
        if first == "meta" and len(selectors) == 1:
            if key not in _SET_OF_PACKET:
                raise self.cursor.wrong(f"{selectors[0].words} can't be set")
            self._set(key, _SET_OF_PACKET[key], connection=False)
            return
        given = expression(self.cursor)
        for each in given.selectors:
            self.protocols.note(each)
        if len(selectors) > 1:
            raise self.cursor.wrong("only one field can be set")
        self.protocols.note(selectors[0])
        words = selectors[0].words
        if first in ("tcp", "ip", "exthdr") and selectors[0].kind == "boolean":
            raise self.cursor.wrong(f"whether there is {words} can't be set")
        self.add(Needs(selectors))
        self._single(given)
        self._value(given, selectors[0].kind)
        if words.rpartition(" ")[2] in ("saddr", "daddr", "dport", "sport", "flags", "@"):
            reason = f"where the packet is sent on to ({words} set)"
            self.add(Ends(target=RuleTarget(Action.DEPENDS, words, reason=reason), more=True))

    def reset(self) -> None:
        """Parse "reset tcp option NAME", which removes the option from the packet."""
        cursor = self.cursor
        cursor.since("reset tcp option")
        cursor.expect("tcp")
        cursor.expect("option")
        tcp_option(cursor)

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
            self._change(selectors)
            return
        if cursor.peek() in ("exists", "missing") and cursor.kind() != STRING:
            if not _may_be_missing(selectors[0]):
                raise cursor.wrong(f"unexpected {cursor.shown()}")
            self.add(Match(selectors, (Element((cursor.take(),)),)))
            return
        mask = ""
        if cursor.peek() in ("&", "and"):
            cursor.take()
            mask = item(cursor)
            if selectors[0].kind.startswith(("integer", "mark")) and "-" in mask:
                raise cursor.wrong("a mask can't be a range")
        elif cursor.peek() in ("|", "or", "^", "xor", "<<", ">>", "+", "-"):
            raise NftNotModelled("arithmetic", cursor.here)
        self._compare(selectors, mask)

    def _compare(self, selectors: tuple[Selector, ...], mask: str) -> None:
        cursor = self.cursor
        operator = ""
        if cursor.peek() in _OPERATORS and cursor.kind() != STRING:
            operator = _OPERATORS[cursor.take()]
        elif cursor.accept("!"):
            if selectors[0].kind not in _BIT_KINDS or len(selectors) > 1 or cursor.peek() in ("{", "@"):
                raise cursor.wrong(f"'!' is not for {selectors[0].words}: write '!='")
            cursor.since("'!' before bits")
            operator = "!="
            mask = mask or (item(cursor) if selectors[0].words in ("tcp flags", "ct status") else "")
            if mask:
                self.add(Match(selectors, (Element(("0x0",)),), mask=mask))
                return
        negated, equals = operator == "!=", operator == "=="
        if cursor.accept("@"):
            self.add(Match(selectors, named=cursor.identifier(), negated=negated, mask=mask, listed=True))
            return
        if cursor.peek() == "{":
            found = elements(cursor)
            if not found:
                raise cursor.wrong("a set without elements")
            # nft makes a plain comparison of a set with one element (optimize_singleton_set() in evaluate.c).
            listed = len(found) > 1 or len(selectors) > 1 or selectors[0].kind not in _BIT_KINDS
            self.add(Match(selectors, found, negated=negated, mask=mask, listed=listed, equals=equals and not listed))
            return
        if len(selectors) > 1:
            raise cursor.wrong("joined fields are compared with a set")
        items = [self._concatenated(selectors[0])]
        while cursor.peek() == ",":
            if selectors[0].words not in _BIT_FIELDS:
                raise cursor.wrong("a list needs braces")
            cursor.take()
            items.append((item(cursor),))
        if len(selectors) == 1 and selectors[0].words == "tcp flags" and any("/" in each[0] for each in items):
            # Lists on both sides: "ack,psh / syn,ack,psh".
            cursor.since("flags with '/'")
            value, _, mask = ",".join(each[0] for each in items).replace(",", "|").partition("/")
            items = [(value,)]
        elif mask and len(items) > 1 and selectors[0].words == "tcp flags":
            items = [("|".join(each[0] for each in items),)]
        if operator in ORDERED:
            dated = selectors[0].kind in ("time", "hour", "day")
            if (not dated and any(sign in items[0][0] for sign in "-/")) or len(selectors) > 1:
                raise cursor.wrong(f"{operator} takes one value")
            self.add(Match(selectors, (Element(items[0]),), mask=mask, order=operator))
            return
        made = [Element(each) for each in items]
        self.add(Match(selectors, made, negated=negated, mask=mask, equals=equals))

    def _concatenated(self, selector: Selector) -> tuple[str, ...]:
        cursor = self.cursor
        if cursor.peek() == "*":
            raise cursor.wrong("'*' is for the elements of a set")
        if cursor.peek() in ("exists", "missing") and cursor.kind() != STRING and not _may_be_missing(selector):
            raise cursor.wrong(f"unexpected {cursor.shown()}")
        found = [item(self.cursor)]
        while self.cursor.accept(":"):  # the hours of a day
            found[0] += ":" + item(self.cursor)
        return tuple(found)

    def _verdict_map(self, selectors: tuple[Selector, ...]) -> None:
        cursor = self.cursor
        if cursor.accept("@"):
            self.add(VerdictMap(selectors, named=cursor.identifier()))
        else:
            self.add(VerdictMap(selectors, elements(cursor)))


def _may_be_missing(selector: Selector) -> bool:
    """Whether a field can be tested for existence."""
    return selector.kind == "boolean" or (selector.words.startswith("fib") and selector.kind == "iface_index")


_PLAIN: dict[str, Callable[[RuleReader], None]] = {
    "notrack": RuleReader.notrack,
    "meter": RuleReader.meter,
    "mark": RuleReader.mark_set,
    "reset": RuleReader.reset,
    "reject": lambda reader: reader.add(statements.reject(reader.cursor, reader.table.family, reader.protocols)),
    "limit": lambda reader: reader.use(statements.limit(reader.cursor)),
    "quota": lambda reader: reader.use(statements.quota(reader.cursor)),
    "counter": lambda reader: reader.use(statements.counter(reader.cursor)),
    "log": lambda reader: statements.log(reader.cursor),
    "last": lambda reader: statements.last(reader.cursor),
    "flow": lambda reader: statements.flow(reader.cursor),
    "dup": RuleReader.duplicate,
    "fwd": RuleReader.forward,
    "tproxy": RuleReader.tproxy,
    "synproxy": RuleReader.synproxy,
    **{name: partial(RuleReader.nat, name=name) for name in ("masquerade", "snat", "dnat", "redirect")},
}

_LATER = frozenset(["xt", "tunnel", "inner", "geneve", "vxlan", "gre", "gretap", "destroy"])
"""Words that start newer or rarer statements, which are not supported here."""

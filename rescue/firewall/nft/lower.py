"""From the tables of a script to the chains that the kernel traverses, for one IP version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from rescue.firewall.engine.addresses import AddressSet
from rescue.firewall.engine.conditions import Addresses, AnyOf, Assumed, Condition, Doubt, Fixed, TransportProtocol
from rescue.firewall.engine.icmp import TCP_RESET
from rescue.firewall.engine.packet import TCP
from rescue.firewall.engine.ruleset import Action, Chain, Rule, RuleTarget, Table
from rescue.firewall.names import RuleError
from rescue.firewall.nft.language.builders import Question, Wanted
from rescue.firewall.nft.language.datatypes import check, same, type_of
from rescue.firewall.nft.language.selectors import Selector
from rescue.firewall.nft.language.tokens import NftError
from rescue.firewall.nft.language.values import address, number, port, ports
from rescue.firewall.nft.read.script import (
    Effect,
    Element,
    Ends,
    Fills,
    Holds,
    MarkMap,
    Match,
    Named,
    NamedSet,
    Needs,
    NftChain,
    NftRule,
    NftTable,
    NftVerdict,
    Pattern,
    Statement,
    VerdictMap,
)
from rescue.firewall.nft.read.statements import PORT_UNREACHABLE, REFUSALS
from rescue.firewall.nft.read.validate import validate
from rescue.model import Location

VERSIONS = {"ip": (4,), "ip6": (6,), "inet": (4, 6), "netdev": (4, 6)}
"""The IP versions whose packets to and from the server pass a family's chains; none do for arp and bridge."""

Conditions = tuple[Condition, ...]


class _Like(NamedTuple):
    """The parts that similar rules share, around their own address condition. never: all, if none applies.

    source: the rule asks only whether the source's address, or the destination's, equals the given one.
    """

    before: Conditions
    behind: Conditions
    target: RuleTarget
    never: Conditions
    source: bool | None


class Lowering:
    """Translates one table's rules to those of one IP version."""

    def __init__(self, table: NftTable, question: Question) -> None:
        self.table = table
        self.question = question
        self.chains: dict[str, Chain] = {}
        self.number = 0
        self.known: dict[tuple[object, ...], list[Conditions]] = {}
        self.alike: dict[tuple[str, Pattern], _Like | None] = {}

    def table_of(self) -> Table:
        """The table. Raises NftError if nft would reject a value, or something does not exist."""
        for chain in self.table.chains.values():
            for rule in chain.rules:
                self._fill(rule)
        for chain in self.table.chains.values():
            rules = [made for rule in chain.rules for made in self._rule(chain, rule)]
            self.chains[chain.name] = self._chain(chain, rules)
        return Table(f"{self.table.family} {self.table.name}", self.chains)

    def _fill(self, rule: NftRule) -> None:
        for statement in rule.statements:
            if isinstance(statement, Fills):
                held = self.table.sets.get(statement.name)
                if held is None:
                    raise NftError(f"there is no set {statement.name}", rule.location)
                if statement.key and not _same_types(statement.key, held):
                    raise NftError(f"the set {held.name} is of another type ({' . '.join(held.keys)})", rule.location)
                held.filled = True

    def _chain(self, chain: NftChain, rules: Sequence[Rule]) -> Chain:
        if chain.hook is None or self.table.dormant:
            return Chain(chain.name, "", chain.location, tuple(rules))
        return Chain(
            chain.name,
            (chain.policy or "accept").upper(),
            chain.policy_at or chain.location,
            tuple(rules),
            chain.hook,
            chain.priority,
            nat=chain.kind == "nat",
            devices=chain.devices,
        )

    def _rule(self, chain: NftChain, rule: NftRule) -> Iterable[Rule]:
        if rule.pattern is None:
            return self._each(chain, rule)
        key = (chain.name, rule.pattern)
        if key not in self.alike:
            number = self.number
            made = list(self._each(chain, rule))
            # A rule that became a chain of its own also keeps its location there.
            self.alike[key] = self._like(rule, rule.pattern, made) if number == self.number else None
            return made
        like = self.alike[key]
        match = rule.statements[rule.pattern.slot]
        if like is None or not isinstance(match, Match):
            return self._each(chain, rule)
        if like.never:
            return (Rule(chain.name, like.never, like.target, rule.location),)
        asked: Conditions
        fields = match.elements[0].fields
        try:
            if like.source is not None:
                asked = (Addresses(like.source, address(fields[0], self.question.version, self.question.names)),)
            else:
                wanted = Wanted(fields, match.negated, "", False, match.equals)
                asked = match.selectors[0].conditions(wanted, self.question)
        except RuleError as problem:
            raise NftError(str(problem), rule.location) from problem
        return (Rule(chain.name, (*like.before, *asked, *like.behind), like.target, rule.location),)

    def _like(self, rule: NftRule, pattern: Pattern, made: Sequence[Rule]) -> _Like | None:
        """The result for rules like `rule`, from the result for it; None if that is not one rule each."""
        match = rule.statements[pattern.slot]
        assert isinstance(match, Match)
        found = self._match(match)
        if len(made) != 1 or len(found) != 1 or len(match.elements) != 1:
            return None
        asked, conditions, target = found[0], made[0].conditions, made[0].target
        at = next((at for at, each in enumerate(conditions) if each is asked[0]), -1)
        behind = at + len(asked)
        if at < 0 or any(mine is not other for mine, other in zip(asked, conditions[at:behind], strict=True)):
            return None
        never = match.selectors[0].absent or match.selectors[0].version not in (None, self.question.version)
        one = asked[0]
        plain = not match.negated and len(asked) == 1 and isinstance(one, Addresses)
        source = one.source if plain and isinstance(one, Addresses) else None
        return _Like(conditions[:at], conditions[behind:], target, conditions if never else (), source)

    def _each(self, chain: NftChain, rule: NftRule) -> Iterator[Rule]:
        try:
            yield from self._lowered(chain.name, rule.statements, rule.location)
        except NftError:
            raise
        except RuleError as problem:
            raise NftError(str(problem), rule.location) from problem

    def _lowered(self, chain: str, statements: Sequence[Statement], location: Location) -> Iterator[Rule]:
        """The rules that do what `statements` do, one after the other, in `chain`."""
        alternatives: list[Conditions] = [()]
        for at, statement in enumerate(statements):
            match statement:
                case Match():
                    found = self._match(statement)
                    alternatives = [(*one, *other) for one in alternatives for other in found]
                case Holds():
                    alternatives = [(*one, statement.condition) for one in alternatives]
                case Needs():
                    if statement.kind:
                        self._check_given(statement.text, statement.kind)
                    alternatives = [(*one, *self._implied(statement.selectors)) for one in alternatives]
                case Named():
                    found = self._named(statement)
                    alternatives = [(*one, *other) for one in alternatives for other in found]
                case MarkMap():
                    rest = statements[at + 1 :]
                    for conditions, given in self._marks(statement):
                        more = [(*one, *conditions) for one in alternatives]
                        yield from self._with_effect(chain, more, given, rest, location)
                    return
                case Effect():
                    rest = statements[at + 1 :]
                    yield from self._with_effect(chain, alternatives, statement.target, rest, location)
                    return
                case VerdictMap():
                    goes_on: list[Conditions] = []
                    for asked, verdict in self._vmap(statement):
                        if verdict.word == "continue":
                            goes_on += [(*one, *asked) for one in alternatives]
                            continue
                        target = self._target(verdict)
                        yield from (Rule(chain, (*one, *asked), target, location) for one in alternatives)
                    alternatives = goes_on  # packets without a match in the map are done with the rule
                case Ends():
                    if statement.reject == TCP_RESET:  # nft itself adds this condition before it
                        alternatives = [(*one, TransportProtocol(TCP)) for one in alternatives]
                    target = self._end(statement)
                    if statement.version not in (None, self.question.version):
                        return
                    yield from (Rule(chain, one, target, location) for one in alternatives)
                    return
        # A rule without a verdict still needs its fields checked: chains that only count are left out.

    def _with_effect(
        self,
        chain: str,
        alternatives: Sequence[Conditions],
        target: RuleTarget,
        rest: Sequence[Statement],
        location: Location,
    ) -> Iterator[Rule]:
        """A rule with an effect and more statements after it, as a separate chain with the rest of the rule."""
        if not rest or all(isinstance(each, Holds) for each in rest):
            yield from (Rule(chain, one, target, location) for one in alternatives)
            return
        self.number += 1
        name = f"{chain}#{self.number}"
        rules = [Rule(name, (), target, location), *self._lowered(name, rest, location)]
        returns = any(rule.target.action in (Action.RETURN, Action.GOTO) for rule in rules[1:])
        if returns and len(rules) == 2 and not rules[1].conditions:
            # "goto" makes a return in there go back to where this chain would return to.
            jump = RuleTarget(Action.GOTO, name)
        elif returns:
            reason = "a rule that this version can't read (a mark, then a return under a condition)"
            jump = RuleTarget(Action.DEPENDS, reason=reason)
        else:
            jump = RuleTarget(Action.JUMP, name)
        self.chains[name] = Chain(name, "", location, tuple(rules))
        yield from (Rule(chain, one, jump, location) for one in alternatives)

    def _end(self, statement: Ends) -> RuleTarget:
        if statement.reject is not None:
            return RuleTarget(Action.REJECT, "reject", how=self._how(statement.reject))
        if statement.verdict is not None:
            return self._target(statement.verdict)
        assert statement.target is not None
        return statement.target

    def _how(self, reject: str) -> str:
        if reject == TCP_RESET:
            return TCP_RESET
        kind, _, word = reject.partition(" ")
        found = REFUSALS[kind][word] if kind else PORT_UNREACHABLE
        return found[0 if self.question.version == 4 else 1]

    def _target(self, verdict: NftVerdict) -> RuleTarget:
        return _TARGETS[verdict.word] if not verdict.chain else RuleTarget(Action(verdict.word), verdict.chain)

    # -- conditions ---------------------------------------------------------------------------------------------------

    def _match(self, match: Match) -> list[Conditions]:
        """The alternatives that fulfil the comparison, each a list of conditions.

        Rules share most of their comparisons, and equal ones share condition objects: each is evaluated once per
        packet.
        """
        if match.named or match.mask or match.order or len(match.selectors) > 1 or len(match.elements) != 1:
            return self._made(match)
        field = match.selectors[0]
        key = (
            field.words,
            field.version,
            field.kind,
            match.elements[0].fields,
            match.negated,
            match.listed,
            match.equals,
        )
        known = self.known.get(key)
        if known is None:
            known = self.known[key] = self._made(match)
        return known

    def _made(self, match: Match) -> list[Conditions]:
        held = self.table.sets.get(match.named) if match.named else None
        if match.named and held is None:
            raise RuleError(f"there is no set {match.named}")
        if held is not None:
            _fits(match.selectors, held)
        if match.mask and len(match.selectors) == 1 and match.selectors[0].version is None:
            self._check_given(match.mask, match.selectors[0].kind)
        found = self._alternatives(match.selectors, held.elements if held else match.elements, match)
        note: Conditions = ()
        if held is not None and held.changing:
            reason = f"the set {held.name}, which is filled while the server runs"
            if not held.elements and held.filled and not match.negated:
                return [(Fixed(Assumed(False, f"the client is not in {reason}")),)]
            note = (Fixed(Assumed(True, f"of {reason}, the file has all")),)
        if not match.negated or len(match.selectors) == 1:
            return [(*each, *note) for each in found]
        return [(*self._implied(match.selectors), AnyOf(tuple(found), negated=True), *note)]

    def _implied(self, selectors: Sequence[Selector]) -> Conditions:
        return tuple(each for selector in selectors for each in selector.implied(self.question))

    def _alternatives(
        self, selectors: Sequence[Selector], elements: Sequence[Element], match: Match
    ) -> list[Conditions]:
        """The conditions for one of `elements`, grouped by those that differ in only one field."""
        if len(selectors) == 1:
            if not elements:
                return [self._implied(selectors) if match.negated else (Fixed(False),)]
            if any(len(each.fields) != 1 for each in elements):
                raise RuleError("several fields, where one is compared")
            items = [each.fields[0] for each in elements]
            if match.order:
                items = self._beyond(match.order, items[0], selectors[0].kind)
                if not items:
                    return []
            wanted = Wanted(items, match.negated, match.mask, match.listed, match.equals)
            return [selectors[0].conditions(wanted, self.question)]
        grouped: dict[tuple[str, ...], list[str]] = {}
        wide = _widest(selectors)
        for element in elements:
            if len(element.fields) != len(selectors):
                raise RuleError(f"{len(element.fields)} fields, where {len(selectors)} are compared")
            rest = element.fields[:wide] + element.fields[wide + 1 :]
            grouped.setdefault(rest, []).append(element.fields[wide])
        found: list[Conditions] = []
        for rest, items in grouped.items():
            values = [[each] for each in rest]
            values.insert(wide, items)
            made: list[Condition] = []
            for each, value in zip(selectors, values, strict=True):
                made += each.conditions(Wanted(value, listed=True), self.question)
            if Fixed(False) not in made:
                found.append(tuple(made))
        return found

    def _beyond(self, order: str, text: str, kind: str) -> list[str]:
        """The range of values for an operator such as "<"; nothing if it is empty. Raises RuleError."""
        version = {"ipv4_addr": 4, "ipv6_addr": 6}.get(kind)
        if version:
            found = address(text, version, self.question.names)
            value = found.bounds[0] if isinstance(found, AddressSet) else 0
        elif kind == "inet_service":
            value = port(text, self.question.names)
        else:
            check([text], kind, self.question.names)
            value = type_of(kind).names.get(text, number(text) or 0)
        largest = (1 << (type_of(kind).bits or 32)) - 1
        first, last = {"<": (0, value - 1), "<=": (0, value), ">": (value + 1, largest), ">=": (value, largest)}[order]
        if first > last:
            return []
        kinds = {4: IPv4Address, 6: IPv6Address, None: int}
        made = [str(kinds[version](each)) for each in (first, last)]
        return made[:1] if first == last else ["-".join(made)]

    def _vmap(self, statement: VerdictMap) -> Iterator[tuple[Conditions, NftVerdict]]:
        """The conditions for each verdict of the map; a catch-all element last."""
        for conditions, data in self._looked_up(statement):
            if not isinstance(data, NftVerdict):
                raise RuleError("a map without verdicts")
            yield conditions, data

    def _marks(self, statement: MarkMap) -> Iterator[tuple[Conditions, RuleTarget]]:
        """The conditions for each mark of the map."""
        for conditions, data in self._looked_up(statement):
            value = number(data) if isinstance(data, str) else None
            if value is None:
                raise RuleError("a map without marks")
            yield conditions, RuleTarget(statement.action, value=value)

    def _named(self, statement: Named) -> list[Conditions]:
        """The alternatives under which a rule continues after a named object that it uses."""
        if not statement.selectors:
            return [self._thing(statement.kind, statement.name)]
        found: list[Conditions] = []
        for conditions, data in self._looked_up(statement):
            if not isinstance(data, str):
                raise RuleError("a map without values")
            found.append((*conditions, *(self._thing(statement.kind, data) if statement.kind else ())))
        return found

    def _check_given(self, text: str, kind: str) -> None:
        """Reject anything that is not a value of the type. Raises RuleError."""
        names = self.question.names
        if kind == "inet_service":
            ports([text], names)
        elif kind in ("ipv4_addr", "ipv6_addr"):
            address(text, 4 if kind == "ipv4_addr" else 6, names)
        else:
            check([text], kind, names)

    def _thing(self, kind: str, name: str) -> Conditions:
        thing = self.table.things.get((kind, name))
        if thing is None:
            raise RuleError(f"there is no {kind} {name}")
        return (thing.condition,) if thing.condition is not None else ()

    def _looked_up(self, statement: VerdictMap | MarkMap | Named) -> Iterator[tuple[Conditions, NftVerdict | str]]:
        """The conditions for each object that a map leads to; a catch-all element last."""
        elements: Sequence[Element] = statement.elements
        note: Conditions = ()
        if statement.named:
            held = self.table.sets.get(statement.named)
            if held is None or not held.is_map:
                raise RuleError(f"there is no map {statement.named}")
            _fits(statement.selectors, held)
            elements = held.elements
            if held.changing:
                note = (Fixed(Doubt(f"the map {held.name}, which is filled while the server runs")),)
        groups: dict[NftVerdict | str, list[Element]] = {}
        for element in elements:
            if element.data is None:
                raise RuleError("a map with an element that has no value")
            groups.setdefault(element.data, []).append(element)
        others = [element for element in elements if element.fields == ("*",)]
        for data, members in groups.items():
            members = [each for each in members if each not in others]
            if members:
                for found in self._alternatives(statement.selectors, members, Match((), listed=True)):
                    yield (*found, *note), data
        for element in others:
            assert element.data is not None
            rest = [each for each in elements if each not in others]
            match = Match((), negated=True, listed=True)
            if len(statement.selectors) > 1:
                these = self._alternatives(statement.selectors, rest, replace(match, negated=False))
                implied = self._implied(statement.selectors)
                yield (*implied, AnyOf(tuple(these), negated=True), *note), element.data
            else:
                for one in self._alternatives(statement.selectors, rest, match):
                    yield (*one, *note), element.data


def _same_types(selectors: Sequence[Selector], held: NamedSet) -> bool:
    return len(selectors) == len(held.keys) and all(
        same(each.kind, key) or each.words.startswith("@") for each, key in zip(selectors, held.keys, strict=True)
    )


def _fits(selectors: Sequence[Selector], held: NamedSet) -> None:
    """Check that fields can be looked up in a set or map. Raises RuleError."""
    if not _same_types(selectors, held):
        what = "map" if held.is_map else "set"
        raise RuleError(f"{selectors[0].words} can't be looked up in the {what} {held.name} ({' . '.join(held.keys)})")


def _widest(selectors: Sequence[Selector]) -> int:
    """Which field's values are merged: the client's address, else the first."""
    words = [each.words.rpartition(" ")[2] for each in selectors]
    return words.index("saddr") if "saddr" in words else 0


_TARGETS = {
    "accept": RuleTarget(Action.ACCEPT, "accept"),
    "drop": RuleTarget(Action.DROP, "drop"),
    "return": RuleTarget(Action.RETURN, "return"),
    "continue": RuleTarget(Action.CONTINUE, "continue"),
    "queue": RuleTarget(Action.DEPENDS, "queue", reason="a program that decides on the packet (queue)"),
}


def tables(found: Iterable[NftTable], question: Question) -> dict[str, Table]:
    """The tables that packets of one IP version pass. Raises NftError."""
    made = {}
    for table in found:
        validate(table)
        lowered = Lowering(table, question).table_of()
        if question.version in VERSIONS.get(table.family, ()):
            made[lowered.name] = lowered
    return made


def tracking(found: Iterable[NftTable], version: int) -> bool:
    """Whether a rule, or a table's object for connections, activates conntrack for one IP version."""
    return any(
        kind.startswith("ct ")
        for table in found
        if version in VERSIONS.get(table.family, ())
        for kind, _ in table.things
    ) or any(
        rule.tracks
        for table in found
        if version in VERSIONS.get(table.family, ())
        for chain in table.chains.values()
        for rule in chain.rules
    )

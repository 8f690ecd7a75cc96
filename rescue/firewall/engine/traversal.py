"""One packet's path through one table of one firewall, for all clients at once."""

from __future__ import annotations

from dataclasses import replace

from rescue.firewall.engine.addresses import FEW, AddressSet, Region, union
from rescue.firewall.engine.conditions import Addresses, Answer, Assumed, Condition, Doubt, Limited
from rescue.firewall.engine.interval_sweep import paint
from rescue.firewall.engine.marks import BEFORE_CONNTRACK, Flows, Tags, put, retagged, state_of, translated
from rescue.firewall.engine.packet import TRACKED, Packet
from rescue.firewall.engine.ruleset import CONNTRACK, Action, Chain, Firewall, Rule, Table
from rescue.firewall.engine.state import Journey, Piece, Step, Visit, WorkLimit
from rescue.firewall.engine.verdict import Decision, Stage, VerdictKind
from rescue.model import Location

JUMP = 25
"""The cost of a jump, in rules."""

MERGED = 4
"""How many boundaries of address sets cost as much as one rule, when whole sets are merged or kept."""

RUN = 32
"""The length from which a run of rules is executed at once."""

TOLD = 200
"""How many visits to a chain are recorded one by one, before repeated ones are summarised."""

MAX_DEPTH = 120
"""How many jumps may nest before the ruleset is called too intricate."""

MAX_FLOWS = 64
"""How many combinations of marks are tracked separately."""


_ENDS = {Action.ACCEPT: VerdictKind.ACCEPT, Action.DROP: VerdictKind.DROP, Action.REJECT: VerdictKind.REJECT}

_OF_CONNECTION = frozenset([Action.CONNMARK, Action.SAVE_MARK, Action.RESTORE_MARK])
"""Targets that do nothing to a packet that belongs to no connection."""


class Walk:
    """One packet's path through one table of one firewall."""

    def __init__(self, journey: Journey, firewall: Firewall, table: Table, packet: Packet) -> None:
        self.journey = journey
        self.outcome = journey.outcome
        self.firewall = firewall
        self.table = table
        self.packet = packet
        self.packets: dict[Tags, tuple[Packet, dict[int, Answer]]] = {}
        self.answers: dict[int, Answer] = {}
        self.accepted: Flows = {}
        self.known: dict[tuple[str, Tags, tuple[int, ...], frozenset[str]], tuple[tuple[Tags, AddressSet], ...]] = {}
        self.built_in = ""
        self.begun: Chain | None = None
        self.passed = 0
        self.tracked = True
        self.translated = False
        self.port = packet.port

    def base(self, chain: Chain, flows: Flows) -> Flows:
        """Traverse a built-in chain; returns the flows that this table lets pass."""
        if not chain.rules and chain.policy == "ACCEPT":
            return flows
        self.built_in = chain.name
        self.begun = chain
        self.translated = translated(chain, self.journey.stage)
        self.passed = 0
        self.tracked = not (chain.hook in BEFORE_CONNTRACK and chain.priority < CONNTRACK)
        left = self._chain(chain, flows, ())
        for tags, region in left.items():
            if region:
                self._visit(None, 0, "")
            if chain.policy == "ACCEPT":
                put(self.accepted, tags, region.frozen())
            else:
                self._packet(tags)
                self._record(region.frozen(), VerdictKind.DROP, None, (), "", chain.location)
        return self.accepted

    def _chain(self, chain: Chain, flows: Flows, path: tuple[Rule, ...]) -> Flows:
        """Traverse a chain; returns the flows that reach its end or return."""
        if len(path) > MAX_DEPTH:
            raise WorkLimit
        returned: Flows = {}
        steps = self.journey.steps_of(chain)
        at = look = 0
        while at < len(steps):
            if look <= at <= len(steps) - RUN:
                begun = at
                look = self._run(steps, begun, flows, path)
                if look - begun >= RUN:
                    at = look
                    continue
                look += 1  # no run that starts before the rule that ended this one is any longer
            step = steps[at]
            at += 1
            # A rule may give a flow other marks: the resulting flows are new, and meet only the next rule.
            for tags, region in list(flows.items()):
                if region:
                    self._rule(step, tags, region, flows, returned, path)
            if step.lists:
                self.journey.listed |= step.lists
            if not any(flows.values()):
                break
        for tags, region in flows.items():
            put(returned, tags, region.frozen())
        return returned

    def _run(self, steps: list[Step], begin: int, flows: Flows, path: tuple[Rule, ...]) -> int:
        """Execute a run of at least RUN rules that each decide on one network, all at once; returns the index after
        them.

        Skips shorter runs. The result is the same as for one by one execution (see `paint`), only faster.
        """
        live = [tags for tags, region in flows.items() if region]
        if len(live) != 1 or self.journey.visits is not None:
            return begin
        (tags,) = live
        packet = self._packet(tags)
        rules: list[Rule] = []
        spans: list[tuple[int, int]] = []
        lowest, highest = flows[tags].bounds[0], flows[tags].bounds[-1]
        end = begin
        for end in range(begin, len(steps)):
            span = self._span(steps[end], packet)
            if span is None:
                break
            if span and span[0] < highest and span[1] > lowest:
                rules.append(steps[end].rule)
                spans.append((span[0], span[1]))
        else:
            end = len(steps)
        if end - begin < RUN:
            return end
        self.journey.count(end - begin)
        taken, left = paint(flows[tags].bounds, spans)
        flows[tags].bounds = left
        accepted: list[AddressSet] = []
        for rule, bounds in zip(rules, taken, strict=True):
            if bounds:
                who = AddressSet(packet.version, tuple(bounds))
                kind = _ENDS[rule.target.action]
                if kind is VerdictKind.ACCEPT:
                    accepted.append(who)
                self._record(who, kind, rule, path, "", rule.location)
        put(self.accepted, tags, union(packet.version, accepted))
        return end

    def _span(self, step: Step, packet: Packet) -> tuple[int, ...] | None:
        """The one network that a rule decides on, () if none here; None for any other rule."""
        rule = step.rule
        first = rule.conditions[0] if rule.conditions else None
        if first is None or step.lists or rule.target.action not in _ENDS:
            return None
        if type(first) is not Addresses:
            # A rule for the other IP version applies to nothing here.
            return () if self._answer(first, packet) is False else None
        if (
            first.source is not packet.inward
            or type(first.addresses) is not AddressSet
            or len(first.addresses.bounds) != 2
        ):
            return None
        for condition in rule.conditions[1:]:
            answer = self._answer(condition, packet)
            if answer is False:
                return ()
            if answer is not True:
                return None
        return first.addresses.bounds

    def _answer(self, condition: Condition, packet: Packet) -> Answer:
        """Rules share most of their conditions, which have one answer for one packet."""
        key = id(condition)
        known = self.answers.get(key)
        if known is None:
            known = self.answers[key] = condition.on(packet)
        return known

    def _rule(
        self, step: Step, tags: Tags, region: Region, flows: Flows, returned: Flows, path: tuple[Rule, ...]
    ) -> None:
        self.journey.count(1)
        rule = step.rule
        packet = self._packet(tags)
        answers = self.answers
        who: AddressSet | None = None
        doubts: list[str] = []
        notes: list[str] = []
        self.passed += 1
        for condition in rule.conditions:
            # Rules share most of their conditions, which have one answer for one packet.
            key = id(condition)
            answer = answers[key] if key in answers else answers.setdefault(key, condition.on(packet))
            if answer is True:
                continue
            if answer is False:
                return
            if type(answer) is AddressSet:
                self._weigh(answer, region)
                who = region.common(answer) if who is None else who & answer
                if not who:
                    return
            elif isinstance(answer, Doubt):
                doubts.append(answer.reason)
            elif isinstance(answer, Assumed):
                notes.append(answer.note)
                if type(condition) is Limited and not doubts and (who is None or packet.lone is not None):
                    self.journey.listed |= {condition.name}  # it has one packet less to spend
                if not answer.value:
                    self._note(notes, region.frozen() if who is None else who)
                    return
        if rule.target.action is Action.CONTINUE:
            return
        if who is None:
            who = region.frozen()
        self._weigh(who, region)
        self._note(notes, who)
        if doubts:
            self.journey.count(len(who.bounds) // MERGED)
            self.outcome.doubts.append((who, doubts[0]))
        else:
            region.remove(who)
        self._visit(rule, len(path), doubts[0] if doubts else "")
        self._act(rule, tags, who, doubts[0] if doubts else "", flows, returned, path)

    def _visit(self, rule: Rule | None, depth: int, doubt: str) -> None:
        if self.journey.visits is None or self.begun is None:
            return
        passed = self.passed - (rule is not None)
        stage = self.journey.stage
        self.passed = 0
        visit = Visit(stage, self.firewall, self.table.name, self.begun, depth, rule, passed, doubt)
        self.journey.visits.append(visit)

    def _weigh(self, who: AddressSet, region: Region) -> None:
        """Count the work of cutting `who` out of `region`; small sets cost nothing extra."""
        if len(who.bounds) > FEW:
            self.journey.count((len(who.bounds) + len(region.bounds)) // MERGED)

    def _act(
        self, rule: Rule, tags: Tags, who: AddressSet, doubt: str, flows: Flows, returned: Flows, path: tuple[Rule, ...]
    ) -> None:
        """Apply the rule's target to the packets of `who`; if certain, they are out of their flow already."""
        match rule.target.action:
            case Action.ACCEPT:
                put(self.accepted, tags, who)
                self._record(who, VerdictKind.ACCEPT, rule, path, doubt, rule.location)
            case Action.DROP:
                self._record(who, VerdictKind.DROP, rule, path, doubt, rule.location)
            case Action.REJECT:
                self._record(who, VerdictKind.REJECT, rule, path, doubt, rule.location)
            case Action.DEPENDS:
                reason = doubt or rule.target.reason
                self.outcome.doubts.append((who, reason))
                self._record(who, VerdictKind.DEPENDS, rule, path, reason, rule.location)
            case Action.REDIRECT if not doubt:
                self._redirect(rule, tags, who, path)
            case Action.REDIRECT:
                reason = f"which port the packet is sent on to ({rule.target.name})"
                self.outcome.doubts.append((who, reason))
                self._record(who, VerdictKind.DEPENDS, rule, path, reason, rule.location)
            case Action.RETURN:
                put(returned, tags, who)
            case Action.JUMP | Action.GOTO:
                self.journey.count(JUMP)
                into = returned if rule.target.action is Action.GOTO else flows
                for each, out in self._below(rule, tags, who, path):
                    put(into, each, out)
            case _:
                put(flows, self._retagged(rule, tags), who)
                self._limit_flows(flows)

    def _below(
        self, rule: Rule, tags: Tags, who: AddressSet, path: tuple[Rule, ...]
    ) -> tuple[tuple[Tags, AddressSet], ...]:
        """Traverse the chain that a rule jumps to; returns who leaves it at its end.

        Clients that come again the same way get the same result: the chain's verdicts are recorded already. Otherwise
        chains that each jump to the next one several times would be traversed thousands of times.
        """
        key = (rule.target.name, tags, who.bounds, self.journey.listed)
        visits = self.journey.visits
        if key in self.known and (visits is None or len(visits) > TOLD):
            return self.known[key]
        below = self._chain(self.table.chains[rule.target.name], {tags: Region(who)}, (*path, rule))
        found = tuple((each, region.frozen()) for each, region in below.items())
        self.known[key] = found
        return found

    def _redirect(self, rule: Rule, tags: Tags, who: AddressSet, path: tuple[Rule, ...]) -> None:
        """Redirect the connection to another port of the server; no other nat rule is evaluated at this hook."""
        port = rule.target.value
        if port and port != self.packet.port:
            tags = replace(tags, port=port)
            known = self.outcome.sent_on.get(port)
            self.outcome.sent_on[port] = who if known is None else union(who.version, (known, who))
        put(self.accepted, tags, who)
        self._record(who, VerdictKind.ACCEPT, rule, path, "", rule.location)

    def _record(
        self,
        who: AddressSet,
        kind: VerdictKind,
        rule: Rule | None,
        path: tuple[Rule, ...],
        doubt: str,
        location: Location,
    ) -> None:
        stage = self.journey.stage
        self.journey.count(len(who.bounds) // MERGED)
        if kind is not VerdictKind.ACCEPT and stage is Stage.REFUSAL:
            return  # the rejection is lost; evaluate._silence determines the effect
        how = rule.target.how if rule is not None and kind is VerdictKind.REJECT else ""
        if kind is VerdictKind.REJECT and stage is Stage.REPLY:
            kind, how = VerdictKind.DROP, ""  # a rejection of the server's own answer goes to the server
        whole = (*path, rule) if rule is not None else ()
        name = self.table.name
        decision = Decision(self.firewall, name, self.built_in, kind, stage, location, rule, whole, how, self.port)
        self.outcome.pieces.append(Piece(who, decision, doubt))

    def _note(self, notes: list[str], who: AddressSet) -> None:
        for note in notes:
            self.journey.count(len(who.bounds) // MERGED)
            self.outcome.assumed.setdefault(note, []).append(who)

    def _packet(self, tags: Tags) -> Packet:
        listed = self.journey.listed
        known = self.packets.get(tags)
        if known is None or known[0].listed is not listed:
            state = self.packet.state or state_of(tags, self.journey.stage, self.tracked)
            if state == "UNTRACKED" and not self.tracked:
                state = "INVALID"  # that conntrack does not track it is found out later
            packet = replace(self.packet, state=state, mark=tags.mark, connmark=tags.connmark, listed=listed)
            if tags.port is not None:
                here = tags.port if self.translated else packet.port
                packet = replace(packet, port=here, asked=packet.port, answering=tags.port)
            known = self.packets[tags] = (packet, {})
        packet, self.answers = known
        self.port = packet.port
        return packet

    def _retagged(self, rule: Rule, tags: Tags) -> Tags:
        if rule.target.action in _OF_CONNECTION and self._packet(tags).state not in TRACKED:
            return tags
        return retagged(rule.target, tags)

    def _limit_flows(self, flows: Flows) -> None:
        """Forget marks if there are too many combinations: rules that match on them are in doubt then."""
        if len(flows) <= MAX_FLOWS:
            return
        for tags in list(flows):
            if tags.mark is not None or tags.connmark is not None:
                region = flows.pop(tags)
                put(flows, replace(tags, mark=None, connmark=None), region.frozen())

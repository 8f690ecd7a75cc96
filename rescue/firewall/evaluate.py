"""What the kernel does with an SSH connection, for all clients at once.

One pass over the rules carries the set of clients whose packet may be here. A rule that certainly applies to some of
them takes these out; one that applies perhaps (see `Doubt`) speaks its verdict on them and leaves them in. So each
verdict collects the clients on which it is possible, and it is certain for those for whom no other is possible.

The whole handshake is followed: the client's first packet in state NEW, the server's answer on its way out, the
client's next packets in state ESTABLISHED; and if the first packet is refused, the refusal on its way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rescue.firewall.addresses import AddressSet, Region, union
from rescue.firewall.conditions import Assumed, Doubt, Flags, RecentSet
from rescue.firewall.icmp import TCP_RESET, UNREACHABLE
from rescue.firewall.packet import ICMP, Packet
from rescue.firewall.ruleset import Action, Chain, Firewall, Rule, Table
from rescue.firewall.verdict import Decision, Kind, Stage
from rescue.model import Location

INWARD = (
    ("raw", "PREROUTING"),
    ("mangle", "PREROUTING"),
    ("nat", "PREROUTING"),
    ("mangle", "INPUT"),
    ("filter", "INPUT"),
    ("security", "INPUT"),
    ("nat", "INPUT"),
)
OUTWARD = (
    ("raw", "OUTPUT"),
    ("mangle", "OUTPUT"),
    ("filter", "OUTPUT"),
    ("security", "OUTPUT"),
    ("mangle", "POSTROUTING"),
)
"""The tables and chains that a packet to the server, or from it, passes, in order (by priority, then by hook)."""

MAX_VISITS = 1_500_000
"""How many rules are looked at before the ruleset is called too intricate: a rule counts each time it is reached."""

MAX_DEPTH = 120
"""How many jumps may nest before the ruleset is called too intricate."""

MAX_FLOWS = 64
"""How many combinations of marks are told apart."""

INTRICATE = "rules that are too intricate to follow"


@dataclass(frozen=True, slots=True)
class Tags:
    """What rules have put on a packet and its connection. untracked: taken out of conntrack; first: the SYN was."""

    mark: int | None = 0
    connmark: int | None = 0
    untracked: bool = False
    first_untracked: bool = False


Flows = dict[Tags, Region]


@dataclass(frozen=True, slots=True)
class Piece:
    """Clients on which a verdict is possible, and what speaks it. doubt: why it is not certain."""

    addresses: AddressSet
    decision: Decision
    doubt: str = ""


@dataclass(slots=True)
class Outcome:
    """What is possible for whom. `passed`: the clients for whom the whole connection may be accepted."""

    version: int
    universe: AddressSet
    pieces: list[Piece] = field(default_factory=list)
    passed: AddressSet = field(init=False)
    assumed: dict[str, list[AddressSet]] = field(default_factory=dict)
    doubts: list[tuple[AddressSet, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.passed = AddressSet.nothing(self.version)

    def possible(self, kind: Kind) -> AddressSet:
        """The clients for whom `kind` is possible."""
        if kind is Kind.ACCEPT:
            return self.passed
        return union(self.version, (piece.addresses for piece in self.pieces if piece.decision.kind is kind))


class TooIntricate(Exception):
    """More rules would have to be looked at than is reasonable."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A rule as the walk needs it."""

    rule: Rule
    lists: frozenset[str]


class Evaluation:
    """One question asked of all firewalls. `packet` says what is known of the connection."""

    def __init__(self, firewalls: Sequence[Firewall], packet: Packet, universe: AddressSet) -> None:
        self.firewalls = firewalls
        self.packet = packet
        self.universe = universe
        self.outcome = Outcome(packet.version, universe)
        self.visits = 0
        self.listed: frozenset[str] = frozenset()
        self.steps: dict[int, list[_Step]] = {}
        self.stage = Stage.SYN

    def run(self) -> Outcome:
        """The outcome; where the rules are too intricate, everything depends on them."""
        try:
            self._connect()
        except TooIntricate:
            self._give_up()
        return self.outcome

    def _give_up(self) -> None:
        firewall = self.firewalls[0]
        decision = Decision(firewall, "filter", "INPUT", Kind.DEPENDS, self.stage, firewall.location)
        self.outcome.pieces.append(Piece(self.universe, decision, INTRICATE))
        self.outcome.doubts.append((self.universe, INTRICATE))

    def _connect(self) -> None:
        flows: Flows = {Tags(): Region(self.universe)}
        flows = self._pass(flows, Stage.SYN, INWARD, {"SYN"})
        self._refuse()
        rounds = [({"SYN", "ACK"}, {"ACK"})]
        if any(_looks_at_flags(firewall, self.packet.version) for firewall in self.firewalls):
            rounds += [({"ACK"}, {"ACK", "PSH"}), ({"ACK", "PSH"}, {"ACK"})]
        for outward, inward in rounds:
            flows = self._pass(_next(flows, inward=False), Stage.REPLY, OUTWARD, outward)
            flows = self._pass(_next(flows, inward=True), Stage.DATA, INWARD, inward)
        self.outcome.passed = union(self.packet.version, (region.frozen() for region in flows.values()))

    def _pass(self, flows: Flows, stage: Stage, hooks: Iterable[tuple[str, str]], flags: set[str]) -> Flows:
        self.stage = stage
        inward = hooks is INWARD
        packet = replace(self.packet, inward=inward, flags=frozenset(flags))
        return self._through(flows, packet, hooks)

    def _through(self, flows: Flows, packet: Packet, hooks: Iterable[tuple[str, str]]) -> Flows:
        for table, chain in hooks:
            if table == "nat" and self.stage is not Stage.SYN:
                continue  # only the first packet of a connection meets the nat table
            for firewall in self.firewalls:
                held = firewall.ruleset(packet.version).tables.get(table)
                if held is not None and flows:
                    flows = _Walk(self, firewall, held, packet).base(held.chains[chain], flows)
        return flows

    def _refuse(self) -> None:
        """Follow the refusals of the first packet out of the server; what is dropped on the way was silence."""
        refusals: dict[str, list[Piece]] = {}
        for piece in self.outcome.pieces:
            if piece.decision.kind is Kind.REJECT:
                refusals.setdefault(piece.decision.how, []).append(piece)
        for how, pieces in refusals.items():
            sent = union(self.packet.version, (piece.addresses for piece in pieces))
            arrived = self._send_refusal(how, sent)
            lost = sent - arrived
            if lost:
                self._silence(pieces, lost)

    def _send_refusal(self, how: str, sent: AddressSet) -> AddressSet:
        """For which clients the refusal may get out."""
        self.stage = Stage.REFUSAL
        version = self.packet.version
        common = replace(self.packet, inward=False, state="RELATED")
        if how == TCP_RESET:
            packet = replace(common, flags=frozenset(["RST", "ACK"]))
        else:
            packet = replace(common, protocol=ICMP[version], icmp=UNREACHABLE[version].get(how, (3, 3)))
        flows = self._through({Tags(): Region(sent)}, packet, OUTWARD)
        return union(version, (region.frozen() for region in flows.values()))

    def _silence(self, pieces: list[Piece], lost: AddressSet) -> None:
        for piece in pieces:
            self.outcome.pieces.remove(piece)
            heard, silent = piece.addresses - lost, piece.addresses & lost
            if heard:
                self.outcome.pieces.append(replace(piece, addresses=heard))
            if silent:
                decision = replace(piece.decision, kind=Kind.DROP, how="")
                self.outcome.pieces.append(Piece(silent, decision, piece.doubt))

    # -- what a walk reports -----------------------------------------------------------------------------------------

    def visit(self, count: int) -> None:
        self.visits += count
        if self.visits > MAX_VISITS:
            raise TooIntricate

    def steps_of(self, chain: Chain) -> list[_Step]:
        """The rules of a chain that can make a difference: not those that only count or log."""
        key = id(chain)
        if key not in self.steps:
            found = []
            for rule in chain.rules:
                lists = frozenset(each.name for each in rule.conditions if isinstance(each, RecentSet))
                if lists or rule.target.action is not Action.CONTINUE:
                    found.append(_Step(rule, lists))
            self.steps[key] = found
        return self.steps[key]


class _Walk:
    """One packet's way through one table of one firewall."""

    def __init__(self, evaluation: Evaluation, firewall: Firewall, table: Table, packet: Packet) -> None:
        self.evaluation = evaluation
        self.outcome = evaluation.outcome
        self.firewall = firewall
        self.table = table
        self.packet = packet
        self.packets: dict[Tags, Packet] = {}
        self.accepted: Flows = {}
        self.built_in = ""

    def base(self, chain: Chain, flows: Flows) -> Flows:
        """Walk a built-in chain; what comes out is the flows that this table lets pass."""
        if not chain.rules and chain.policy == "ACCEPT":
            return flows
        self.built_in = chain.name
        left = self._chain(chain, flows, ())
        for tags, region in left.items():
            if chain.policy == "ACCEPT":
                _put(self.accepted, tags, region.frozen())
            else:
                self._record(region.frozen(), Kind.DROP, None, (), "", chain.location)
        return self.accepted

    def _chain(self, chain: Chain, flows: Flows, path: tuple[Rule, ...]) -> Flows:
        """Walk a chain; what comes out is the flows that run off its end or return."""
        if len(path) > MAX_DEPTH:
            raise TooIntricate
        returned: Flows = {}
        steps = self.evaluation.steps_of(chain)
        for step in steps:
            self.evaluation.visit(1)
            # A rule may give a flow other marks: the flows that come of it are new, and meet the next rule only.
            for tags, region in list(flows.items()):
                if region:
                    self._rule(step, tags, region, flows, returned, path)
            if step.lists:
                self.evaluation.listed |= step.lists
            if not any(flows.values()):
                break
        for tags, region in flows.items():
            _put(returned, tags, region.frozen())
        return returned

    def _rule(
        self, step: _Step, tags: Tags, region: Region, flows: Flows, returned: Flows, path: tuple[Rule, ...]
    ) -> None:
        rule = step.rule
        packet = self._packet(tags)
        who: AddressSet | None = None
        doubts: list[str] = []
        notes: list[str] = []
        for condition in rule.conditions:
            answer = condition.on(packet)
            if answer is True:
                continue
            if answer is False:
                return
            if type(answer) is AddressSet:
                who = region.common(answer) if who is None else who & answer
                if not who:
                    return
            elif isinstance(answer, Doubt):
                doubts.append(answer.reason)
            elif isinstance(answer, Assumed):
                notes.append(answer.note)
                if not answer.value:
                    self._note(notes, region.frozen() if who is None else who)
                    return
        if rule.target.action is Action.CONTINUE:
            return
        if who is None:
            who = region.frozen()
        self._note(notes, who)
        if doubts:
            self.outcome.doubts.append((who, doubts[0]))
        else:
            region.remove(who)
        self._act(rule, tags, who, doubts[0] if doubts else "", flows, returned, path)

    def _act(
        self, rule: Rule, tags: Tags, who: AddressSet, doubt: str, flows: Flows, returned: Flows, path: tuple[Rule, ...]
    ) -> None:
        """Do what the rule's target says with the packets of `who`; if certain, they are out of their flow already."""
        match rule.target.action:
            case Action.ACCEPT:
                _put(self.accepted, tags, who)
                self._record(who, Kind.ACCEPT, rule, path, doubt, rule.location)
            case Action.DROP:
                self._record(who, Kind.DROP, rule, path, doubt, rule.location)
            case Action.REJECT:
                self._record(who, Kind.REJECT, rule, path, doubt, rule.location)
            case Action.DEPENDS:
                reason = doubt or rule.target.reason
                self.outcome.doubts.append((who, reason))
                self._record(who, Kind.DEPENDS, rule, path, reason, rule.location)
            case Action.RETURN:
                _put(returned, tags, who)
            case Action.JUMP | Action.GOTO:
                below = self._chain(self.table.chains[rule.target.name], {tags: Region(who)}, (*path, rule))
                into = returned if rule.target.action is Action.GOTO else flows
                for each, region in below.items():
                    _put(into, each, region.frozen())
            case _:
                _put(flows, self._retagged(rule, tags), who)
                self._limit_flows(flows)

    def _record(
        self,
        who: AddressSet,
        kind: Kind,
        rule: Rule | None,
        path: tuple[Rule, ...],
        doubt: str,
        location: Location,
    ) -> None:
        stage = self.evaluation.stage
        if kind is not Kind.ACCEPT and stage is Stage.REFUSAL:
            return  # the refusal is lost; Evaluation._silence says what that makes of it
        how = rule.target.how if rule is not None and kind is Kind.REJECT else ""
        if kind is Kind.REJECT and stage is Stage.REPLY:
            kind, how = Kind.DROP, ""  # what refuses the server's own answer is sent to the server
        whole = (*path, rule) if rule is not None else ()
        decision = Decision(self.firewall, self.table.name, self.built_in, kind, stage, location, rule, whole, how)
        self.outcome.pieces.append(Piece(who, decision, doubt))

    def _note(self, notes: list[str], who: AddressSet) -> None:
        for note in notes:
            self.outcome.assumed.setdefault(note, []).append(who)

    def _packet(self, tags: Tags) -> Packet:
        listed = self.evaluation.listed
        packet = self.packets.get(tags)
        if packet is None or packet.listed is not listed:
            state = self.packet.state or _state(tags, self.evaluation.stage, self.table.name)
            packet = replace(self.packet, state=state, mark=tags.mark, connmark=tags.connmark, listed=listed)
            self.packets[tags] = packet
        return packet

    def _retagged(self, rule: Rule, tags: Tags) -> Tags:
        target = rule.target
        match target.action:
            case Action.MARK:
                return replace(tags, mark=_changed(tags.mark, target.value, target.mask))
            case Action.CONNMARK:
                return replace(tags, connmark=_changed(tags.connmark, target.value, target.mask))
            case Action.SAVE_MARK:
                return replace(tags, connmark=_changed(tags.connmark, _masked(tags.mark, target.value), target.mask))
            case Action.RESTORE_MARK:
                taken = _masked(tags.connmark, target.mask)
                return replace(tags, mark=_changed(tags.mark, taken, target.value or 0))
            case Action.UNTRACK:
                first = tags.first_untracked or self.evaluation.stage is Stage.SYN
                return replace(tags, untracked=True, first_untracked=first)
        return tags

    def _limit_flows(self, flows: Flows) -> None:
        """Where there are too many marks to tell apart, forget them: rules that ask for them are in doubt then."""
        if len(flows) <= MAX_FLOWS:
            return
        for tags in list(flows):
            if tags.mark is not None or tags.connmark is not None:
                region = flows.pop(tags)
                _put(flows, replace(tags, mark=None, connmark=None), region.frozen())


def _put(flows: Flows, tags: Tags, who: AddressSet) -> None:
    if not who:
        return
    region = flows.get(tags)
    if region is None:
        flows[tags] = Region(who)
    else:
        region.add(who)


def _next(flows: Flows, *, inward: bool) -> Flows:
    """The flows as the next packet of the connection begins them: only the connection's own mark stays."""
    made: Flows = {}
    for tags, region in flows.items():
        if region:
            _put(made, Tags(0, tags.connmark, False, tags.first_untracked), region.frozen())
    return made


def _state(tags: Tags, stage: Stage, table: str) -> str:
    """What conntrack calls the packet (nf_conntrack_tcp_packet(); xt_conntrack.c where it has not seen it yet)."""
    if table == "raw":
        return "INVALID"
    if tags.untracked:
        return "UNTRACKED"
    if stage is Stage.SYN:
        return "NEW"
    # An answer to a packet that conntrack was told to overlook belongs to no connection that it knows.
    return "INVALID" if tags.first_untracked else "ESTABLISHED"


def _changed(mark: int | None, value: int | None, mask: int) -> int | None:
    if value is None:
        return None
    if mask == 0xFFFFFFFF:
        return value
    return None if mark is None else (mark & ~mask) ^ value


def _masked(mark: int | None, mask: int | None) -> int | None:
    return None if mark is None or mask is None else mark & mask


def _looks_at_flags(firewall: Firewall, version: int) -> bool:
    """Whether a rule asks for TCP flags in another way than ``--syn``."""
    plain = frozenset(["SYN", "RST", "ACK", "FIN"])
    return any(
        isinstance(condition, Flags) and condition.mask != plain
        for _, rule in firewall.ruleset(version).rules()
        for condition in rule.conditions
    )


def assumptions(outcome: Outcome, address: int) -> Iterator[str]:
    """What was taken for granted on the way to the verdict on `address`."""
    notes: Mapping[str, list[AddressSet]] = outcome.assumed
    return (note for note, sets in notes.items() if any(address in each for each in sets))

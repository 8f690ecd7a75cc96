"""Who may open a TCP connection to a port, through every loaded firewall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from rescue.firewall.engine.addresses import Address, AddressSet, ordinary, union
from rescue.firewall.engine.conditions import Interface, parts_of
from rescue.firewall.engine.evaluate import Evaluation, assumptions
from rescue.firewall.engine.packet import TCP, Packet, assumed_interface
from rescue.firewall.engine.ruleset import Firewall
from rescue.firewall.engine.state import Outcome
from rescue.firewall.engine.verdict import Decision, Stage, Verdict, VerdictKind
from rescue.tree import Tree

ORDER = {stage: at for at, stage in enumerate((Stage.NEIGHBOUR, Stage.SYN, Stage.REFUSAL, Stage.REPLY, Stage.DATA))}
"""The order in which the packets come."""


class Reach:
    """The answer for all sources: `accepted`, `dropped`, `rejected` and `depends` partition the ordinary ones.

    Ordinary sources are those that the kernel itself accepts on a network interface (see `addresses.ordinary`).
    Computed on first access; the verdict on one address is computed separately, and so is exact where a set would not
    be.
    """

    def __init__(
        self,
        firewalls: Iterable[Firewall],
        port: int,
        version: int,
        interface: str | None = None,
        server: Address | None = None,
        discovery: bool = False,
    ) -> None:
        self.firewalls = tuple(firewalls)
        self.port = port
        self.version = version
        self.server = server
        self.discovery = discovery and version == 6
        self.told_interface = interface
        self._single: dict[int, tuple[Outcome, Verdict]] = {}

    @cached_property
    def interface(self) -> str | None:
        """The interface that the connection comes in by: as given, else the only external one that rules name."""
        if self.told_interface is not None:
            return self.told_interface
        names = {
            condition.name
            for firewall in self.firewalls
            for ruleset in firewall.rulesets.values()
            for condition in parts_of(ruleset.conditions)
            if isinstance(condition, Interface)
        }
        return assumed_interface(frozenset(names))

    def _evaluate(self, universe: AddressSet, lone: int | None = None) -> Outcome:
        return Evaluation(self.firewalls, self.packet(lone), universe, discovery=self.discovery).run()

    def packet(self, lone: int | None = None) -> Packet:
        """What is known of the connection. lone: the client's address, if only one is in question."""
        own = next((each.own[self.version] for each in self.firewalls if self.version in each.own), None)
        return Packet(
            self.version, True, TCP, self.port, server=self.server, interface=self.interface, lone=lone,
            own=own if self.server is None else None,
        )  # fmt: skip

    @cached_property
    def outcome(self) -> Outcome:
        """Possible verdicts per source, with the rules that give them."""
        return self._evaluate(ordinary(self.version))

    @cached_property
    def sent_on(self) -> Mapping[int, AddressSet]:
        """Who is redirected to another port of the server, by that port (REDIRECT)."""
        return self.outcome.sent_on

    def port_for(self, sources: Iterable[Address]) -> int:
        """The server's port at which connections arrive: for the first of `sources`, or (if there are none) for
        most."""
        for source in sources:
            if source.version == self.version:
                for port, who in self._outcome_for(source).sent_on.items():
                    if who:
                        return port
                return self.port
        whole = ordinary(self.version).count
        return next((port for port, who in self.sent_on.items() if 2 * who.count >= whole), self.port)

    @cached_property
    def _possible(self) -> Mapping[VerdictKind, AddressSet]:
        return {kind: self.outcome.possible(kind) for kind in VerdictKind}

    def _only(self, kind: VerdictKind) -> AddressSet:
        others = union(self.version, (found for each, found in self._possible.items() if each is not kind))
        return self._possible[kind] - others

    @cached_property
    def accepted(self) -> AddressSet:
        """The sources that certainly get through."""
        return self._only(VerdictKind.ACCEPT)

    @cached_property
    def dropped(self) -> AddressSet:
        """The sources whose packets are certainly dropped."""
        return self._only(VerdictKind.DROP)

    @cached_property
    def rejected(self) -> AddressSet:
        """The sources that are certainly rejected with an answer."""
        return self._only(VerdictKind.REJECT)

    @cached_property
    def depends(self) -> AddressSet:
        """The sources whose verdict depends on more than the disk."""
        certain = union(self.version, (self.accepted, self.dropped, self.rejected))
        return ordinary(self.version) - certain

    @cached_property
    def blocked(self) -> AddressSet:
        """The sources that are certainly blocked, dropped or rejected."""
        return ordinary(self.version) - self._possible[VerdictKind.ACCEPT] - self._possible[VerdictKind.DEPENDS]

    @property
    def open(self) -> bool:
        """Whether every ordinary source is accepted: no firewall blocks."""
        return self.accepted == ordinary(self.version)

    def verdict_for(self, address: Address) -> Verdict:
        """The verdict on one source. ValueError for the other IP version."""
        return self._judged(address)[1]

    def _outcome_for(self, address: Address) -> Outcome:
        return self._judged(address)[0]

    def _judged(self, address: Address) -> tuple[Outcome, Verdict]:
        if address.version != self.version:
            raise ValueError(f"{address} is not an IPv{self.version} address")
        value = int(address)
        if value not in self._single:
            outcome = self._evaluate(AddressSet.of(address), value)
            self._single[value] = (outcome, _verdict(outcome, value, self.taken_for_granted))
        return self._single[value]

    def deciding(self, address: Address) -> tuple[Decision, ...]:
        """The rules and policies that decide on one source, in the order in which its packets meet them."""
        return self.verdict_for(address).decisions

    def verdict(self, sources: AddressSet) -> Verdict:
        """The verdict on most of `sources`: that on the largest part with the same deciding rule."""
        outcome = self.outcome
        blocking = [piece for piece in outcome.pieces if piece.decision.kind is not VerdictKind.ACCEPT]
        parts = [piece.addresses & sources for piece in blocking]
        sizes = [(part.count, -ORDER[piece.decision.stage]) for part, piece in zip(parts, blocking, strict=True)]
        passed = (outcome.passed & sources).count
        if not parts or passed > max(sizes)[0]:
            return Verdict(VerdictKind.ACCEPT)
        part = parts[sizes.index(max(sizes))]
        address = part.first or sources.first
        return self.verdict_for(address) if address is not None else Verdict(VerdictKind.ACCEPT)

    @property
    def taken_for_granted(self) -> tuple[str, ...]:
        """The assumption made about the interface, as text."""
        if self.told_interface is not None or self.interface is None:
            return ()
        return (f"your connection arrives on {self.interface}, the only outside interface that the rules name",)


def reach(
    firewalls: Iterable[Firewall],
    port: int,
    version: int = 4,
    *,
    interface: str | None = None,
    server: Address | None = None,
    discovery: bool = False,
) -> Reach:
    """Who may open a TCP connection to `port` over IPv4 or IPv6 (`version`).

    All of `firewalls` must accept a packet. `interface` and `server` are the network interface and the address that the
    connection comes to, if known. discovery: over IPv6, also check whether the server can be found at all: its gateway,
    or a neighbour, asks for its hardware address first.
    """
    return Reach(firewalls, port, version, interface, server, discovery)


def reached(
    tree: Tree,
    firewalls: Iterable[Firewall],
    port: int,
    version: int = 4,
    *,
    interface: str | None = None,
    discovery: bool = False,
) -> Reach:
    """`reach`, cached for the firewalls that `tree` loads: thousands of rules take time."""
    asked = tuple(firewalls)
    discovery = discovery and version == 6
    # The answer holds the firewalls, so that no other object can get their id while it is cached.
    key = (reached, *map(id, asked), port, version, interface, discovery)
    return tree.kept(key, lambda: Reach(asked, port, version, interface, None, discovery))


def _verdict(outcome: Outcome, address: int, assumed: tuple[str, ...]) -> Verdict:
    pieces = [piece for piece in outcome.pieces if address in piece.addresses]
    passed = address in outcome.passed
    blocking = [piece for piece in pieces if piece.decision.kind is not VerdictKind.ACCEPT]
    blocking.sort(key=lambda piece: ORDER[piece.decision.stage])
    notes = (*assumed, *assumptions(outcome, address))
    if not blocking:
        return Verdict(VerdictKind.ACCEPT, assumed=notes, decisions=tuple(piece.decision for piece in pieces))
    first = blocking[0].decision
    kinds = {(piece.decision.kind, piece.decision.how) for piece in blocking}
    decisions = tuple(piece.decision for piece in blocking)
    closed = not passed and all(kind is not VerdictKind.DEPENDS for kind, _ in kinds)
    if passed or len(kinds) > 1 or first.kind is VerdictKind.DEPENDS:
        reasons = list(dict.fromkeys(reason for who, reason in outcome.doubts if address in who))
        reason = ", ".join(reasons[:3])
        return Verdict(VerdictKind.DEPENDS, "", first.stage, reason, closed, notes, decisions)
    return Verdict(first.kind, first.how, first.stage, closed=True, assumed=notes, decisions=decisions)

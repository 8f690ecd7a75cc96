"""What the kernel does with an SSH connection, for all clients at once.

One pass over the rules carries the set of clients whose packet may be here. A rule that certainly applies to some of
them removes these; one that only may apply (see `Doubt`) records its verdict for them and leaves them in. So each
verdict collects the clients for which it is possible, and it is certain for those with no other possible verdict.

The whole handshake is followed: the client's first packet in state NEW, the server's answer on its way out, the
client's next packets in state ESTABLISHED; and if the first packet is rejected, the rejection on its way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv6Address

from rescue.firewall.engine.addresses import AddressSet, Region, union
from rescue.firewall.engine.conditions import Flags, parts_of
from rescue.firewall.engine.icmp import TCP_RESET, UNREACHABLE
from rescue.firewall.engine.marks import Flows, Tags, put
from rescue.firewall.engine.packet import ICMP, Packet
from rescue.firewall.engine.ruleset import Chain, Firewall, Hook, Table
from rescue.firewall.engine.state import Journey, Outcome, Piece, WorkLimit
from rescue.firewall.engine.traversal import Walk
from rescue.firewall.engine.verdict import Decision, Stage, VerdictKind

INWARD = (Hook.INGRESS, Hook.PREROUTING, Hook.INPUT)
OUTWARD = (Hook.OUTPUT, Hook.POSTROUTING, Hook.EGRESS)
"""The hooks that a packet to the server, or from it, passes, in order."""

SOLICITATION, ADVERTISEMENT = (135, 0), (136, 0)
"""ICMPv6 type and code of neighbour solicitation and advertisement (RFC 4861)."""

ALL_NODES = IPv6Address("ff02::1")
"""An example of the server's solicited-node multicast group, ff02::1:ff00:0/104 plus the end of its address."""

INTRICATE = "rules that are too intricate to follow"
PICKED_UP = "whether conntrack takes packets in the middle of a connection for a new one"


class Evaluation:
    """One question asked of all firewalls. `packet` describes what is known of the connection."""

    def __init__(
        self, firewalls: Sequence[Firewall], packet: Packet, universe: AddressSet, *, discovery: bool = False
    ) -> None:
        self.firewalls = firewalls
        self.packet = packet
        self.universe = universe
        self.discovery = discovery
        self.outcome = Outcome(packet.version, universe)
        self.journey = Journey(self.outcome)
        self.tracking = any(firewall.ruleset(packet.version).tracking for firewall in firewalls)
        self.chains: dict[Hook, list[tuple[Firewall, Table, Chain]]] = {}

    def run(self) -> Outcome:
        """The outcome; if the rules are too intricate, every verdict is DEPENDS."""
        try:
            self._connect()
        except WorkLimit:
            self._give_up()
        return self.outcome

    def _give_up(self) -> None:
        firewall = self.firewalls[0]
        decision = Decision(firewall, "filter", "INPUT", VerdictKind.DEPENDS, self.journey.stage, firewall.location)
        self.outcome.pieces[:] = [Piece(self.universe, decision, INTRICATE)]
        self.outcome.doubts[:] = [(self.universe, INTRICATE)]
        self.outcome.assumed.clear()

    def _connect(self) -> None:
        if self.discovery and (decision := self._undiscovered()) is not None:
            self.outcome.pieces.append(Piece(self.universe, decision))
            return
        flows: Flows = {Tags(): Region(self.universe)}
        flows = self._pass(flows, Stage.SYN, INWARD, {"SYN"})
        self._refuse()
        rounds = [({"SYN", "ACK"}, {"ACK"})]
        if any(_looks_at_flags(firewall, self.packet.version) for firewall in self.firewalls):
            # A lost pure ACK does no harm: both sides send data next, and acknowledge with it.
            rounds = [({"SYN", "ACK"}, {"ACK", "PSH"}), ({"ACK", "PSH"}, {"ACK", "PSH"})]
        flows = {replace(tags, unborn=tags.untracked): region for tags, region in flows.items()}
        for outward, inward in rounds:
            flows = self._pass(_next(flows), Stage.REPLY, OUTWARD, outward)
            flows = self._pass(_next(flows), Stage.DATA, INWARD, inward)
        if unborn := {tags: region for tags, region in flows.items() if tags.unborn}:
            self._pick_up(unborn)
        self.outcome.passed = union(self.packet.version, (region.frozen() for region in flows.values()))

    def _pick_up(self, unborn: Flows) -> None:
        """Doubt the connections whose later packets a rule may drop as new ones.

        Where conntrack has not seen the first packet, data may begin a connection in the middle (tcp_new() in
        nf_conntrack_proto_tcp.c, net.netfilter.nf_conntrack_tcp_loose). Of the same rules, the kernel does so at one
        time and not at another.
        """
        one = Evaluation(self.firewalls, self.packet, self.universe)
        one.journey.visits = self.journey.visits
        passing = one._pass(_next(unborn, picked_up=True), Stage.REPLY, OUTWARD, {"ACK", "PSH"})
        self.journey.count(one.journey.work)
        arrived = union(self.packet.version, (region.frozen() for region in passing.values()))
        for piece in one.outcome.pieces:
            if piece.decision.kind is not VerdictKind.ACCEPT and (lost := piece.addresses - arrived):
                self.outcome.doubts.append((lost, PICKED_UP))
                decision = replace(piece.decision, kind=VerdictKind.DEPENDS)
                self.outcome.pieces.append(Piece(lost, decision, PICKED_UP))

    def _undiscovered(self) -> Decision | None:
        """What certainly blocks the gateway's neighbour solicitation to the server, or the server's answer.

        conntrack does not track these messages (nf_conntrack_icmpv6_error() in the kernel).
        """
        router = AddressSet.network("fe80::1")
        asked = replace(self.packet, protocol=ICMP[6], icmp=SOLICITATION, state="UNTRACKED", lone=router.bounds[0],
                        server=ALL_NODES, hops=255, group=True)  # fmt: skip
        answer = replace(asked, inward=False, icmp=ADVERTISEMENT, server=self.packet.server, group=False)
        for packet, hooks in ((asked, INWARD), (answer, OUTWARD)):
            one = Evaluation(self.firewalls, self.packet, router)
            one.journey.stage, one.journey.visits = Stage.NEIGHBOUR, self.journey.visits
            flows = one._through({Tags(): Region(router)}, packet, hooks)
            self.journey.count(one.journey.work)
            blocking = [each.decision for each in one.outcome.pieces if each.decision.kind is not VerdictKind.ACCEPT]
            if not any(flows.values()) and blocking:
                return blocking[0]
            if one.outcome.assumed or one.outcome.doubts or blocking:
                self.outcome.found_perhaps = True
        return None

    def _pass(self, flows: Flows, stage: Stage, hooks: tuple[Hook, ...], flags: set[str]) -> Flows:
        self.journey.stage = stage
        inward = hooks is INWARD
        packet = replace(self.packet, inward=inward, flags=frozenset(flags))
        return self._through(flows, packet, hooks)

    def _through(self, flows: Flows, packet: Packet, hooks: Iterable[Hook]) -> Flows:
        for hook in hooks:
            for firewall, table, chain in self._chains_at(hook):
                if flows and self._meets(chain, packet):
                    passing = {tags: flows.pop(tags) for tags in list(flows) if _passes_by(chain, tags)}
                    flows = Walk(self.journey, firewall, table, packet).base(chain, flows)
                    for tags, region in passing.items():
                        put(flows, tags, region.frozen())
        return flows

    def _chains_at(self, hook: Hook) -> list[tuple[Firewall, Table, Chain]]:
        """The chains of all firewalls at a hook, by priority; of equal ones the last loaded comes first.

        nf_hook_entries_grow() in net/netfilter/core.c puts a new one before those with the same priority.
        """
        if hook not in self.chains:
            found = [
                (firewall, table, chain)
                for firewall in self.firewalls
                for table, chain in firewall.ruleset(self.packet.version).base_chains(hook)
            ]
            found.reverse()
            self.chains[hook] = sorted(found, key=lambda each: each[2].priority)
        return self.chains[hook]

    def _meets(self, chain: Chain, packet: Packet) -> bool:
        if chain.nat and (self.journey.stage is not Stage.SYN or not self.tracking):
            return False  # only the first packet of a tracked connection meets it
        return not chain.devices or packet.interface is None or packet.interface in chain.devices

    def _refuse(self) -> None:
        """Follow the rejections of the first packet out of the server; one dropped on the way is silence."""
        refusals: dict[tuple[str, int], list[Piece]] = {}
        for piece in self.outcome.pieces:
            if piece.decision.kind is VerdictKind.REJECT:
                refusals.setdefault((piece.decision.how, piece.decision.port), []).append(piece)
        for (how, port), pieces in refusals.items():
            sent = union(self.packet.version, (piece.addresses for piece in pieces))
            arrived = self._send_refusal(how, port, sent)
            lost = sent - arrived
            if lost:
                self._silence(pieces, lost)

    def _send_refusal(self, how: str, port: int, sent: AddressSet) -> AddressSet:
        """The clients for which the rejection of a packet to the server's `port` may get out."""
        self.journey.stage = Stage.REFUSAL
        version = self.packet.version
        common = replace(self.packet, inward=False, state="RELATED")
        if how == TCP_RESET:
            packet = replace(common, flags=frozenset(["RST", "ACK"]))
        else:
            packet = replace(common, protocol=ICMP[version], icmp=UNREACHABLE[version].get(how, (3, 3)))
        tags = Tags(port=port if port != self.packet.port else None)
        flows = self._through({tags: Region(sent)}, packet, OUTWARD)
        return union(version, (region.frozen() for region in flows.values()))

    def _silence(self, pieces: list[Piece], lost: AddressSet) -> None:
        for piece in pieces:
            self.outcome.pieces.remove(piece)
            heard, silent = piece.addresses - lost, piece.addresses & lost
            if heard:
                self.outcome.pieces.append(replace(piece, addresses=heard))
            if silent:
                decision = replace(piece.decision, kind=VerdictKind.DROP, how="")
                self.outcome.pieces.append(Piece(silent, decision, piece.doubt))


def _next(flows: Flows, *, picked_up: bool = False) -> Flows:
    """The flows as the next packet of the connection starts them: only the connection mark stays."""
    made: Flows = {}
    for tags, region in flows.items():
        if region:
            missed = tags.missed or tags.untracked
            put(made, Tags(0, tags.connmark, False, missed, tags.unborn, picked_up, tags.port), region.frozen())
    return made


def _passes_by(chain: Chain, tags: Tags) -> bool:
    """Whether packets skip a nat chain: those that conntrack does not track, and redirected ones at the hook where
    they were redirected (nf_nat_inet_fn() in nf_nat_core.c asks until one rule has set something up)."""
    return chain.nat and (tags.untracked or (tags.port is not None and chain.hook is Hook.PREROUTING))


def _looks_at_flags(firewall: Firewall, version: int) -> bool:
    """Whether a rule matches on TCP flags in another way than ``--syn``."""
    plain = frozenset(["SYN", "RST", "ACK", "FIN"])
    return any(
        isinstance(condition, Flags) and condition.mask != plain
        for condition in parts_of(firewall.ruleset(version).conditions)
    )


def assumptions(outcome: Outcome, address: int) -> Iterator[str]:
    """The assumptions behind the verdict on `address`."""
    notes: Mapping[str, list[AddressSet]] = outcome.assumed
    return (note for note, sets in notes.items() if any(address in each for each in sets))

"""What a firewall does with a client, and what decided it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rescue.firewall.engine.ruleset import Firewall, Rule
from rescue.model import Location


class VerdictKind(StrEnum):
    """The verdict on one source. DEPENDS: on something that is not on the disk; the reason says on what."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    DEPENDS = "depends"


class Stage(StrEnum):
    """The packet of a TCP connection that was judged, in order.

    NEIGHBOUR: over IPv6, the neighbour solicitation for the server, or its answer (RFC 4861), without which no packet
    reaches it.
    """

    NEIGHBOUR = "the question where the server is (neighbour discovery)"
    SYN = "the first packet"
    REPLY = "the server's answer"
    DATA = "the client's next packets"
    REFUSAL = "the refusal that the firewall sends"


@dataclass(frozen=True, slots=True)
class Decision:
    """What decided: a rule, or (rule None) the policy of a built-in chain.

    path: the rules that led there, starting in the built-in chain, the deciding rule last; empty for a policy.
    location: the rule's, or that of the line that set the policy. port: the server's port in the packet.
    """

    firewall: Firewall
    table: str
    chain: str
    kind: VerdictKind
    stage: Stage
    location: Location
    rule: Rule | None = None
    path: tuple[Rule, ...] = ()
    how: str = ""
    port: int = 0

    def __str__(self) -> str:
        what = f"rule in chain {self.rule.chain}" if self.rule else f"policy of chain {self.chain}"
        return f"{what} ({self.location})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to one source.

    how: what a rejection is sent with ("tcp-reset", "icmp-port-unreachable", ...). reason: what a DEPENDS depends on.
    closed: the source is certainly blocked, though how may depend on something. assumed: the assumptions, as text
    (which interface; that no rate limit is used up). decisions: what decided, in the order in which the client meets
    it.
    """

    kind: VerdictKind
    how: str = ""
    stage: Stage = Stage.SYN
    reason: str = ""
    closed: bool = False
    assumed: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.kind is VerdictKind.ACCEPT

"""What rules put on a packet and its connection, and what that makes of the packets that follow."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rescue.firewall.engine.addresses import AddressSet, Region
from rescue.firewall.engine.ruleset import Action, Chain, Hook, RuleTarget
from rescue.firewall.engine.verdict import Stage


@dataclass(frozen=True, slots=True)
class Tags:
    """What rules have put on a packet and its connection.

    untracked: the packet is kept from conntrack. missed: an earlier packet of the connection was. port: the one that
    the connection is sent on to; None where no rule does that.
    """

    mark: int | None = 0
    connmark: int | None = 0
    untracked: bool = False
    missed: bool = False
    port: int | None = None


Flows = dict[Tags, Region]


def put(flows: Flows, tags: Tags, who: AddressSet) -> None:
    """Add clients to the flow with `tags`."""
    if not who:
        return
    region = flows.get(tags)
    if region is None:
        flows[tags] = Region(who)
    else:
        region.add(who)


DSTNAT, SRCNAT = -100, 100
"""The priorities at which the kernel translates addresses and ports (nf_nat_ipv4_ops of nf_nat_proto.c)."""


def translated(chain: Chain, stage: Stage) -> bool:
    """Whether the packets of a connection that is sent on to another port bear that one at this chain.

    The first packet meets the chains in their order, and is changed by the rule itself.
    """
    match chain.hook:
        case Hook.INGRESS | Hook.EGRESS:
            return False
        case Hook.PREROUTING:
            return stage is Stage.SYN or chain.priority > DSTNAT
        case Hook.POSTROUTING:
            return chain.priority < SRCNAT
    return True


BEFORE_CONNTRACK = (Hook.INGRESS, Hook.PREROUTING, Hook.OUTPUT)


def state_of(tags: Tags, stage: Stage, tracked: bool) -> str:
    """What conntrack calls the packet (nf_conntrack_tcp_packet(); xt_conntrack.c where it has not seen it yet)."""
    if not tracked:
        return "INVALID"
    if tags.untracked:
        return "UNTRACKED"
    if stage is Stage.SYN:
        return "NEW"
    # With a packet of the handshake missing, the next one fits no state that conntrack knows.
    return "INVALID" if tags.missed else "ESTABLISHED"


def _changed(mark: int | None, value: int | None, mask: int) -> int | None:
    if value is None:
        return None
    if mask == 0xFFFFFFFF:
        return value
    return None if mark is None else (mark & ~mask) ^ value


def _masked(mark: int | None, mask: int | None) -> int | None:
    return None if mark is None or mask is None else mark & mask


def retagged(target: RuleTarget, tags: Tags) -> Tags:
    """The tags once a target has done its work on the packet or its connection."""
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
            return replace(tags, untracked=True)
    return tags

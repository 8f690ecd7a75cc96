"""The marks that rules set on a packet and its connection, and their effect on later packets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rescue.firewall.engine.addresses import AddressSet, Region
from rescue.firewall.engine.ruleset import Action, Chain, Hook, RuleTarget
from rescue.firewall.engine.verdict import Stage


@dataclass(frozen=True, slots=True)
class Tags:
    """The marks that rules have set on a packet and its connection.

    untracked: the packet is exempt from conntrack. missed: an earlier packet of the connection was. unborn: the first
    one was. picked_up: with this packet a connection begins in the middle, for conntrack. port: the one that the
    connection is redirected to; None if no rule redirects it.
    """

    mark: int | None = 0
    connmark: int | None = 0
    untracked: bool = False
    missed: bool = False
    unborn: bool = False
    picked_up: bool = False
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
    """Whether packets of a redirected connection already have the new port at this chain.

    The first packet passes the chains in order, and the rule itself changes it.
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
    """The packet's conntrack state (nf_conntrack_tcp_packet(); xt_conntrack.c before conntrack has seen it)."""
    if not tracked:
        return "INVALID"
    if tags.untracked:
        return "UNTRACKED"
    if stage is Stage.SYN or tags.picked_up:
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
    """The tags after a target has changed the packet or its connection."""
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

"""Packet trace: the path of one client's packets through the rules, rule by rule."""

from __future__ import annotations

from rescue.firewall.engine.addresses import Address, AddressSet
from rescue.firewall.engine.evaluate import Evaluation
from rescue.firewall.engine.reach import Reach
from rescue.firewall.engine.state import Visit


def way(here: Reach, source: Address) -> tuple[Visit, ...]:
    """The matching rules and policies for the packets of a connection from `source`, in order.

    ValueError for an address of the other IP version.
    """
    if source.version != here.version:
        raise ValueError(f"{source} is not an IPv{here.version} address")
    evaluation = Evaluation(here.firewalls, here.packet(int(source)), AddressSet.of(source), discovery=here.discovery)
    evaluation.journey.visits = []
    evaluation.run()
    return tuple(evaluation.journey.visits)

"""Whether the network comes up with the right address.

Decides: which program configures which network interface, the interface's name on this hardware, the address and the
gateway that the provider gave you, and the provider's own network and firewall (security group).

Not judged: always, except for what the checks of this step find (`rescue explain` lists them): what the provider
expects is not on the disk.

Supply: compare the address and the gateway with the provider's panel.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.model import Gap, Step
from rescue.network import CONFIGURING_READS, read_configuring, read_network
from rescue.text.numbers import listed

STEP = Step.NETWORK
READS = CONFIGURING_READS

SHOWN = 3
PANEL = "compare it with the provider's panel"


def find(facts: Facts) -> Iterator[Gap]:
    network = read_network(facts.tree, facts.units)
    written = [str(each) for profile in network.profiles for each in profile.addresses]
    by = [str(each) for profile in network.profiles for each in profile.gateways]
    if written:
        shown = listed(list(dict.fromkeys(written))[:SHOWN])
        router = f" with the gateway {listed(list(dict.fromkeys(by))[:SHOWN])}" if by else ""
        yield Gap("network-unseen", STEP, f"whether {shown}{router} is what the provider gave this server", PANEL)
        return
    started = [each for each in read_configuring(facts.tree, facts.units).managers if each.starts and each.configures]
    if started:
        what = f"whether the provider's network gives {started[0].name} the address that you connect to (DHCP)"
    else:
        what = "whether the network comes up with the provider's address"
    yield Gap("network-unseen", STEP, what, PANEL)

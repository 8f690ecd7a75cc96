"""Whether the network comes up with the right address.

Decides: which program configures which network interface, the interface's name on this hardware, the address and the
gateway that the provider gave you, and the provider's own network and firewall (security group).

Not judged: always, except for what the checks of this step find (`rescue explain` lists them): what the provider
expects is not on the disk. For a static address, whether the provider routes it to this machine; for DHCP, whether the
provider's DHCP server answers.

Supply: --expect-address ADDRESS and --expect-mac MAC, from the provider's panel; rescue compares them with the
settings. What is left, only the provider can answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rescue.facts import Facts
from rescue.model import Address, Gap, Step
from rescue.network import CONFIGURING_READS, Network, is_card, read_configuring, read_network
from rescue.network.expected import translated
from rescue.text.numbers import listed

STEP = Step.NETWORK
READS = CONFIGURING_READS

SHOWN = 3
PANEL = "compare it with the provider's panel"
OPTION = "--expect-address ADDRESS, from the provider's panel"
ASK = "ask the provider"


def find(facts: Facts) -> Iterator[Gap]:
    network = read_network(facts.tree, facts.units)
    own = list(dict.fromkeys(each.ip for profile in network.profiles for each in profile.addresses))
    asking = any(version == 4 for profile in network.profiles for version, _ in profile.asks)
    expected = facts.client.expected
    if own:
        what = _static(network, own, expected)
        yield Gap("network-unseen", STEP, what, ASK if expected else OPTION)
    if asking:
        from_it = [each for each in expected if each.version == 4 and each not in own]
        gives = f" and gives {_shown(from_it)}" if from_it else ""
        what = f"whether the provider's DHCP server answers on {_interfaces(network)}{gives}"
        yield Gap("network-unseen", STEP, what, ASK if expected else PANEL)
    if own or asking:
        return
    started = [each for each in read_configuring(facts.tree, facts.units).managers if each.starts and each.configures]
    if started:
        what = f"whether the provider's network gives {started[0].name} the address that you connect to (DHCP)"
    else:
        what = "whether the network comes up with the provider's address"
    yield Gap("network-unseen", STEP, what, PANEL)


def _static(network: Network, own: list[Address], expected: tuple[Address, ...]) -> str:
    behind = [each for each in expected if each not in own and translated(each, own)]
    if behind:
        return f"whether the provider translates {_shown(behind)} to {_shown(own)}"
    # Those that you connect to matter; of the others it is not asked.
    routed = [each for each in own if each in expected] or own
    gateways = list(dict.fromkeys(each for profile in network.profiles for each in profile.gateways))
    by = f" and {_shown(gateways)} is its gateway there" if len(gateways) == 1 else ""
    return f"whether the provider routes {_shown(routed)} to this machine{by}"


def _shown(addresses: Sequence[Address]) -> str:
    return listed([str(each) for each in addresses[:SHOWN]])


def _interfaces(network: Network) -> str:
    """The interfaces that ask for an IPv4 address, as their settings name them."""
    names = [
        name
        for profile in network.profiles
        for name in profile.names
        if is_card(name) and any(version == 4 for version, _ in profile.asks)
    ]
    return listed(list(dict.fromkeys(names))[:SHOWN]) if names else "its network interface"

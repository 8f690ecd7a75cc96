"""A network for containers or virtual machines contains your address, or takes the gateway's.

Symptom: "Connection timed out", only for you and others in that range. If the bridge has the gateway's own address, "No
route to host" for everyone outside the server's network.

Cause: Docker, libvirt and Podman make a bridge with a network of its own, such as 172.17.0.0/16 or 192.168.122.0/24. If
your office or VPN uses the same range, the server sends its answers to the bridge instead of to you. rescue reads bip,
default-address-pools and fixed-cidr-v6 in /etc/docker/daemon.json (without them Docker takes 172.17.0.0/16), libvirt's
networks that start at boot, and the network files of Podman and CNI. It does not read Docker's own database of networks
that were made with "docker network create".

rescue compares your address only if it knows it (--from ADDRESS), and reports nothing if a narrower route, such as the
server's own network, leads to you.

Repair: give docker0 another range (bip), or don't start libvirt's network at boot. Both need your consent. Otherwise
change the range yourself.

See: dockerd(8) on bip and default-address-pools, libvirt.org/formatnetwork.html, podman-network(1).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network

from rescue.facts import Facts
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.network import NETWORK_READS, read_network
from rescue.network.bridges import CHOSEN, DAEMON, BridgeNetwork, bridge_networks
from rescue.network.bridges import READS as BRIDGE_READS
from rescue.network.profile import replaced_line
from rescue.text.numbers import listed
from rescue.tree import Tree

STEP = Step.NETWORK
READS = (*BRIDGE_READS, *NETWORK_READS)

NEARER = "an interface gets its address by DHCP, and its network may contain your address"
BOTH = "the server's own network is the same, and it is not certain which route comes first"
SPARE = (
    *(f"172.{each}.0.1/16" for each in range(31, 16, -1)),
    *(f"192.168.{each}.1/24" for each in range(240, 200, -1)),
)


def find(facts: Facts) -> Iterator[Finding]:
    found = bridge_networks(facts.tree, facts.units)
    if not found:
        return
    for each in found:
        if (gateway := _gateway(facts, each)) is not None:
            yield gateway
        elif (client := _client(facts, each)) is not None:
            yield client


def _gateway(facts: Facts, bridge: BridgeNetwork) -> Finding | None:
    """The bridge has the gateway's own address: the kernel then takes the gateway for itself."""
    profiles = read_network(facts.tree, facts.units).profiles
    taken = [each for profile in profiles for each in profile.gateways if each == bridge.own.ip]
    if not taken or bridge.yields or bridge.doubt == CHOSEN:
        return None
    message = (
        f"{bridge.program} gives its bridge {bridge.name} the address {bridge.own.ip}, which is the gateway's: "
        "the server can't send answers through the gateway."
    )
    return _finding(facts, bridge, message, Symptom.UNREACHABLE, bridge.doubt)


def _client(facts: Facts, bridge: BridgeNetwork) -> Finding | None:
    network = bridge.own.network
    lost, doubts = [], [bridge.doubt]
    profiles = read_network(facts.tree, facts.units).profiles
    for source in facts.client.sources:
        if source.version != network.version or source not in network:
            continue
        ways = [each.network for profile in profiles for each in profile.addresses]
        ways += [each.to for profile in profiles for each in profile.routes or () if each.kind == "unicast"]
        if bridge.doubt == CHOSEN and any(each.prefixlen and _overlap(each, network) for each in ways):
            continue
        nearest = max((each.prefixlen for each in ways if each.version == source.version and source in each), default=0)
        if nearest > network.prefixlen or (nearest == network.prefixlen and bridge.yields):
            continue
        lost.append(str(source))
        if nearest == network.prefixlen:
            doubts.append(BOTH)
        elif any(version == source.version for profile in profiles for version, _ in profile.asks):
            doubts.append(NEARER)
    if not lost:
        return None
    message = (
        f"{bridge.program}'s network {bridge.name} is {network}: "
        f"the server sends its answers to {listed(lost[:3])} there."
    )
    return _finding(facts, bridge, message, Symptom.TIMED_OUT, next((each for each in doubts if each), ""))


def _overlap(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.overlaps(other)
    return isinstance(other, IPv6Network) and one.overlaps(other)


def _finding(facts: Facts, bridge: BridgeNetwork, message: str, symptom: Symptom, doubt: str) -> Finding:
    return Finding(
        check="net-bridge-range",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=message,
        symptom=symptom,
        locations=(bridge.location,),
        repairs=tuple(_repairs(facts, bridge)),
        subject=f"{bridge.program} {bridge.name} {bridge.own.network}",
        reason=doubt,
    )


def _repairs(facts: Facts, bridge: BridgeNetwork) -> Iterator[Repair]:
    own = str(bridge.own)
    if f'"{own}"' in bridge.location.text and '"bip"' in bridge.location.text and (spare := _spare(facts)):
        yield Repair(
            f"give {bridge.name} the range {ip_interface(spare).network}: bip in {bridge.location}",
            Safety.UNSAFE,
            partial(replaced_line, location=bridge.location, old=f'"{own}"', new=f'"{spare}"'),
            weakens="containers get other addresses: whatever names the old ones has to be changed too",
        )
    if bridge.link is not None:
        yield Repair(
            f"don't start libvirt's network {bridge.name} at boot",
            Safety.UNSAFE,
            partial(_not_started, bridge=bridge),
            weakens=f"virtual machines in {bridge.name} don't start until somebody starts that network",
        )
    steps = {
        "Docker": f'In {DAEMON}: "bip": "ADDRESS/24", an address in a range that nobody else uses.',
        "libvirt": f"On the server: virsh net-edit {bridge.name}, and change its ip element.",
        "Podman": f"Change the subnet in {bridge.location.path}.",
    }
    yield Repair(f"give {bridge.name} another range", Safety.MANUAL, steps=steps[bridge.program])


def _spare(facts: Facts) -> str:
    """A range for docker0 that nothing on this server is known to use."""
    profiles = read_network(facts.tree, facts.units).profiles
    used = [each.network for profile in profiles for each in profile.addresses]
    used += [each.to for profile in profiles for each in profile.routes or () if each.to.prefixlen]
    used += [each.own.network for each in bridge_networks(facts.tree, facts.units)]
    used += [ip_network(each) for each in (*facts.client.sources, *(g for one in profiles for g in one.gateways))]
    four = [each for each in used if isinstance(each, IPv4Network)]
    return next((each for each in SPARE if not any(ip_network(each, strict=False).overlaps(one) for one in four)), "")


def _not_started(tree: Tree, bridge: BridgeNetwork) -> Tree:
    if bridge.link is None or tree.lentry(bridge.link) is None:
        raise ValueError(f"{bridge.name} is no longer started at boot")
    return tree.remove(bridge.link)

"""A VPN takes the default route, so the server's answers leave through the tunnel.

Symptom: "Connection timed out" from everywhere but the server's own network. The server runs, and the provider's
console works.

Cause: WireGuard with AllowedIPs = 0.0.0.0/0 (or the two halves 0.0.0.0/1 and 128.0.0.0/1), started by wg-quick,
systemd-networkd, NetworkManager or netplan; an OpenVPN client with redirect-gateway; a Tailscale exit node. It was
meant for what the server fetches, but applies to its answers too: your connection arrives on the network interface, and
the answer goes to the VPN's other end, which drops it.

If a rule keeps the answers in the main table (ip rule add from ADDRESS table main), nothing is wrong.

Repair: stop starting the VPN at boot. Or, with wg-quick, add a rule for the server's own address, so that the VPN
stays; rescue can do that if the address is in the server's files. Both need your consent. Or remove the /0 from
AllowedIPs yourself.

See: wg-quick(8), ip-rule(8), systemd.netdev(5), openvpn(8) on redirect-gateway, tailscale.com/kb on exit nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from rescue.boot import commands as boot_commands
from rescue.facts import Facts
from rescue.model import Address, Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.network import NETWORK_READS, read_network
from rescue.network import tunnels as model
from rescue.network.tunnels import Tunnel, keeps_answers, tunnels
from rescue.services.units import Units
from rescue.tree import Tree

STEP = Step.NETWORK
READS = (*model.READS, *NETWORK_READS, *boot_commands.READS)

THROUGH = "connections through the VPN or from the server's own network get in: give your address (--from ADDRESS)"
NEAR = "you may be in the server's own network, and answers there don't go through the VPN"
PRIVATE = tuple(
    ip_network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7")
)
WANTED = "/etc/systemd/system"


def find(facts: Facts) -> Iterator[Finding]:
    found = tunnels(facts.tree, facts.units)
    if not found or _kept(facts):
        return
    for tunnel in found:
        if (cut := _cuts_off(facts, tunnel)) is not None:
            yield _finding(facts, tunnel, cut)


def _kept(facts: Facts) -> bool:
    """Whether a boot command keeps the answers in the main table."""
    commands = boot_commands.boot_commands(facts.tree, facts.units)
    return any(keeps_answers(each.text) for each in commands)


def _cuts_off(facts: Facts, tunnel: Tunnel) -> str | None:
    """Whom the tunnel cuts off, in words; None if it is none of the given addresses."""
    own = [each.network for profile in read_network(facts.tree, facts.units).profiles for each in profile.addresses]
    if facts.client.sources:
        lost = [each for each in facts.client.sources if _lost(each, tunnel, own)]
        return ", ".join(str(each) for each in lost) if lost else None
    whole = [each for each in tunnel.takes if each.prefixlen == 0]
    if not whole:
        return None
    # Some may still get in over the other IP version; most people use IPv4.
    return "outside" if any(isinstance(each, IPv4Network) for each in whole) else None


def _lost(source: Address, tunnel: Tunnel, own: list[IPv4Network | IPv6Network]) -> bool:
    """Whether answers to a source go into the tunnel: it is neither in the server's network nor in the tunnel."""
    if source.is_loopback or source.is_link_local:
        return False
    if any(source in each for each in (*own, *tunnel.inside) if each.version == source.version and each.prefixlen):
        return False
    return any(source in each for each in tunnel.takes if each.version == source.version)


def _doubt(facts: Facts, tunnel: Tunnel) -> str:
    sources = facts.client.sources
    if tunnel.doubt:
        return tunnel.doubt
    if not sources:
        return THROUGH
    known = any(profile.addresses for profile in read_network(facts.tree, facts.units).profiles)
    near = all(any(each in network for network in PRIVATE if each.version == network.version) for each in sources)
    return NEAR if near and not known else ""


def _finding(facts: Facts, tunnel: Tunnel, cut: str) -> Finding:
    doubt = _doubt(facts, tunnel)
    return Finding(
        check="vpn-default-route",
        step=STEP,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=(
            f"The VPN {tunnel.name} ({tunnel.program}) starts at boot, and the server's answers leave through it: "
            f"connections from {cut} get no answer."
        ),
        symptom=Symptom.TIMED_OUT,
        locations=(tunnel.location,),
        repairs=tuple(_repairs(facts, tunnel)),
        subject=tunnel.name,
        reason=doubt,
    )


def _repairs(facts: Facts, tunnel: Tunnel) -> Iterator[Repair]:
    addresses = {
        each.ip
        for profile in read_network(facts.tree, facts.units).profiles
        for each in profile.addresses
        if isinstance(each.ip, IPv4Address)
    }
    if tunnel.program == "wg-quick" and len(addresses) == 1:
        own = next(iter(addresses))
        yield Repair(
            f"keep the answers of {own} out of {tunnel.name}: a rule in {tunnel.location.path}",
            Safety.UNSAFE,
            partial(_with_rule, tunnel=tunnel, address=str(own)),
            weakens=f"traffic from {own} bypasses the VPN",
        )
    if tunnel.unit and _links(facts.units, tunnel.unit):
        yield Repair(
            f"don't start {tunnel.unit} at boot",
            Safety.UNSAFE,
            partial(_not_started, name=tunnel.unit),
            weakens=f"the VPN {tunnel.name} is down until somebody starts it, and the server's traffic bypasses it",
        )
    steps = {
        "wg-quick": f"Under [Interface] of {tunnel.location.path}: PostUp = ip rule add from ADDRESS table main\n"
        "with the server's own address. Or remove the /0 from AllowedIPs.",
        "OpenVPN": f"Remove redirect-gateway from {tunnel.location.path}.",
        "Tailscale": "On the server: tailscale set --exit-node=",
    }
    yield Repair(
        "keep the server's answers out of the VPN by hand",
        Safety.MANUAL,
        steps=steps.get(tunnel.program, f"Remove the default route from {tunnel.location.path}."),
    )


def _with_rule(tree: Tree, tunnel: Tunnel, address: str) -> Tree:
    path = tunnel.location.path
    lines = (tree.text(path) or "").split("\n")
    at = next((at for at, line in enumerate(lines) if line.strip().lower() == "[interface]"), None)
    if at is None:
        raise ValueError(f"{path} has no [Interface]")
    # The rule is removed together with the tunnel.
    lines[at + 1 : at + 1] = [
        f"PostUp = ip rule add from {address} table main", f"PostDown = ip rule del from {address} table main",
    ]  # fmt: skip
    return tree.write(path, "\n".join(lines))


def _links(units: Units, name: str) -> tuple[Location, ...]:
    """The links in /etc that start it; () if something else starts it too."""
    wanted = units.unit(name).wanted_by
    mine = tuple(each for each in wanted if str(each.path).startswith(f"{WANTED}/") and not each.line)
    return mine if len(mine) == len(wanted) else ()


def _not_started(tree: Tree, name: str) -> Tree:
    links = _links(Units(tree), name)
    if not links:
        raise ValueError(f"something else starts {name}")
    return tree.remove(*(each.path for each in links))

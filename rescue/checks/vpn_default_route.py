"""A VPN that starts at boot takes the default route, so the server's answers leave through the tunnel.

Symptom: "Connection timed out" from everywhere but the server's own network. The server runs, and the provider's
console works.

Cause: WireGuard with AllowedIPs = 0.0.0.0/0 (or the two halves 0.0.0.0/1 and 128.0.0.0/1), by wg-quick,
systemd-networkd, NetworkManager or netplan; an OpenVPN client with redirect-gateway; an exit node of Tailscale. It was
meant for what the server fetches, and holds for what it answers as well: your connection arrives by the network card,
and the answer goes to the VPN's other end, which throws it away.

Where a rule keeps the answers on the main table (ip rule add from ADDRESS table main), nothing is wrong.

Repair: the VPN is no longer started at boot. Or, with wg-quick, a rule for the server's own address is added, and the
VPN stays: this can be done here where the address is written in the server's files. Both are for you to agree to. Or
you take the /0 out of AllowedIPs.

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

THROUGH = "whoever comes through the VPN, or from the server's own network, gets in: say where you are (--from ADDRESS)"
NEAR = "you may be in the server's own network, whose answers don't go through the VPN"
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
    """Whether a command of the boot keeps the answers on the main table."""
    commands = boot_commands.boot_commands(facts.tree, facts.units)
    return any(keeps_answers(each.text) for each in commands)


def _cuts_off(facts: Facts, tunnel: Tunnel) -> str | None:
    """Whom the tunnel cuts off, in words; None where it is nobody that is asked about."""
    own = [each.network for profile in read_network(facts.tree, facts.units).profiles for each in profile.addresses]
    if facts.client.sources:
        lost = [each for each in facts.client.sources if _lost(each, tunnel, own)]
        return ", ".join(str(each) for each in lost) if lost else None
    whole = [each for each in tunnel.takes if each.prefixlen == 0]
    if not whole:
        return None
    # Over the other version of IP somebody may still come; IPv4 is what people dial.
    return "outside" if any(isinstance(each, IPv4Network) for each in whole) else None


def _lost(source: Address, tunnel: Tunnel, own: list[IPv4Network | IPv6Network]) -> bool:
    """Whether the answers to one source go into the tunnel: it is neither next to the server nor inside the tunnel."""
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
            f"The VPN {tunnel.name} ({tunnel.program}) is started at boot, and the server's answers leave through it: "
            f"whoever comes from {cut} gets no answer."
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
            weakens=f"what the server sends from {own} goes past the VPN",
        )
    if tunnel.unit and _links(facts.units, tunnel.unit):
        yield Repair(
            f"don't start {tunnel.unit} at boot",
            Safety.UNSAFE,
            partial(_not_started, name=tunnel.unit),
            weakens=f"the VPN {tunnel.name} is down until somebody starts it, and what the server sends goes past it",
        )
    steps = {
        "wg-quick": f"Under [Interface] of {tunnel.location.path}: PostUp = ip rule add from ADDRESS table main\n"
        "with the server's own address. Or take the /0 out of AllowedIPs.",
        "OpenVPN": f"Take redirect-gateway out of {tunnel.location.path}.",
        "Tailscale": "On the server: tailscale set --exit-node=",
    }
    yield Repair(
        "keep the server's answers out of the VPN by hand",
        Safety.MANUAL,
        steps=steps.get(tunnel.program, f"Take the default route out of {tunnel.location.path}."),
    )


def _with_rule(tree: Tree, tunnel: Tunnel, address: str) -> Tree:
    path = tunnel.location.path
    lines = (tree.text(path) or "").split("\n")
    at = next((at for at, line in enumerate(lines) if line.strip().lower() == "[interface]"), None)
    if at is None:
        raise ValueError(f"{path} has no [Interface]")
    # The rule goes when the tunnel goes.
    lines[at + 1 : at + 1] = [
        f"PostUp = ip rule add from {address} table main", f"PostDown = ip rule del from {address} table main",
    ]  # fmt: skip
    return tree.write(path, "\n".join(lines))


def _links(units: Units, name: str) -> tuple[Location, ...]:
    """The links in /etc by which it is started; () where something else does it as well."""
    wanted = units.unit(name).wanted_by
    mine = tuple(each for each in wanted if str(each.path).startswith(f"{WANTED}/") and not each.line)
    return mine if len(mine) == len(wanted) else ()


def _not_started(tree: Tree, name: str) -> Tree:
    links = _links(Units(tree), name)
    if not links:
        raise ValueError(f"{name} is started by something else")
    return tree.remove(*(each.path for each in links))

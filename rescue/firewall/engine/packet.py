"""The packets of one SSH connection, as the firewall's rules see them: what is known of each, and what is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from re import compile as compile_pattern

from rescue.firewall.engine.addresses import Address, AddressSet

TCP = 6
ICMP = {4: 1, 6: 58}
MAX_PORT = 65535

TRACKED = frozenset(["NEW", "ESTABLISHED", "RELATED"])
"""conntrack's states of packets that belong to a connection; INVALID and UNTRACKED ones do not."""

EPHEMERAL = (1024, MAX_PORT)
"""The ports a client may use: any unprivileged one, as NAT routers choose freely."""

_INTERNAL = compile_pattern(
    r"(lo|docker|veth|virbr|br-|lxc|lxd|incus|podman|cni|flannel|cali|cilium|kube|weave|tun|tap|wg|tailscale|zt|ham"
    r"|nebula|vboxnet|vmnet|ifb|dummy|sit|gre|ip6tnl|tunl|ipsec|teredo|vnet|vti|xfrm)"
)


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet between the client and the server.

    inward: it comes from the client. port: the server's. flags: TCP flags. state: conntrack's name for it ("NEW", ...;
    empty if it has none). lone: the client's address, if only one is in question. server: the server's address, None if
    unknown. own: all addresses of the server, if `server` is unknown but its files list them. interface: the name of
    the network interface that it passes, None if unknown. mark, connmark: None if unknown. listed: the "recent" lists
    that this client may already be on. icmp: type and code of an ICMP message. hops: the hop limit, if known. group: it
    is sent to a multicast group. asked, answering: if a rule has redirected the connection, the port that the client
    connects to, and the one that it was redirected to; else None. `port` is the one in the packet at this point.
    """

    version: int
    inward: bool
    protocol: int
    port: int
    flags: frozenset[str] = frozenset()
    state: str = ""
    lone: int | None = None
    server: Address | None = None
    interface: str | None = None
    mark: int | None = 0
    connmark: int | None = 0
    listed: frozenset[str] = field(default=frozenset())
    icmp: tuple[int, int] | None = None
    hops: int | None = None
    group: bool = False
    asked: int | None = None
    answering: int | None = None
    own: AddressSet | None = None


def is_internal(interface: str) -> bool:
    """Whether outside clients never connect through this network interface: loopback, container bridges, VPNs.

    Recognises only names that programs choose themselves; a "br0" or "bond0" may have the server's own address.
    """
    return _INTERNAL.match(interface) is not None


def assumed_interface(named: frozenset[str]) -> str | None:
    """The one external interface that rules name; None if they name none, or several.

    A name ending in "+" matches every name with that prefix.
    """
    external = {name for name in named if name != "+" and not is_internal(name)}
    exact = {name for name in external if not name.endswith("+")}
    prefixes = {name[:-1] for name in external - exact}
    if not exact:
        return min(prefixes) + "0" if len(prefixes) == 1 else None
    if len(exact) > 1 or any(not name.startswith(prefix) for name in exact for prefix in prefixes):
        return None
    return min(exact)

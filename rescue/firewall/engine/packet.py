"""The packets of one SSH connection, as the firewall's rules see them: what is known of each, and what is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from re import compile as compile_pattern

from rescue.firewall.engine.addresses import Address, AddressSet

TCP = 6
ICMP = {4: 1, 6: 58}
MAX_PORT = 65535

TRACKED = frozenset(["NEW", "ESTABLISHED", "RELATED"])
"""conntrack's states of packets that belong to a connection; INVALID and UNTRACKED ones have none."""

EPHEMERAL = (1024, MAX_PORT)
"""From which ports a client may come: any that needs no privilege, as address translators choose freely."""

_INTERNAL = compile_pattern(
    r"(lo|docker|veth|virbr|br-|lxc|lxd|incus|podman|cni|flannel|cali|cilium|kube|weave|tun|tap|wg|tailscale|zt|ham"
    r"|nebula|vboxnet|vmnet|ifb|dummy|sit|gre|ip6tnl|tunl|ipsec|teredo|vnet|vti|xfrm)"
)


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet between the client and the server.

    inward: it comes from the client. port: the server's. flags: of TCP. state: conntrack's word for it ("NEW", ...;
    empty where there is none). lone: the client's address, where only one is in question. server: the server's
    address, None if unknown. own: all that it has, where `server` is not known and its files tell. interface: the
    name of the network card that it passes, None if unknown.
    mark, connmark: None if unknown. listed: the "recent" lists that this client may already be on. icmp: type and
    code of an ICMP message. hops: the hop limit, where it is known. group: it is sent to a multicast group.
    asked, answering: where a rule has redirected the connection, the server's port as the client dialled it, and the
    one that it was sent on to; None else. `port` is the one that stands in the packet at this place of its way.
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
    """Whether a network interface is one by which nobody dials in from outside: loopback, bridges of containers, VPNs.

    Only the names that programs give by themselves count; a "br0" or "bond0" carries the server's own address.
    """
    return _INTERNAL.match(interface) is not None


def assumed_interface(named: frozenset[str]) -> str | None:
    """The one external interface among those that rules name; None if they name none, or more than one.

    A name ending in "+" stands for all that begin so.
    """
    external = {name for name in named if name != "+" and not is_internal(name)}
    exact = {name for name in external if not name.endswith("+")}
    prefixes = {name[:-1] for name in external - exact}
    if not exact:
        return min(prefixes) + "0" if len(prefixes) == 1 else None
    if len(exact) > 1 or any(not name.startswith(prefix) for name in exact for prefix in prefixes):
        return None
    return min(exact)

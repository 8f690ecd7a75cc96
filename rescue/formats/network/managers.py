"""Which programs configure the network at boot, and for which cards."""

from __future__ import annotations

from dataclasses import dataclass

from rescue.formats.network import ifupdown, keyfile, netplan, networkd
from rescue.formats.network.profile import Profile
from rescue.formats.units import UNIT_READS, Units
from rescue.tree import Read, Tree

NETWORK_READS: tuple[Read, ...] = (
    *networkd.READS, *ifupdown.READS, *netplan.READS, *keyfile.READS, *UNIT_READS,
    Read("/etc/cloud", depth=0, content=False), Read("/etc/sysconfig/network-scripts", depth=1, content=False),
)  # fmt: skip

_OTHERS = ("network.service", "wicked.service", "dhcpcd.service", "connman.service", "NetworkManager.service")
"""Those that may configure a card without being told of it, or by files that are not read here."""


@dataclass(frozen=True, slots=True)
class Network:
    """What waits for cards. certain: there is nothing else that could configure one."""

    profiles: tuple[Profile, ...]
    certain: bool


def read_network(tree: Tree, units: Units) -> Network:
    """What is started at boot, and what it is told."""
    found: list[Profile] = []
    networkd_starts = units.unit("systemd-networkd.service").started
    if networkd_starts:
        found += networkd.profiles(tree)
    whole = True
    if units.unit("networking.service").started:
        found += ifupdown.profiles(tree)
        whole = not ifupdown.unfollowed(tree)
    manager = units.unit("NetworkManager.service").started
    if manager:
        found += keyfile.profiles(tree)
    if networkd_starts or manager:
        found += netplan.profiles(tree)
    # NetworkManager asks for an address on a card of which nobody has told it anything.
    others = any(units.unit(name).started for name in _OTHERS)
    # cloud-init writes these files anew at boot where the machine is another one.
    return Network(tuple(found), certain=whole and not others and tree.entry("/etc/cloud") is None)

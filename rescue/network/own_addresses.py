"""Which IP addresses the server will have after the next boot, as far as its files say.

A fold over the profiles of all managers, whoever of them is started: a table of what is written there, not a model of
what these programs do. An address is taken for one that the server may have wherever it is written; and as soon as
anything asks a network for an address (DHCP, IPv6 router advertisements, cloud-init on a new instance), or nothing is
written at all, what is missing is no longer certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import PurePosixPath

from rescue.model import Address, Known, Location
from rescue.network import cloud_init, ifcfg, ifupdown, keyfile, netplan, networkd, wireguard
from rescue.network.profile import Profile
from rescue.tree import ReadError, Tree

MANAGERS: tuple[Callable[[Tree], Iterable[Profile]], ...] = (
    ifupdown.all_profiles, networkd.all_profiles, netplan.all_profiles, keyfile.all_profiles, ifcfg.profiles,
    wireguard.profiles,
)  # fmt: skip

ADDRESS_READS = (
    *ifupdown.READS, *networkd.READS, *netplan.READS, *keyfile.READS, *ifcfg.READS, *wireguard.READS, *cloud_init.READS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """What the files give. `written`: each address with where it stands. asked: by which an address of each IP version
    may come that is written nowhere; None where none may. readable: whether there are such files, and all were read."""

    written: dict[Address, Location]
    asked4: Location | None
    asked6: Location | None
    readable: bool = True

    def asked(self, version: int) -> Location | None:
        return self.asked4 if version == 4 else self.asked6

    def may_have(self, address: Address) -> Known:
        """Whether the server has the address; None where that can't be told."""
        if address.is_loopback or address in self.written:
            return True
        if address.version == 6 and isinstance(address, IPv6Address) and address.is_link_local:
            return None
        return None if self.asked(address.version) is not None or not self.readable else False


def own_addresses(tree: Tree) -> OwnAddresses:
    """The addresses that the files of `tree` give the server."""
    tree.require(*ADDRESS_READS)
    written: dict[Address, Location] = {}
    asked: dict[int, Location] = {}
    readable, found = True, False
    for profiles in MANAGERS:
        try:
            for each in profiles(tree):
                for address, place in each.written:
                    written.setdefault(address, place)
                for version, place in each.asks:
                    asked.setdefault(version, place)
                # Of the loopback and of tunnels alone no server lives.
                found = found or (each.names != ("lo",) and each.manager != "wg-quick")
        except ReadError:
            readable = False
    if cloud_init.present(tree) and not cloud_init.keeps_out(tree):
        for version in (4, 6):
            asked.setdefault(version, Location(PurePosixPath(cloud_init.FOLDER)))
    return OwnAddresses(written, asked.get(4), asked.get(6), readable and found)

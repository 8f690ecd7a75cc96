"""The server's own IP addresses after the next boot, where its files leave no doubt that these are all."""

from __future__ import annotations

from rescue.model import Address
from rescue.network import ifcfg
from rescue.network.managers import NETWORK_READS, read_network
from rescue.network.own_addresses import ADDRESS_READS, own_addresses
from rescue.services.units import Units
from rescue.tree import NotCaptured, ReadError, Tree

GIVEN_READS = (*NETWORK_READS, *ADDRESS_READS)

_ASKING = ("dhcpcd.service", "connman.service")
"""Programs that ask networks for addresses, whatever the files that are read here say."""


def given_addresses(tree: Tree, units: Units) -> dict[int, tuple[Address, ...]]:
    """By IP version; one that is missing may have others. The server may lack some of them, but has one at least.

    Nothing is known where an address may come from elsewhere; an older support bundle may not hold the files.
    """
    try:
        tree.require(*GIVEN_READS)
    except NotCaptured:
        return {}
    own = own_addresses(tree)
    if not own.readable or any(units.unit(name).started for name in _ASKING):
        return {}
    try:
        profiles = read_network(tree, units).profiles
    except ReadError:
        return {}
    set_by_hand: set[Address] = {each.ip for profile in profiles for each in profile.addresses}
    # Several programs read ifcfg files: they count, whichever is started.
    set_by_hand |= {each for profile in ifcfg.profiles(tree) for each, _ in profile.written}
    found: dict[int, tuple[Address, ...]] = {}
    for version in (4, 6):
        outside = {
            each for each in {*set_by_hand, *own.written}
            if each.version == version and not (each.is_loopback or each.is_link_local)
        }  # fmt: skip
        # What is written for a program that does not start, or for a tunnel alone, is not all that the server has.
        if outside & set_by_hand and own.asked(version) is None:
            found[version] = tuple(sorted(outside, key=int))
    return found

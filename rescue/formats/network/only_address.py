"""The one IP address of each version that the server has after the next boot, where its files leave no doubt."""

from __future__ import annotations

from rescue.formats.network.managers import NETWORK_READS, read_network
from rescue.formats.network.own_addresses import ADDRESS_READS, Address, own_addresses
from rescue.formats.units import Units
from rescue.tree import NotCaptured, Tree

ONLY_READS = (*NETWORK_READS, *ADDRESS_READS)


def only_addresses(tree: Tree, units: Units) -> dict[int, Address]:
    """By IP version. Empty where an address may come from elsewhere, or there are several; an older support bundle may
    not hold the files."""
    try:
        tree.require(*ONLY_READS)
    except NotCaptured:
        return {}
    own = own_addresses(tree)
    if not own.readable:
        return {}
    set_by_hand = {each.ip for profile in read_network(tree, units).profiles for each in profile.addresses}
    found: dict[int, Address] = {}
    for version in (4, 6):
        outside = [
            each for each in {*set_by_hand, *own.written}
            if each.version == version and not (each.is_loopback or each.is_link_local)
        ]  # fmt: skip
        if len(outside) == 1 and outside[0] in set_by_hand and own.asked(version) is None:
            found[version] = outside[0]
    return found

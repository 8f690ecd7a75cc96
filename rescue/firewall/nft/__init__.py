"""nftables: the script that nftables.service loads, read the way nft(8) executes it.

`load_nftables` returns the chains that the kernel holds afterwards, in the form that all firewalls share.
"""

from rescue.firewall.nft.load import MANAGER, load_nftables

__all__ = ["MANAGER", "load_nftables"]

"""nftables: the script that nftables.service loads, read as nft(8) obeys it.

`load_nftables` gives the chains that the kernel holds afterwards, in the form that all firewalls share.
"""

from rescue.firewall.nft.load import MANAGER, load_nftables

__all__ = ["MANAGER", "load_nftables"]

"""How a server's network cards get their settings: systemd-networkd, netplan, ifupdown, NetworkManager; and which cards
it has had, as its journal tells. For sshd's ListenAddress `own_addresses` lists every address that is written anywhere.
"""

from rescue.formats.network.cards import CARD_READS, Cards, cards_alone, is_card, seen_cards
from rescue.formats.network.managers import NETWORK_READS, Network, read_network
from rescue.formats.network.only_address import ONLY_READS, only_addresses
from rescue.formats.network.profile import Profile

__all__ = [
    "CARD_READS",
    "NETWORK_READS",
    "ONLY_READS",
    "Cards",
    "Network",
    "Profile",
    "cards_alone",
    "is_card",
    "only_addresses",
    "read_network",
    "seen_cards",
]

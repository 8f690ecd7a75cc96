"""How a server's network cards get their settings: systemd-networkd, netplan, ifupdown, NetworkManager; and which cards
it has had, as its journal tells. For sshd's ListenAddress `own_addresses` lists every address that is written anywhere.
"""

from rescue.network.given_addresses import GIVEN_READS, given_addresses
from rescue.network.interfaces import (
    CARD_READS,
    Cards,
    card_lines_alone,
    cards_alone,
    is_card,
    is_text_log,
    seen_cards,
)
from rescue.network.managers import (
    CONFIGURING_READS,
    NETWORK_READS,
    Configuring,
    Manager,
    Network,
    read_configuring,
    read_network,
)
from rescue.network.profile import Profile

__all__ = [
    "CARD_READS",
    "CONFIGURING_READS",
    "GIVEN_READS",
    "NETWORK_READS",
    "Cards",
    "Configuring",
    "Manager",
    "Network",
    "Profile",
    "card_lines_alone",
    "cards_alone",
    "given_addresses",
    "is_card",
    "is_text_log",
    "read_configuring",
    "read_network",
    "seen_cards",
]

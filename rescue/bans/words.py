"""Shared by the readers of ban lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

from rescue.model import Address, Location, Symptom

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Ban:
    """One ban that is in force after the next boot.

    network: who is kept out. written: how the list spells that. by: which part of the program did it ("the jail
    sshd"). until: when it ends; None if it does not. location: where it is written down. symptom: what a client of
    `network` sees. doubt: why it is not sure that it is in force.
    """

    network: Network
    written: str
    by: str
    until: datetime | None
    location: Location
    symptom: Symptom
    doubt: str = ""

    @property
    def of_one(self) -> bool:
        """Whether a single address is banned, and nobody else with it."""
        return self.network.num_addresses == 1

    def holds(self, address: Address) -> bool:
        return address.version == self.network.version and address in self.network


def may_concern(written: str, addresses: frozenset[str] | None) -> bool:
    """Whether a ban so spelled may be of one of `addresses` (None: of anybody), told in little time: IPv4 addresses are
    spelled in one way only, and lists have a hundred thousand of them."""
    return addresses is None or written in addresses or "/" in written or ":" in written


def parse_network(text: str) -> Network | None:
    """An address or network in any usual form; None for anything else, such as a host name."""
    try:
        return ip_network(text.strip().strip("[]"), strict=False)
    except ValueError:
        return None

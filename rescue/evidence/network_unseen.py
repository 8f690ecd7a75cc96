"""Whether the network comes up with the right address.

Decides: which program configures which network interface, the interface's name on this hardware, the address and the
gateway that the provider gave you, and the provider's own network and firewall (security group).

Not judged: always, but for what the checks of this link find (`rescue explain` lists them): what the provider expects
is not on the disk.

Supply: compare the address and the gateway with the provider's panel.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.model import Gap, Link

LINK = Link.NETWORK
READS: tuple[str, ...] = ()


def find(facts: Facts) -> Iterator[Gap]:
    yield Gap(
        "network-unseen",
        LINK,
        "whether the network comes up with the provider's address",
        "compare it with the provider's panel",
    )

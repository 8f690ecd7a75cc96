"""Which nft version introduced which feature (nftables' release notes; 1.0.6 and 1.1.3 were tested)."""

from __future__ import annotations

from collections.abc import Mapping

SINCE: Mapping[str, tuple[int, ...]] = {
    "a priority by its name": (0, 9, 1),
    "meta time, day or hour": (0, 9, 3),
    "typeof": (0, 9, 4),
    "a set of joined fields with ranges": (0, 9, 4),
    "a chain in braces": (0, 9, 7),
    "ingress in a table inet": (0, 9, 7),
    "the element '*'": (0, 9, 9),
    "flags with '/'": (0, 9, 9),
    "'!' before bits": (0, 9, 9),
    "a refusal without the word type": (0, 9, 9),
    "a range of one port": (0, 9, 9),
    "reset tcp option": (0, 9, 9),
    "sctp chunk": (0, 9, 9),
    "@ih": (0, 9, 9),
    "this option of TCP": (0, 9, 9),
    "egress": (1, 0, 1),
    "destroy": (1, 0, 7),
    "reset rules": (1, 0, 7),
    "last": (1, 0, 7),
    "icmpv6 taddr or daddr": (1, 0, 7),
    "tables that persist": (1, 0, 7),
    "gre, geneve and vxlan": (1, 0, 7),
    "a mark that is made of another field": (1, 0, 7),
}
"""Features introduced since 0.9.0; an older version rejects a script that uses them.

If the exact version is unknown, this gives the first one after the last known not to have it.
"""

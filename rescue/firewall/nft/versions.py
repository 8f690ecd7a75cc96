"""Which nft has learnt what (the release notes of nftables; 1.0.6 and 1.1.3 were tried)."""

from __future__ import annotations

from collections.abc import Mapping

SINCE: Mapping[str, tuple[int, ...]] = {
    "destroy": (1, 0, 7),
}
"""What the versions from 0.9.0 on have learnt; a script that has it loads nothing with an older one."""

"""Option values that an iptables extension or the kernel rejects; one such line makes the whole table fail to load."""

from __future__ import annotations

from collections.abc import Sequence

from rescue.firewall.iptables.given import Place
from rescue.firewall.iptables.match_values import IN_ORDER, MATCH_CHECKS
from rescue.firewall.iptables.option_types import check_types
from rescue.firewall.iptables.option_values import Option
from rescue.firewall.iptables.target_values import TARGET_CHECKS


def check_values(module: str, options: Sequence[Option], place: Place) -> None:
    """Raises Refused if the options of a match or target are invalid."""
    check_types(module, options, place.version, place.names)
    check = MATCH_CHECKS.get(module) or TARGET_CHECKS.get(module)
    if check is not None:
        check({option.name: option for option in options}, place)
    in_order = IN_ORDER.get(module)
    if in_order is not None:
        in_order(options)

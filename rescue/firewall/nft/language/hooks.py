"""Where and when nftables' base chains may run: types, hooks and priorities (nft(8), "CHAINS"; src/rule.c)."""

from __future__ import annotations

from collections.abc import Sequence

from rescue.firewall.engine.ruleset import CONNTRACK, Hook
from rescue.firewall.nft.language.tokens import NftError
from rescue.firewall.nft.language.values import number
from rescue.model import Location

_INTERNET = frozenset(set(Hook) - {Hook.INGRESS, Hook.EGRESS})
HOOKS = {
    "ip": _INTERNET,
    "ip6": _INTERNET,
    "inet": _INTERNET | {Hook.INGRESS},
    "bridge": _INTERNET,
    "arp": frozenset([Hook.INPUT, Hook.OUTPUT]),
    "netdev": frozenset([Hook.INGRESS, Hook.EGRESS]),
}
"""The hooks of each family."""

_OF_TYPE = {
    "nat": frozenset([Hook.PREROUTING, Hook.INPUT, Hook.OUTPUT, Hook.POSTROUTING]),
    "route": frozenset([Hook.OUTPUT]),
}

_PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_OF_BRIDGE = {"dstnat": -300, "filter": -200, "out": 100, "srcnat": 300}
_ONLY_AT = {
    "dstnat": (Hook.PREROUTING, Hook.OUTPUT),
    "srcnat": (Hook.POSTROUTING, Hook.INPUT),
    "out": (Hook.OUTPUT,),
}
"""The names of priorities, and those limited to some hooks (std_prio_family_hook_compat())."""

_BOTH = (1, 0, 9)
"""The nft version since which dstnat and srcnat are valid for both of their hooks, and not only the first."""


def checked(family: str, kind: str, hook: Hook, devices: Sequence[str], here: Location) -> None:
    """Reject a base chain that a table of `family` can't have. Raises NftError."""
    if hook not in HOOKS[family]:
        raise NftError(f"a table of the family {family} has no hook {hook}", here)
    if kind in _OF_TYPE and (family not in ("ip", "ip6", "inet") or hook not in _OF_TYPE[kind]):
        raise NftError(f"a chain of type {kind} can't be at the hook {hook} of the family {family}", here)
    if hook in (Hook.INGRESS, Hook.EGRESS) and not devices:
        raise NftError(f"a chain at the hook {hook} needs a device", here)
    if hook not in (Hook.INGRESS, Hook.EGRESS) and devices:
        raise NftError(f"a chain at the hook {hook} has no device", here)


def priority(
    family: str, kind: str, hook: Hook, words: Sequence[str], here: Location, nft: tuple[int, ...] = ()
) -> int:
    """A priority: a number, or a name with an offset. nft: its version, if known. Raises NftError."""
    found = _value(family, hook, words, nft)
    if found is None:
        raise NftError(f"{' '.join(words) or 'nothing'!r} is not a priority of this hook", here)
    if kind == "nat" and found <= CONNTRACK:
        raise NftError(f"a chain of type nat needs a priority above {CONNTRACK}", here)
    return found


def _value(family: str, hook: Hook, words: Sequence[str], nft: tuple[int, ...]) -> int | None:
    sign = words[0] if words and words[0] == "-" else ""
    if len(words) == 1 + bool(sign) and words[-1][:1].isdigit():
        value = number(words[-1])
        return None if value is None or value > 0x7FFFFFFF else -value if sign else value
    known = _OF_BRIDGE if family == "bridge" else _PRIORITIES if family in ("ip", "ip6", "inet") else {"filter": 0}
    base = known.get(words[0]) if words else None
    allowed = _ONLY_AT.get(words[0], (hook,)) if words else ()
    if base is None or hook not in (allowed[:1] if nft and nft < _BOTH else allowed):
        return None
    if len(words) == 1:
        return base
    offset = number(words[2]) if len(words) == 3 and words[1] in ("+", "-") else None
    if offset is None:
        return None
    return base + (offset if words[1] == "+" else -offset)

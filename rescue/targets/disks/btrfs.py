"""Find the devices of a btrfs that spans several. Source: btrfs(5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rescue.targets.disks.volumes import Volume

Owned = tuple[Volume, bool]
"""A volume, and whether it is of the target."""


def put_together(volumes: Iterable[Owned]) -> tuple[list[Owned], bool]:
    """The volumes with each btrfs once, its other devices as `members`; and whether the target's own lacks a device."""
    found: list[Owned] = []
    parts: dict[str, dict[int, Owned]] = {}
    for volume, own in volumes:
        if not _is_part(volume):
            found.append((volume, own))
            continue
        members = parts.setdefault(volume.found.uuid, {})
        if not members:
            found.append((volume, own))
        members.setdefault(volume.found.device, (volume, own))
    whole = [
        _whole(volume, own, parts[volume.found.uuid]) if _is_part(volume) else (volume, own) for volume, own in found
    ]
    lacking = any(own and len(parts[each.found.uuid]) < each.found.devices for each, own in whole if _is_part(each))
    return whole, lacking


def _is_part(volume: Volume) -> bool:
    return volume.found.type == "btrfs" and volume.found.devices > 1


def _whole(volume: Volume, own: bool, parts: dict[int, Owned]) -> Owned:
    own = own or any(mine for _, mine in parts.values())
    if len(parts) < volume.found.devices:
        here = "one is" if len(parts) == 1 else f"{len(parts)} are"
        why = f"it spans {volume.found.devices} devices, and only {here} here"
        return replace(volume, pieces=(), read_only=why), own
    others = tuple(each for number, (each, _) in parts.items() if number != volume.found.device)
    return replace(volume, members=others), own

"""Find the volumes that fstab(5) mounts below a root: /home, /var and the like."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rescue.boot.fstab import read_fstab, tag_of
from rescue.targets.disks.volumes import Volume, mapper_name

_MATTERS = ("/home", "/var", "/usr", "/root", "/etc", "/opt", "/srv", "/tmp", "/boot")  # noqa: S108 - mount points
_MAX_MOUNTS = 64
"""Mounts below a root that are made: a stranger's fstab may name any number, and each takes its time."""

_NODE = re.compile(r"/dev/(?P<disk>[^/].*?)p?(?P<number>\d+)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line of fstab: device as written, mount point, subvolume (btrfs)."""

    device: str
    point: str
    subvolume: str


@dataclass(frozen=True, slots=True)
class Belongs:
    """A volume and where it is mounted. volume: None if it is not on this disk."""

    wanted: Wanted
    volume: Volume | None


def wanted_mounts(fstab: str) -> tuple[Wanted, ...]:
    """The mounts below the root that may matter to a login, parents first; only the uppermost if too many."""
    found = _wanted(fstab)
    kept = sorted(found, key=lambda point: (point.count("/"), point))[:_MAX_MOUNTS]
    return tuple(found[point] for point in sorted(kept))


def surplus(fstab: str) -> tuple[str, ...]:
    """A note if fstab has more mounts than rescue makes."""
    more = len(_wanted(fstab)) - _MAX_MOUNTS
    return (f"fstab has {more} mounts more than rescue makes: what is on them was not checked",) if more > 0 else ()


def _wanted(fstab: str) -> dict[str, Wanted]:
    found: dict[str, Wanted] = {}
    for line in read_fstab(fstab):
        if not line.mounts or line.type in ("swap", "vfat", "tmpfs"):
            continue
        if not line.names_device:
            continue
        if any(line.point == each or line.point.startswith(each + "/") for each in _MATTERS):
            # The first of two lines for one mount point counts.
            found.setdefault(line.point, Wanted(line.source, line.point, next(iter(line.values("subvol")), "")))
    return found


def belonging(fstab: str, root: Volume, volumes: Iterable[Volume]) -> tuple[Belongs, ...]:
    """For every mount that fstab wants below `root`: which of the disk's volumes it is."""
    # If two volume groups have the same name, the root's own comes first.
    known = tuple(sorted(volumes, key=lambda volume: volume.group != root.group))
    own = _own_disk(fstab, root)
    return tuple(Belongs(wanted, _find(wanted.device, known, own, root.disk)) for wanted in wanted_mounts(fstab))


def _own_disk(fstab: str, root: Volume) -> str:
    """What the server calls this disk ("sda"), if its fstab names the root's partition so; else empty."""
    for line in read_fstab(fstab):
        if line.point == "/" and not line.tag[0] and (match := _NODE.fullmatch(line.source)):
            return match["disk"] if int(match["number"]) == root.partition.number else ""
    return ""


def _find(device: str, volumes: tuple[Volume, ...], own: str, disk: str) -> Volume | None:
    """The volume that fstab calls `device`; own: what the server calls the disk that is `disk` here, or empty."""
    kind, word = tag_of(device)
    match = None if kind else _NODE.fullmatch(device)
    for volume in volumes:
        names = {
            "UUID": volume.found.uuid,
            "LABEL": volume.found.label,
            "PARTUUID": volume.partition.partuuid,
            "PARTLABEL": volume.partition.label,
        }
        if mapper_name(device) in (mapper_name(volume.name), str(volume.node)) and not (match and match["disk"] == own):
            return volume
        if word and names.get(kind, "").lower() == word.lower():
            return volume
        named = match and match["disk"] == own and int(match["number"]) == volume.partition.number
        if named and volume.disk == disk:
            return volume
    return None

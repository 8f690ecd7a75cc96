"""The disks, partitions and volumes of a target, to resolve names in fstab(5) (`rescue.tree.Devices`)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rescue.targets.disks.volumes import Volume
from rescue.targets.host.mounts import mount_at
from rescue.targets.host.resources import ProgramError, run
from rescue.tree import Device, Devices

_BY = {"uuid": "by-uuid", "label": "by-label", "partuuid": "by-partuuid", "partlabel": "by-partlabel"}

_TOLD = ("UUID", "LABEL", "PARTUUID", "PARTLABEL")
_MOST_PROBED = 1_000

_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")


def of_volumes(volumes: Iterable[Volume]) -> tuple[Device, ...]:
    """Those of one disk. Their nodes' names are this machine's, not the server's, and are left out."""
    return tuple(
        Device(
            type=each.found.type, uuid=each.found.uuid, label=each.found.label,
            partuuid=each.partition.partuuid, partlabel=each.partition.label,
            number=each.partition.number,
        )
        for volume in volumes
        for each in (volume, *volume.members)
    )  # fmt: skip


def of_this_machine(dev: Path = Path("/dev"), blocks: Path = Path("/sys/class/block")) -> tuple[Device, ...] | None:
    """Those of the machine that we run on, as udev has named them; None where udev does not name any."""
    if not (dev / "disk").is_dir():
        return None
    found = {f"/dev/{name}": Device(f"/dev/{name}") for name in _names(blocks)}
    for field, directory in _BY.items():
        for name in _names(dev / "disk" / directory):
            node = f"/dev/{(dev / 'disk' / directory / name).resolve().name}"
            known = found.get(node, Device(node))
            found[node] = _named(known, field, _ESCAPED.sub(lambda code: chr(int(code[1], 16)), name))
    # What udev's rules or an administrator call it: /dev/cdrom, /dev/sdf for a cloud's nvme1n1.
    for name in _names(dev):
        if (dev / name).is_symlink():
            found.setdefault(f"/dev/{name}", Device(f"/dev/{name}"))
    # Another name of a known node: the names of a volume group's volumes.
    for name in _names(dev / "mapper"):
        node = f"/dev/{(dev / 'mapper' / name).resolve().name}"
        found[f"/dev/mapper/{name}"] = replace(found.get(node, Device(node)), name=f"/dev/mapper/{name}")
    return tuple(found[name] for name in sorted(found))


def of_a_running_system() -> Devices | None:
    """Those of the running system itself: there are no others."""
    here = of_this_machine()
    return None if here is None else Devices(here, complete=True)


def of_a_mounted_directory(path: str) -> Devices | None:
    """Those of this machine, where a file system is mounted at `path`: the server's disk is attached to it. None where
    `path` is a directory like any other, such as a copy of a server's files: its disks may be anywhere.
    """
    own = mount_at(path)
    if own is None or own.point != path:
        return None
    here = of_this_machine()
    found = here if here is not None else _probed()
    if found is None:
        return None
    # The server's device names differ, except for the partition numbers on its root's disk.
    disk = _disk_of(own.source)
    return Devices(tuple(replace(each, name="", number=_number_on(disk, each.name)) for each in found))


def _probed() -> tuple[Device, ...] | None:
    """What blkid(8) reads from the disks, where udev has not named them; None where it can't."""
    if os.geteuid() != 0:
        return None
    try:
        said = run("blkid", "-c", "/dev/null", "-o", "export")
    except ProgramError as problem:
        # It ends with status 2 where it knows nothing on any disk (blkid(8)).
        return () if "status 2" in str(problem) else None
    found = []
    for paragraph in said.split("\n\n")[:_MOST_PROBED]:
        pairs = (line.partition("=") for line in paragraph.split("\n"))
        told = {name: re.sub(r"\\(.)", r"\1", value) for name, _, value in pairs}
        kind, uuid, label, partuuid, partlabel = (told.get(each, "") for each in ("TYPE", *_TOLD))
        found.append(Device(told.get("DEVNAME", ""), kind, uuid, label, partuuid, partlabel))
    return tuple(each for each in found if each.name)


def _disk_of(node: str, blocks: Path = Path("/sys/class/block")) -> str:
    """The name of the whole disk that the node is a partition of; empty where it is none."""
    place = blocks / Path(node).name
    return place.resolve().parent.name if node.startswith("/dev/") and (place / "partition").is_file() else ""


def _number_on(disk: str, node: str, blocks: Path = Path("/sys/class/block")) -> int:
    """The number of the partition `node` if it is on that disk, else 0."""
    if not disk or _disk_of(node, blocks) != disk:
        return 0
    try:
        return int((blocks / Path(node).name / "partition").read_text())
    except (OSError, ValueError):
        return 0


def of_a_disk(volumes: Iterable[Volume], *, is_device: bool) -> Devices:
    """Those of a disk, and with a disk of this machine (not an image) those of the other disks that are attached."""
    own = of_volumes(volumes)
    beside = of_this_machine() if is_device else None
    return Devices((*own, *(replace(each, name="") for each in beside or ())))


def _named(device: Device, field: str, name: str) -> Device:
    told = {each: getattr(device, each) for each in _BY} | {field: name}
    return Device(device.name, device.type, told["uuid"], told["label"], told["partuuid"], told["partlabel"])


def _names(directory: Path) -> list[str]:
    try:
        return sorted(path.name for path in directory.iterdir())
    except OSError:
        return []

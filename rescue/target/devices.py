"""The disks, partitions and volumes that a target shows, for what fstab(5) names (`rescue.tree.Devices`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rescue.target.volumes import Volume
from rescue.tree import Device, Devices

_BY = {"uuid": "by-uuid", "label": "by-label", "partuuid": "by-partuuid", "partlabel": "by-partlabel"}

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
    # Another name of a node that is known: what a volume group's volumes are called.
    for name in _names(dev / "mapper"):
        node = f"/dev/{(dev / 'mapper' / name).resolve().name}"
        found[f"/dev/mapper/{name}"] = replace(found.get(node, Device(node)), name=f"/dev/mapper/{name}")
    return tuple(found[name] for name in sorted(found))


def of_a_running_system() -> Devices | None:
    """Those of the running system itself: there are no others."""
    here = of_this_machine()
    return None if here is None else Devices(here, complete=True)


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

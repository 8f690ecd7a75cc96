"""The devices that a line of fstab(5) or crypttab(5) names. Pure."""

from __future__ import annotations

import re

from rescue.boot.fstab import tag_of
from rescue.tree import Device, Devices

ELSEWHERE = "it may be on a server disk that is not attached here: then this line is right"


def devices_named(source: str, devices: Devices) -> list[Device]:
    """All devices of that name: path, UUID, label, or those of its partition."""
    kind, value = tag_of(source)
    return [device for device in devices.found if _is(device, kind, value) or _is_partition(device, value)]


def _is(device: Device, kind: str, value: str) -> bool:
    if not kind:
        return device.name == value
    told = {"UUID": device.uuid, "LABEL": device.label, "PARTUUID": device.partuuid, "PARTLABEL": device.partlabel}
    return bool(value) and told[kind].lower() == value.lower()


def _is_partition(device: Device, name: str) -> bool:
    """Whether `name` is a partition on the server's first disk, and that is this one."""
    found = re.fullmatch(r"/dev/(?:[hsv]da|xvda|(?:nvme0n1|mmcblk0)p)(\d+)", name)
    return found is not None and device.number == int(found[1])

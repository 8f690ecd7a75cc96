"""What the server's file systems can be mounted from, as far as the target shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Device:
    """One disk, partition or volume, with what fstab(5) may call it. Empty where it has no such name.

    name: of its node ("/dev/vda1", "/dev/mapper/vg-root"). type: of what is on it ("ext4", "xfs", "swap", "").
    number: of the partition on the server's own disk, from 1.
    """

    name: str = ""
    type: str = ""
    uuid: str = ""
    label: str = ""
    partuuid: str = ""
    partlabel: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Devices:
    """The visible devices. complete: the server has no others (it is running and was queried)."""

    found: tuple[Device, ...]
    complete: bool = False

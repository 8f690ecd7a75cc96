"""The kernel's registry of btrfs devices: btrfs-device(8), include/uapi/linux/btrfs.h."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_CONTROL = Path("/dev/btrfs-control")
_SCAN, _FORGET = 0x50009404, 0x50009405
_NAME = 4088


def forget(devices: Iterable[str]) -> None:
    """Have the kernel forget unmounted devices, so that it does not later mistake loop devices for the disks."""
    _call(_FORGET, devices)


def remember(devices: Iterable[str]) -> None:
    """Have the kernel know devices again, as udev(7) had told it when they appeared."""
    _call(_SCAN, devices)


def _call(number: int, devices: Iterable[str]) -> None:
    with suppress(OSError):
        control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
        try:
            for each in devices:
                with suppress(OSError):
                    # A bytearray may be longer than the 1024 bytes that ioctl takes of a string.
                    fcntl.ioctl(control, number, bytearray(struct.pack(f"q{_NAME}s", 0, os.fsencode(each))))
        finally:
            os.close(control)

"""Parse libguestfs' call of QEMU for its appliance: the machine, and its disks.

libguestfs writes one option after another (lib/launch-direct.c). What is not known here is kept as it is; where a part
that has to be known is missing, or occurs twice, the call is not understood, and is best left to libguestfs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

FORMAT = 2
"""Raise it when what is saved of an unchanged call changes."""

MAX_DISKS = 1
"""Disks that guestfsd is prepared for: it learns their names once, at its start (daemon/device-name-translation.c).

Of several that are there when it boots, the kernel may find any first (sd.c probes them side by side), and guestfsd
keeps that order for good, unseen: a restored appliance would take one disk for the other.
"""

PORT = "port0"
"""The id of guestfsd's serial port, which QEMU's events name."""

_CHANNEL = re.compile(r"socket,path=(.*),id=channel0")
_PORT = "virtserialport,chardev=channel0,name=org.libguestfs.channel.0"
_ROOT = re.compile(r"file=(.*),snapshot=on,id=appliance,cache=unsafe,if=none,format=raw")
_DRIVE = re.compile(r".*,id=(hd\d+),if=none")
_QUICK = ("mitigations=off", "init_on_alloc=0", "norandmaps")
"""Words for the kernel of an emulated machine: it is QEMU that keeps a hostile disk away from this one, not they.

What is translated for a program at one address is of no use at another, so that the last makes every start quicker.
"""
_PASSING = re.compile(r"(?:TERM|lpj)=.*")
"""Words of the kernel's command line that differ from one terminal, or one boot of this computer, to the next."""


class UnknownCall(Exception):
    """A call of an unknown form."""


@dataclass(frozen=True, slots=True)
class Call:
    """memory: MiB. machine: the option's value. append: the kernel's command line, without what passes.

    channel: the socket that libguestfs waits at for guestfsd. root: the appliance's disk, raw. drives: the values of
    -drive for the disks, in order; their ids are hd0, hd1, .... rest: all other words.
    """

    program: str
    rest: tuple[str, ...]
    memory: int
    machine: str
    append: str
    channel: str
    root: Path
    drives: tuple[str, ...]

    def key(self, versions: Sequence[object]) -> str:
        """Sixteen hexadecimal digits that change with anything that a saved state depends on; `versions` too."""
        parts = [FORMAT, MAX_DISKS, _QUICK, self.program, self.rest, self.memory, self.machine, self.append, *versions]
        return sha256(json.dumps(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def boot(self, place: Path, monitor: Path) -> list[str]:
        """The call for the machine whose state will be saved in `place`: nobody listens at its channel."""
        return [
            *self._machine(place, "on", "null"),
            *("-drive", f"file={_escaped(place / 'root')},if=none,id=appliance,cache=unsafe,format=qcow2"),
            *self._devices("socket,server=on,wait=off,id=channel0,path=" + _escaped(place / "channel")),
            *("-qmp", f"unix:{_escaped(monitor)},server=on,wait=off"),
            *(word for number in range(MAX_DISKS) for word in _placeholder(number)),
        ]

    def restore(self, place: Path, monitor: Path) -> list[str]:
        """The call for a machine that resumes from the state in `place`, without changing it."""
        root = f"file={_escaped(place / 'root')},if=none,id=appliance,cache=unsafe,format=qcow2,snapshot=on"
        return [
            *self._machine(place, "off", "stdio"),
            *("-drive", root),
            *self._devices(f"socket,path={self.channel},id=channel0"),
            *("-qmp", f"unix:{_escaped(monitor)},server=on,wait=off"),
            *("-incoming", "defer"),
        ]

    def _machine(self, place: Path, share: str, serial: str) -> list[str]:
        return [
            self.program,
            *self.rest,
            *("-machine", f"{self.machine},memory-backend=ram", "-m", str(self.memory)),
            "-object",
            f"memory-backend-file,id=ram,size={self.memory}M,share={share},mem-path={_escaped(place / 'memory')}",
            *("-append", " ".join((self.append, *_QUICK)), "-serial", serial),
        ]

    def _devices(self, channel: str) -> list[str]:
        """The appliance's own disk has its own bus, so that the others keep their usual names."""
        return [
            *("-device", "virtio-scsi-pci,id=scsi", "-device", "virtio-blk-pci,drive=appliance"),
            *("-device", "virtio-serial-pci", "-chardev", channel, "-device", f"{_PORT},id={PORT}"),
        ]


def understood(words: Sequence[str]) -> Call:
    """The call of QEMU whose first word is the program. Raises UnknownCall."""
    program, *left = words
    drives: list[str] = []
    while (at := _drive_at(left)) is not None:
        drives.append(left[at + 1])
        if f"id=hd{len(drives) - 1}," not in left[at + 1]:
            raise UnknownCall("the disks are not in order")
        if any("\udc80" <= letter <= "\udcff" for letter in left[at + 1]):
            raise UnknownCall("the name of a disk is not UTF-8, which QEMU's monitor requires")
        del left[at : at + 4]
    root = _ROOT.fullmatch(_taken(left, "-drive"))
    if root is None:
        raise UnknownCall("the appliance's own disk has an unknown form")
    for device in ("scsi-hd,drive=appliance", "virtio-scsi-pci,id=scsi", "virtio-serial-pci", _PORT):
        _take_pair(left, "-device", device)
    _take_pair(left, "-serial", "stdio")
    channel = _CHANNEL.fullmatch(_taken(left, "-chardev"))
    machine, memory, append = _taken(left, "-machine"), _taken(left, "-m"), _taken(left, "-append")
    if channel is None or not memory.isdecimal() or "accel=tcg" not in machine.split(","):
        raise UnknownCall("the channel, the memory or the accelerator has an unknown form")
    if len(drives) > MAX_DISKS or any("drive=" in word or word in ("-drive", "-blockdev", "-netdev") for word in left):
        raise UnknownCall("there are more devices than usual")
    kept = " ".join(word for word in append.split(" ") if not _PASSING.fullmatch(word))
    return Call(
        program, tuple(left), int(memory), machine, kept, channel[1], Path(root[1].replace(",,", ",")), tuple(drives)
    )


def _drive_at(words: Sequence[str]) -> int | None:
    """The position of a disk's options: its -drive and -device."""
    for at in range(len(words) - 3):
        drive = _DRIVE.fullmatch(words[at + 1]) if words[at] == "-drive" else None
        if drive and tuple(words[at + 2 : at + 4]) == ("-device", f"scsi-hd,drive={drive[1]}"):
            return at
    return None


def _taken(words: list[str], option: str) -> str:
    if words.count(option) != 1 or words.index(option) + 1 == len(words):
        raise UnknownCall(f"{option} is not given exactly once")
    at = words.index(option)
    value = words[at + 1]
    del words[at : at + 2]
    return value


def _take_pair(words: list[str], option: str, value: str) -> None:
    for at in range(len(words) - 1):
        if words[at : at + 2] == [option, value]:
            del words[at : at + 2]
            return
    raise UnknownCall(f"{option} {value} is missing")


def _placeholder(number: int) -> tuple[str, ...]:
    """An empty disk as a placeholder for one added later."""
    name = placeholder_name(number)
    disk = f"driver=null-co,node-name={name},size=1048576,read-zeroes=on"
    return ("-blockdev", disk, "-device", f"scsi-hd,bus=scsi.0,scsi-id={number},lun=0,drive={name},id={name}")


def placeholder_name(number: int) -> str:
    """The id of the placeholder for the disk with this number."""
    return f"place{number}"


def _escaped(path: Path) -> str:
    """A path in one of QEMU's comma-separated values: a comma is doubled (qemu(1))."""
    return str(path).replace(",", ",,")

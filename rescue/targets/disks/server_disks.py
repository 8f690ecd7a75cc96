"""The disks of one server, opened for reading: the one that the user named, and the server's others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rescue.targets.disks import luks
from rescue.targets.disks.discovery import Discovery, discover
from rescue.targets.disks.sources import DiskSource
from rescue.targets.disks.volumes import Mounter, Volume
from rescue.targets.host.mounts import mounts
from rescue.targets.host.resources import Resources
from rescue.targets.opening import Opening
from rescue.targets.protocol import TargetError

_NOT_DISKS = ("loop", "ram", "zram", "sr", "fd", "nbd", "mtd")


class Disk(Mounter):
    """A block device or image file, and the same server's others. Everything it starts is closed with `resources`."""

    def __init__(self, path: Path, resources: Resources, opening: Opening | None = None) -> None:
        super().__init__(resources)
        self._opening = opening or Opening()
        self._resources = resources
        self.path = path
        self.sources = tuple(DiskSource(each, resources, self._opening) for each in (path, *self._opening.disks))
        self.is_device = self.sources[0].is_device
        self._others: tuple[DiskSource, ...] | None = None
        self._strange: tuple[Volume, ...] = ()
        self._opened: dict[str, Path] = {}
        self.volumes = self._own()

    def unlock(self, resources: Resources, *, write: bool) -> bool:
        """Open the encrypted volumes until `resources` is closed, and look again. Returns whether there were any.

        Raises TargetError if a passphrase is wrong, or nobody can be asked for it.
        """
        locked = [volume for volume in self.volumes if volume.found.type == "LUKS" and len(volume.pieces) == 1]
        # An image of another format is shown by a daemon, which would have to be another one to write.
        locked = [volume for volume in locked if not write or volume.pieces[0].source.is_raw]
        if not locked or not luks.can_open():
            return False
        for each in locked:
            self._opened[each.name] = luks.opened(
                resources, each.name, each.found.uuid, each.pieces, each.node, self._opening, write=write
            )
        self.volumes = self._own()
        return True

    def _own(self) -> tuple[Volume, ...]:
        found = self._discovered(())
        if found.incomplete and self.is_device:
            found = self._discovered(self._beside())
        return found.own

    @property
    def name(self) -> str:
        """For people."""
        return " and ".join(str(source.path) for source in self.sources)

    def everything(self) -> tuple[Volume, ...]:
        """The volumes, and those of this machine's other disks: a server's /var may be on one of them."""
        if not self.is_device:
            return self.volumes
        self._strange = self._discovered(self._beside()).beside
        return self.volumes + self._strange

    def is_beside(self, volume: Volume) -> bool:
        """Whether it is on a disk that nobody named."""
        return volume in self._strange

    def _discovered(self, beside: tuple[DiskSource, ...]) -> Discovery:
        return discover(self.sources, beside, self._resources, self._opening, self._opened)

    def _beside(self) -> tuple[DiskSource, ...]:
        if self._others is None:
            self._others = tuple(self._openable())
        return self._others

    def _openable(self) -> Iterator[DiskSource]:
        named = {source.number for source in self.sources}
        for path in other_disks():
            try:
                source = DiskSource(path, self._resources, self._opening)
            except (OSError, TargetError):
                continue
            if source.number not in named:
                yield source


def other_disks() -> tuple[Path, ...]:
    """This machine's whole disks, except those that hold the running system's root."""
    own = {name for mount in mounts() if mount.point == "/" for name in _below(Path("/sys/dev/block") / mount.device)}
    found = []
    for told in sorted(Path("/sys/class/block").glob("*")):
        node = Path("/dev") / told.name.replace("!", "/")
        try:
            plain = not (told / "partition").exists() and int((told / "size").read_text()) > 0 and node.exists()
        except (OSError, ValueError):
            continue
        # What is mapped is found above the disks that it is on.
        if plain and told.name not in own and not told.name.startswith((*_NOT_DISKS, "dm-", "md")):
            found.append(node)
    return tuple(found)


def _below(told: Path, depth: int = 8) -> Iterator[str]:
    """The kernel's names of a block device and of all that it is on."""
    if not told.exists() or not depth:
        return
    device = told.resolve()
    yield device.name
    if (device / "partition").exists():
        yield device.parent.name
    for slave in (device / "slaves").glob("*"):
        yield from _below(slave, depth - 1)

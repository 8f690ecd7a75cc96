"""What disks hold, down to the file systems: partitions, arrays and logical volumes, in any nesting.

It reads bytes, or what this machine's kernel has already assembled; it assembles nothing. The
disks are untrusted: the number and depth of what they describe are bounded.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from rescue.targets.disks import lvm, raid
from rescue.targets.disks.btrfs import put_together
from rescue.targets.disks.probe import Found, Partition, ReadAt, partitions, probe
from rescue.targets.disks.sources import DiskSource, Piece, cut
from rescue.targets.disks.volumes import Volume, mapper_name
from rescue.targets.host.resources import Resources
from rescue.targets.opening import Opening
from rescue.targets.protocol import TargetError

_MAX_REGIONS = 512
_MAX_DEPTH = 6
_MAX_METADATA = 64 << 20
"""Bytes of LVM's metadata that are read from all physical volumes together."""

NOTHING: Mapping[str, Path] = MappingProxyType({})
MIRROR = "it is one side of a mirror, and the sides would then differ"
ONE_SIDE = "{name} is a mirror of {members} disks, and only one was read: if it had dropped out, its data is old"


@dataclass(frozen=True, slots=True)
class _Region:
    """Bytes that may hold anything. own: of the target, not of a disk beside it."""

    pieces: tuple[Piece, ...]
    name: str
    own: bool
    partition: Partition = field(default=Partition(0, 0, 0))
    node: Path | None = None
    disk: str = ""
    depth: int = 0
    read_only: str = ""
    note: str = ""

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Discovery:
    """The volumes of the target, those of the disks beside it, and whether a part of the target is on other disks."""

    own: tuple[Volume, ...]
    beside: tuple[Volume, ...]
    incomplete: bool


def discover(
    own: Sequence[DiskSource], beside: Sequence[DiskSource], looking: Resources, opening: Opening,
    opened: Mapping[str, Path] = NOTHING,
) -> Discovery:  # fmt: skip
    """Look at every source. opened: the devices of encrypted volumes that have been opened, by the volumes' names.

    Raises TargetError where one of the target's own can't be read.
    """
    with ExitStack() as stack:
        finder = _Finder(stack, looking, opening, opened)
        for source in own:
            finder.source(source, own=True)
        for source in beside:
            try:
                finder.source(source, own=False)
            except TargetError:
                # Nobody asked for this one.
                continue
        return finder.discovery()


class _Finder:
    def __init__(self, stack: ExitStack, looking: Resources, opening: Opening, opened: Mapping[str, Path]) -> None:
        self._stack = stack
        self._looking = looking
        self._opening = opening
        self._opened = opened
        self._descriptors: dict[DiskSource, int] = {}
        self._volumes: list[tuple[Volume, bool]] = []
        self._members: dict[str, list[tuple[raid.Member, _Region]]] = {}
        self._physicals: list[tuple[lvm.Physical, _Region]] = []
        self._active: set[str] = set()
        self._groups: dict[str, str] = {}  # of the active volumes, by their names
        self._seen: set[Path | int] = set()
        self._count = 0
        self._metadata = 0
        self._incomplete = False

    def source(self, source: DiskSource, *, own: bool) -> None:
        """Everything on `source`, except what spans several."""
        known = source.number or source.path
        if known in self._seen:
            return
        self._seen.add(known)
        try:
            size = self._open(source)
            node = source.path if source.is_device else None
            number, disk = _place(source)
            self._look(
                _Region((Piece(source, 0, size),), str(source.path), own, Partition(number, 0, size), node, disk)
            )
        except OSError as problem:
            hint = "The disk is failing. Copy it (ddrescue) before anything else."
            if problem.errno in (errno.EPERM, errno.EACCES):
                hint = "This machine denies it even to root. See what is mounted from it: findmnt"
            raise TargetError(f"{source.path} can't be read: {problem.strerror}", hint) from problem

    def discovery(self) -> Discovery:
        """Put together what spans several sources."""
        while self._members:
            members, self._members = self._members, {}
            for each in members.values():
                self._array(each)
        for group in lvm.groups(physical for physical, _ in self._physicals):
            self._group(group)
        self._loose_physicals()
        volumes = [
            (replace(each, group=each.group or self._groups.get(each.name, "")), mine) for each, mine in self._volumes
        ]
        volumes, lacking = put_together(volumes)
        own = tuple(volume for volume, mine in volumes if mine)
        beside = tuple(volume for volume, mine in volumes if not mine)
        return Discovery(own, beside, self._incomplete or lacking)

    # -- one region ---------------------------------------------------------------------------------------------------

    def _look(self, region: _Region) -> None:
        self._count += 1
        if self._count > _MAX_REGIONS or region.depth > _MAX_DEPTH:
            return
        held = self._holders(region)
        read = self._reader(region)
        if (member := raid.read_member(read, region.size)) is not None and not (
            member.version == "0.90" and partitions(read, region.size)
        ):
            if not held:
                self._members.setdefault(member.uuid, []).append((member, region))
            return
        parts = partitions(read, region.size)
        if parts and not held:
            self._partitions(region, parts)
            return
        found = probe(read)
        if found.type == "LUKS" and not held and (node := self._opened.get(region.name)) is not None:
            self.source(DiskSource(node, self._looking, self._opening), own=region.own)
        elif found.type == "LVM":
            self._physical(region, read)
        elif not held:
            self._volume(region, found)

    def _partitions(self, region: _Region, parts: Iterable[Partition]) -> None:
        nodes = _partition_nodes(region.node) if region.node is not None else {}
        for part in parts:
            node = nodes.get(part.number)
            pieces = self._own_pieces(node) if node is not None else cut(region.pieces, part.start, part.size)
            self._look(
                replace(
                    region, pieces=pieces, partition=part, node=node,
                    name=str(node) if node else f"{region.name} partition {part.number}", depth=region.depth + 1,
                )
            )  # fmt: skip

    def _own_pieces(self, node: Path) -> tuple[Piece, ...]:
        """A partition through its own device: the kernel caches the whole disk's bytes apart from its partitions'."""
        source = DiskSource(node, self._looking, self._opening)
        return (Piece(source, 0, self._open(source)),)

    def _open(self, source: DiskSource) -> int:
        """Open `source` to read, until all is found; its size in bytes. Raises OSError, TargetError."""
        descriptor = os.open(source.readable(), os.O_RDONLY | os.O_CLOEXEC)
        self._stack.callback(os.close, descriptor)
        self._descriptors[source] = descriptor
        return os.lseek(descriptor, 0, os.SEEK_END)

    def _holders(self, region: _Region) -> bool:
        """Look at the mapped volumes and arrays that the kernel has already set up on this device. True if any."""
        if region.node is None:
            return False
        holders = Path(f"/sys/class/block/{region.node.resolve().name}/holders").glob("*")
        found = [_node_of(held) for held in holders if _is_running(held)]
        for node in found:
            self._active.add(str(node))
            self.source(DiskSource(node, self._looking, self._opening), own=region.own)
        return bool(found)

    def _volume(self, region: _Region, found: Found, group: str = "") -> None:
        volume = Volume(
            region.partition, found, region.node, region.name, region.pieces, region.disk, group,
            region.read_only, region.note,
        )  # fmt: skip
        self._volumes.append((volume, region.own))

    def _reader(self, region: _Region) -> ReadAt:
        descriptors = self._descriptors

        def read(offset: int, length: int) -> bytes:
            if offset < 0:
                return b""
            return b"".join(
                os.pread(descriptors[piece.source], piece.size, piece.start)
                for piece in cut(region.pieces, offset, length)
            )

        return read

    # -- what lies on several ---------------------------------------------------------------------------------------

    def _array(self, members: list[tuple[raid.Member, _Region]]) -> None:
        best, region = max(members, key=lambda each: (each[0].in_sync, each[0].events, each[1].own))
        own = any(region.own for _, region in members)
        name = f"RAID{best.level} {best.name!r}" if best.name else f"the RAID{best.level} on {region.name}"
        if best.level != 1 or not best.in_sync:
            why = "" if best.in_sync else ": this disk is a spare, or out of date"
            for _, each in members:
                self._volume(replace(each, pieces=()), Found("RAID", best.uuid, f"RAID{best.level}{why}"))
            return
        note = ONE_SIDE.format(name=name, members=best.members) if len(members) < best.members else ""
        self._look(
            replace(
                region, pieces=cut(region.pieces, best.start, best.size), own=own, node=None, name=name,
                partition=Partition(region.partition.number, 0, best.size), depth=region.depth + 1,
                read_only=MIRROR, note=note,
            )
        )  # fmt: skip

    def _physical(self, region: _Region, read: ReadAt) -> None:
        def counted(offset: int, length: int) -> bytes:
            self._metadata += length
            if self._metadata > _MAX_METADATA:
                raise lvm.BadMetadata("there is more LVM metadata than any server has")
            return read(offset, length)

        try:
            physical = lvm.read_physical(counted)
        except lvm.BadMetadata as problem:
            self._volume(replace(region, pieces=(), read_only=str(problem)), Found("LVM"))
            return
        if all(each.uuid != physical.uuid for each, _ in self._physicals):
            self._physicals.append((physical, region))

    def _group(self, group: lvm.Group) -> None:
        regions = {physical.uuid: region for physical, region in self._physicals}
        mine = [regions[uuid] for uuid in group.physicals if uuid in regions]
        own = any(region.own for region in mine)
        if own and len(mine) < len(group.physicals):
            self._incomplete = True
        for logical in group.logicals:
            self._count += 1
            if self._count > _MAX_REGIONS:
                return
            name = f"/dev/{group.name}/{logical.name}"
            if mapper_name(name) in self._active:
                self._groups[mapper_name(name)] = group.uuid
                continue
            missing = logical.physicals - regions.keys()
            why = logical.why
            if missing:
                lost = ", ".join(sorted(group.physicals.get(uuid, "") or uuid for uuid in missing))
                why = f"part of it is on another disk, formerly {lost}"
            if why:
                region = _Region((), name, own, read_only=why)
                self._volume(region, Found("LVM"), group.uuid)
                continue
            pieces = tuple(
                piece for run in logical.runs for piece in cut(regions[run.physical].pieces, run.start, run.size)
            )
            needed = [regions[run.physical] for run in logical.runs]
            region = _Region(
                pieces, name, any(each.own for each in needed),
                read_only=logical.read_only or next((each.read_only for each in needed if each.read_only), ""),
                note=next((each.note for each in needed if each.note), ""),
            )  # fmt: skip
            if region.size != sum(run.size for run in logical.runs):
                self._volume(replace(region, pieces=(), read_only="it goes beyond its disk"), Found("LVM"), group.uuid)
                continue
            self._volume(region, probe(self._reader(region)), group.uuid)

    def _loose_physicals(self) -> None:
        """List physical volumes whose group is unknown, too."""
        grouped = {volume.group for volume, _ in self._volumes if volume.group}
        if not grouped:
            for _, region in self._physicals:
                if not self._active:
                    self._volume(replace(region, pieces=()), Found("LVM"))


def _place(source: DiskSource) -> tuple[int, str]:
    """A device's number among the partitions of its disk (0: it is none), and that disk's name."""
    if not source.is_device:
        return 0, str(source.path)
    told = Path(f"/sys/dev/block/{os.major(source.number)}:{os.minor(source.number)}")
    try:
        number = int((told / "partition").read_text())
    except (OSError, ValueError):
        return 0, str(source.path)
    return number, f"/dev/{told.resolve().parent.name}"


def _is_running(held: Path) -> bool:
    """False for an array that was put together and not started, as it lacks a disk: it has no bytes of its own."""
    try:
        return int((held / "size").read_text()) > 0
    except (OSError, ValueError):
        return True


def _node_of(held: Path) -> Path:
    try:
        return Path("/dev/mapper") / (held / "dm" / "name").read_text().rstrip("\n")
    except OSError:
        return Path("/dev") / held.name.replace("!", "/")


def _partition_nodes(disk: Path) -> dict[int, Path]:
    """The block devices of a disk's partitions, by number, as the kernel knows them."""
    number = disk.stat().st_rdev
    found = {}
    for told in Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").glob("*/partition"):
        node = Path("/dev") / told.parent.name.replace("!", "/")
        if node.exists():
            found[int(told.read_text())] = node
    return found

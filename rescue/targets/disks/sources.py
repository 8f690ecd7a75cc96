"""A block device or an image file as raw bytes: to read, to read through a throw-away layer, to write."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from rescue.targets.disks import overlay
from rescue.targets.disks.image import DiskImage, image_at
from rescue.targets.host import device_mapper
from rescue.targets.host.image_lock import busy, hold_as_writer
from rescue.targets.host.resources import ProgramError, Resources
from rescue.targets.opening import Opening
from rescue.targets.protocol import TargetError


class DiskSource:
    """What is at `path`. Daemons started for reading end with `looking`."""

    def __init__(self, path: Path, looking: Resources, opening: Opening) -> None:
        found = path.stat()
        self.path = path
        self.is_device = stat.S_ISBLK(found.st_mode)
        self.number = found.st_rdev if self.is_device else 0
        self.image = DiskImage(path, "raw", 0) if self.is_device else _image(path, opening)
        self._looking = looking
        self._layer: Path | None = None
        self._writable: Path | None = None

    @property
    def is_raw(self) -> bool:
        """Whether its bytes can be read as they are."""
        return self.image.format == "raw"

    @property
    def can_layer(self) -> bool:
        """Whether `layer` is possible."""
        return overlay.available() or (self.is_raw and device_mapper.available())

    def readable(self) -> Path:
        """A raw file or device with its content."""
        # What is not raw can only be read through a daemon, and then it may as well be through a layer.
        return self.path if self.is_raw else self.layer()

    def layer(self) -> Path:
        """The same as a raw file that may be written to: what is written is thrown away. Raises TargetError."""
        if self._layer is None:
            if not self.can_layer:
                raise TargetError(
                    f"{self.path} is a {self.image.format} image, which this machine can't read",
                    "Install qemu-utils and qemu-system-common, or use --backend guestfs.",
                )
            try:
                if overlay.available():
                    self._layer = overlay.shown_as_raw(self._looking, self.image)
                else:
                    self._layer = device_mapper.layer(self._looking, self.path)
            except ProgramError as problem:
                raise _unreadable(self, problem) from problem
        return self._layer

    def writable(self, resources: Resources) -> Path:
        """The raw file or device to write to, held against a machine that would start. TargetBusy if one runs."""
        if self._writable is None:
            if not self.is_raw:
                self._writable = _shown(resources, self)
            else:
                self._writable = self.path
                if not self.is_device:
                    _hold(resources, self.path)
        return self._writable


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of bytes of a source."""

    source: DiskSource
    start: int
    size: int

    def part(self, start: int, size: int) -> Piece:
        """`size` bytes of it from `start` on."""
        return Piece(self.source, self.start + start, size)


def cut(pieces: Sequence[Piece], start: int, size: int) -> tuple[Piece, ...]:
    """The `size` bytes from `start` on of pieces in a row; fewer where they end."""
    found = []
    for piece in pieces:
        if start < piece.size and size > 0:
            length = min(size, piece.size - start)
            found.append(piece.part(start, length))
            size -= length
            start = 0
        else:
            start = max(0, start - piece.size)
    return tuple(found)


def joined_to_write(resources: Resources, pieces: Sequence[Piece]) -> Path:
    """The pieces as one raw file that is written through to them. Raises TargetBusy, TargetError."""
    # One daemon may not open a disk twice to write: it opens a loop device for each piece.
    parts = [
        (resources.loop(piece.source.writable(resources), piece.start, piece.size), 0, piece.size) for piece in pieces
    ]
    return _joined(resources, parts, write=True)


def joined_to_look(resources: Resources, pieces: Sequence[Piece]) -> Path:
    """The same through a throw-away layer. Raises TargetError where `can_join` is False."""
    parts = [(piece.source.readable(), piece.start, piece.size) for piece in pieces]
    return _joined(resources, parts, write=False)


def can_join(pieces: Sequence[Piece]) -> bool:
    """Whether this machine can put them together."""
    return overlay.available() or (all(piece.source.is_raw for piece in pieces) and device_mapper.available())


def _joined(resources: Resources, parts: Sequence[tuple[Path, int, int]], *, write: bool) -> Path:
    join = overlay.joined if overlay.available() else device_mapper.joined
    return join(resources, parts, write=write)


def _unreadable(source: DiskSource, problem: ProgramError) -> TargetError:
    if problem.hint:
        return problem
    said = _reason(problem)
    if "too large for file format" in said:
        return TargetError(f"{source.path} claims a disk larger than is possible", "It is damaged or malicious.")
    if source.is_raw:
        return TargetError(f"{source.path} can't be read through a layer: {said}", "See what uses it: lsblk, fuser -v.")
    return TargetError(
        f"{source.path} can't be read as a {source.image.format} image: {said}",
        f"It is damaged or cut off. Copy it again, or check it: qemu-img check {quote(str(source.path))}",
    )


def _reason(problem: ProgramError) -> str:
    """QEMU's error, without the configuration that it repeats."""
    return str(problem).rpartition("can't be shown: ")[2].rpartition("}': ")[2]


def _image(path: Path, opening: Opening) -> DiskImage:
    return image_at(path, opening.format, allow_backing=opening.allow_backing)


def _hold(resources: Resources, path: Path) -> None:
    """Lock the image as QEMU does, and flush it to the disk at the end."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    resources.add(lambda: os.close(descriptor))
    hold_as_writer(descriptor)
    resources.add(lambda: os.fsync(descriptor))


def _shown(resources: Resources, source: DiskSource) -> Path:
    try:
        return overlay.shown_as_raw(resources, source.image, write=True)
    except ProgramError as problem:
        raise _busy(source, problem) from problem


def _busy(source: DiskSource, problem: ProgramError) -> TargetError:
    if "lock" in str(problem):
        return busy(source.path)
    if problem.hint:
        return problem
    return TargetError(
        f"{source.path} can't be written to as a {source.image.format} image: {_reason(problem)}",
        f"It may be damaged. Check it: qemu-img check {quote(str(source.path))}",
    )

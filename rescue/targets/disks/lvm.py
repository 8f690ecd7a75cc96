"""LVM2's volume groups, read from the bytes of their physical volumes, without LVM and without device-mapper.

The metadata is text with a checksum (lib/format_text/layout.h and export.c of LVM2, lvm(8)). What a logical volume is
made of is told where that is plain: runs of extents on physical volumes, and mirrors, of which one side is enough to
look. Thin, cached, striped and other volumes are named with what they are. The metadata is a stranger's: everything
is bounded, and a name that leads in a circle ends.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rescue.targets.disks.probe import ReadAt

_LABEL = b"LABELONE"
_MDA_MAGIC = b" LVM2 x[5A%r0N*>"
_FIRST_CRC = 0xF597A6CF
_MAX_TEXT = 4 << 20
_MAX_DEPTH = 8
_MAX_WORDS = 400_000
_MAX_AREAS = 4
_MAX_TEXTS = 4 << 20
"""Bytes of the texts of all groups together that are read: a disk may have a group in each of its partitions."""

_MAX_STEPS = 200_000
"""Segments and runs that are looked at for one group: no text of that length has as many."""

_MAX_PIECES = 4096
_SECTOR = 512

_END = re.compile(rb"\s*(?:#[^\n]*\n\s*)*(?:#[^\n]*)?\0*")
_WORD = re.compile(rb'\s*(?:#[^\n]*\n\s*)*("(?:[^"\\]|\\.)*"|[A-Za-z0-9_.+/-]+|[{}\[\]=,])')

Value = str | int | list["Value"] | dict[str, "Value"]
Section = dict[str, Value]


class BadMetadata(ValueError):
    """The metadata is not what LVM writes."""


@dataclass(frozen=True, slots=True)
class Physical:
    """A physical volume's label: its UUID, and the text of the group that it belongs to ("" for none)."""

    uuid: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes of a physical volume: its UUID, where they begin, how many."""

    physical: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Logical:
    """A logical volume that a machine may use. runs: what it is made of, in order; () where `why` says why not.

    read_only: why it must not be written through its runs, or empty.
    """

    name: str
    runs: tuple[Run, ...]
    why: str = ""
    read_only: str = ""

    @property
    def physicals(self) -> frozenset[str]:
        """The UUIDs of the physical volumes that it needs."""
        return frozenset(run.physical for run in self.runs)


@dataclass(frozen=True, slots=True)
class Group:
    """A volume group. physicals: the UUIDs of all its physical volumes, with the names of their devices back then."""

    name: str
    uuid: str
    sequence: int
    physicals: Mapping[str, str]
    logicals: tuple[Logical, ...]


def read_physical(read: ReadAt) -> Physical:
    """The physical volume that begins at offset 0. Raises BadMetadata."""
    label = next((at for at in range(0, 4 * _SECTOR, _SECTOR) if read(at, 8) == _LABEL), None)
    if label is None:
        raise BadMetadata("there is no LVM label")
    sector = read(label, _SECTOR).ljust(_SECTOR, b"\0")
    at = struct.unpack_from("<I", sector, 20)[0]
    if not 32 <= at <= _SECTOR - 40:
        raise BadMetadata("the LVM label is damaged")
    uuid = sector[at : at + 32].decode("ascii", "replace")
    areas: list[tuple[int, int]] = []
    lists = 0
    for offset in range(at + 40, _SECTOR - 15, 16):
        start, size = struct.unpack_from("<QQ", sector, offset)
        if not start:
            lists += 1
            if lists == 2:
                break
        elif lists == 1 and len(areas) < _MAX_AREAS:
            areas.append((start, size))
    texts = [text for start, size in areas if (text := _area(read, start, size))]
    if areas and not texts:
        raise BadMetadata("the LVM metadata is damaged")
    return Physical(uuid, max(texts, key=_sequence, default=b""))


def _area(read: ReadAt, start: int, size: int) -> bytes:
    """The committed text of one metadata area, a ring behind its first sector; b"" if there is none."""
    header = read(start, _SECTOR)
    if len(header) < _SECTOR or header[4:20] != _MDA_MAGIC or _crc(header[4:]) != struct.unpack_from("<I", header)[0]:
        return b""
    area = struct.unpack_from("<Q", header, 32)[0]
    offset, length, checksum, flags = struct.unpack_from("<QQII", header, 40)
    if not offset or flags & 1 or not _SECTOR <= offset < area <= size or not 0 < length <= min(_MAX_TEXT, area):
        return b""
    first = read(start + offset, min(length, area - offset))
    text = first + read(start + _SECTOR, length - len(first)) if len(first) < length else first
    return text.rstrip(b"\0") if _crc(text) == checksum else b""


def _crc(data: bytes) -> int:
    return zlib.crc32(data, _FIRST_CRC ^ 0xFFFFFFFF) ^ 0xFFFFFFFF


def _sequence(text: bytes) -> int:
    found = re.search(rb"^\s*seqno\s*=\s*(\d{1,18})", text, re.MULTILINE)
    return int(found[1]) if found else -1


def groups(physicals: Iterable[Physical]) -> tuple[Group, ...]:
    """The groups that these physical volumes describe, each by its newest metadata.

    Damaged ones are left out, and the longest ones if there is more than any server's disks hold.
    """
    newest: dict[str, Group] = {}
    room = _MAX_TEXTS
    for text in sorted(dict.fromkeys(each.text for each in physicals if each.text), key=len):
        room -= len(text)
        if room < 0:
            break
        try:
            group = read_group(text)
        except BadMetadata:
            continue
        if group.uuid not in newest or newest[group.uuid].sequence < group.sequence:
            newest[group.uuid] = group
    return tuple(newest.values())


def read_group(text: bytes) -> Group:
    """The group that a metadata text describes. Raises BadMetadata."""
    top = _parse(text)
    found = [(name, value) for name, value in top.items() if isinstance(value, dict)]
    if len(found) != 1:
        raise BadMetadata("it contains no volume group")
    name, group = found[0]
    extent = _number(group, "extent_size") * _SECTOR
    places: dict[str, tuple[str, int]] = {}
    devices: dict[str, str] = {}
    for own, value in _sections(group, "physical_volumes"):
        uuid = _string(value, "id").replace("-", "")
        places[own] = (uuid, _number(value, "pe_start") * _SECTOR)
        devices[uuid] = _string(value, "device")
    logicals = dict(_sections(group, "logical_volumes"))
    maker = _Maker(extent, places, logicals)
    visible = [own for own, value in logicals.items() if "VISIBLE" in _strings(value, "status")]
    return Group(
        name, _string(group, "id"), _number(group, "seqno"), devices, tuple(maker.logical(own) for own in visible)
    )


class _Maker:
    """Follows what the logical volumes of one group are made of."""

    def __init__(self, extent: int, places: dict[str, tuple[str, int]], logicals: dict[str, Section]) -> None:
        self._extent = extent
        self._places = places
        self._segments = {name: _segments(value) for name, value in logicals.items()}
        self._steps = 0
        self._origins = {
            str(segment.get("origin")) for segments in self._segments.values() for segment in segments
            if segment.get("type") == "snapshot"
        }  # fmt: skip

    def logical(self, name: str) -> Logical:
        reasons: list[str] = []
        if name in self._origins:
            reasons.append("it has a snapshot, which a change would make invalid")
        try:
            runs = self._runs(name, reasons, _MAX_DEPTH)
        except BadMetadata as problem:
            return Logical(name, (), why=str(problem))
        return Logical(name, _joined(runs), read_only="; ".join(dict.fromkeys(reasons)))

    def _runs(self, name: str, reasons: list[str], depth: int) -> list[Run]:
        segments = self._segments.get(name)
        if segments is None:
            raise BadMetadata(f"it needs {name!r}, which is missing")
        self._steps += 1 + len(segments)
        if not depth or self._steps > _MAX_STEPS:
            raise BadMetadata("it has too many parts, or they form a circle")
        runs: list[Run] = []
        after = 0
        for segment in sorted(segments, key=lambda each: _number(each, "start_extent")):
            if _number(segment, "start_extent") != after:
                raise BadMetadata("there is a gap in it")
            count = _number(segment, "extent_count")
            runs += self._segment(segment, count, reasons, depth)
            after += count
            if len(runs) > _MAX_PIECES:
                raise BadMetadata("it has too many pieces")
        if not runs:
            raise BadMetadata("it has no extents")
        return runs

    def _segment(self, segment: Section, count: int, reasons: list[str], depth: int) -> list[Run]:
        kind = _string(segment, "type")
        if kind == "striped":
            stripes = segment.get("stripes")
            if segment.get("stripe_count") != 1 or not isinstance(stripes, list) or len(stripes) != 2:
                raise BadMetadata("it is striped over several disks")
            place, first = stripes
            if place not in self._places or not isinstance(first, int) or first < 0:
                raise BadMetadata("it is being moved, or its metadata is damaged")
            uuid, start = self._places[str(place)]
            return [Run(uuid, start + first * self._extent, count * self._extent)]
        if kind in ("raid1", "mirror"):
            sides = segment.get("raids" if kind == "raid1" else "mirrors")
            # raid1: log, image, log, image; mirror: image, start, image, start. Any image will do for reading.
            images = sides[1 if kind == "raid1" else 0 :: 2] if isinstance(sides, list) else []
            reasons.append("it is a mirror, and its sides would then differ")
            for image in images:
                try:
                    runs = self._runs(str(image), reasons, depth - 1)
                except BadMetadata:
                    continue
                self._steps += len(runs)
                if sum(run.size for run in runs) == count * self._extent:
                    return runs
            raise BadMetadata("no side of the mirror is complete")
        raise BadMetadata(f"it is of type {kind!r}")


def _joined(runs: list[Run]) -> tuple[Run, ...]:
    """The same, with adjacent runs merged."""
    found: list[Run] = []
    for run in runs:
        last = found[-1] if found else None
        if last is not None and last.physical == run.physical and last.start + last.size == run.start:
            found[-1] = Run(last.physical, last.start, last.size + run.size)
        else:
            found.append(run)
    return tuple(found)


# -- the text ---------------------------------------------------------------------------------------------------------


def _parse(text: bytes) -> Section:
    """lvm.conf(5)'s syntax: names with values or sections, values being strings, numbers or lists of them."""
    words = list(_words(text))
    top: Section = {}
    stack: list[Section] = [top]
    at = 0
    try:
        while at < len(words):
            word = words[at]
            if word == b"}":
                stack.pop()
                at += 1
            elif words[at + 1] == b"{":
                inner: Section = {}
                stack[-1][_text(word)] = inner
                stack.append(inner)
                if len(stack) > _MAX_DEPTH + 1:
                    raise BadMetadata("it is nested too deeply")
                at += 2
            elif words[at + 1] == b"=":
                stack[-1][_text(word)], at = _value(words, at + 2)
            else:
                raise BadMetadata("a name without a value")
            if not stack:
                raise BadMetadata("one bracket too many")
    except IndexError as problem:
        raise BadMetadata("it is cut off") from problem
    return top


def _words(text: bytes) -> Iterator[bytes]:
    at, count = 0, 0
    while (found := _WORD.match(text, at)) is not None:
        yield found[1]
        at, count = found.end(), count + 1
        if count > _MAX_WORDS:
            raise BadMetadata("it is too large")
    if not _END.fullmatch(text, at):
        raise BadMetadata("it holds something that LVM does not write")


def _value(words: list[bytes], at: int) -> tuple[Value, int]:
    if words[at] != b"[":
        return _scalar(words[at]), at + 1
    found: list[Value] = []
    at += 1
    while words[at] != b"]":
        if words[at] != b",":
            found.append(_scalar(words[at]))
        at += 1
    return found, at + 1


def _scalar(word: bytes) -> Value:
    if word.startswith(b'"'):
        return _text(re.sub(rb"\\(.)", rb"\1", word[1:-1]))
    return int(word) if word.isdigit() and len(word) < 19 else _text(word)


def _text(word: bytes) -> str:
    return word.decode("utf-8", "replace")


def _sections(within: Section, name: str) -> list[tuple[str, Section]]:
    value = within.get(name)
    return [(own, each) for own, each in value.items() if isinstance(each, dict)] if isinstance(value, dict) else []


def _segments(logical: Section) -> list[Section]:
    return [value for name, value in logical.items() if name.startswith("segment") and isinstance(value, dict)]


def _number(within: Section, name: str) -> int:
    value = within.get(name)
    if not isinstance(value, int):
        raise BadMetadata(f"{name} is missing")
    return value


def _string(within: Section, name: str) -> str:
    value = within.get(name)
    return value if isinstance(value, str) else ""


def _strings(within: Section, name: str) -> list[str]:
    value = within.get(name)
    return [str(each) for each in value] if isinstance(value, list) else []

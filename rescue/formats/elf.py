"""What a program needs to be started at all: its machine, its interpreter and its shared libraries (elf(5), ld.so(8)).

Only the headers and the dynamic section are read; every number in them is checked against the file's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct, error

MAGIC = b"\x7fELF"
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _STRINGS, _NAME, _RPATH, _RUNPATH = 1, 5, 14, 15, 29
_DEFINED, _DEFINED_COUNT, _WANTED, _WANTED_COUNT = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
_WEAK = 2

MAX_HEADERS, MAX_ENTRIES = 256, 4096
MAX_NAME = 4096
MAX_VERSIONS = 1000


@dataclass(frozen=True, slots=True)
class Elf:
    """A program or library. bits: 32 or 64; machine: e_machine (62: x86-64). paths: RUNPATH, else RPATH.

    inherited: whether `paths` are an RPATH, which counts for the libraries of its libraries, too. name: the SONAME.
    versions: those of its symbols; () where it has none. wants: (library, version) that it does not start without.
    """

    bits: int
    machine: int
    interpreter: str
    needed: tuple[str, ...]
    paths: tuple[str, ...]
    inherited: bool = False
    name: str = ""
    versions: tuple[str, ...] = ()
    wants: tuple[tuple[str, str], ...] = ()


class ElfError(ValueError):
    """The file is not a complete ELF file; the text says why."""


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


def read_elf(data: bytes) -> Elf:
    """The file's needs. Raises ElfError where it is damaged, cut off, or something else."""
    if not data.startswith(MAGIC) or len(data) < 20:
        if data.strip(b"\0"):
            raise ElfError("is no program")
        raise ElfError("is empty" if not data else "holds nothing but zeros")
    bits = {1: 32, 2: 64}.get(data[4], 0)
    order = {1: "<", 2: ">"}.get(data[5], "")
    if not bits or not order:
        raise ElfError("is damaged")
    try:
        return _read(data, bits, order)
    except (error, IndexError, OverflowError) as problem:
        raise ElfError("is damaged or cut off") from problem


@lru_cache(maxsize=128)  # a library is asked for by all that need it
def _read(data: bytes, bits: int, order: str) -> Elf:
    machine = Struct(f"{order}H").unpack_from(data, 18)[0]
    segments = tuple(_segments(data, bits, order))
    if any(each.kind == _LOAD and each.offset + each.size > len(data) for each in segments):
        raise ElfError("is cut off")
    interpreter = next((_text(data, each.offset, each.size) for each in segments if each.kind == _INTERPRETER), "")
    entries = tuple(_dynamic(data, bits, order, segments))
    strings = next((_offset(segments, value) for tag, value in entries if tag == _STRINGS), 0)
    names = {tag: [_text(data, strings + value) for key, value in entries if key == tag]
             for tag in (_NEEDED, _RPATH, _RUNPATH, _NAME)}  # fmt: skip
    paths = (names[_RUNPATH] or names[_RPATH] or [""])[0]
    numbers = dict(entries)

    def start(tag: int) -> int | None:
        return _offset(segments, numbers[tag]) if tag in numbers else None

    return Elf(
        bits,
        machine,
        interpreter,
        tuple(names[_NEEDED]),
        tuple(part for part in paths.split(":") if part),
        inherited=not names[_RUNPATH],
        name=(names[_NAME] or [""])[0],
        versions=tuple(_versions(data, order, strings, start(_DEFINED), numbers.get(_DEFINED_COUNT, 0))),
        wants=tuple(_wanted(data, order, strings, start(_WANTED), numbers.get(_WANTED_COUNT, 0))),
    )


def _versions(data: bytes, order: str, strings: int, at: int | None, count: int) -> Iterator[str]:
    """The names of .gnu.version_d (Elfxx_Verdef, the same for 32 and 64 bits)."""
    shape, name = Struct(f"{order}HHHHIII"), Struct(f"{order}I")
    for _ in range(min(count, MAX_VERSIONS) if at is not None else 0):
        assert at is not None
        *_, first, following = shape.unpack_from(data, at)
        yield _text(data, strings + name.unpack_from(data, at + first)[0])
        if not following:
            return
        at += following


def _wanted(data: bytes, order: str, strings: int, at: int | None, count: int) -> Iterator[tuple[str, str]]:
    """(library, version) of .gnu.version_r; a weak one may be missing (Elfxx_Verneed, Elfxx_Vernaux)."""
    shape, aux = Struct(f"{order}HHIII"), Struct(f"{order}IHHII")
    left = MAX_VERSIONS
    for _ in range(min(count, MAX_VERSIONS) if at is not None else 0):
        assert at is not None
        _, number, library, first, following = shape.unpack_from(data, at)
        here = at + first
        for _ in range(min(number, left)):
            _, flags, _, version, after = aux.unpack_from(data, here)
            left -= 1
            if not flags & _WEAK:
                yield _text(data, strings + library), _text(data, strings + version)
            if not after:
                break
            here += after
        if not following:
            return
        at += following


def _segments(data: bytes, bits: int, order: str) -> Iterator[_Segment]:
    if bits == 64:
        start = Struct(f"{order}Q").unpack_from(data, 32)[0]
        size, count = Struct(f"{order}HH").unpack_from(data, 54)
        shape = Struct(f"{order}IIQQQQ")
    else:
        start = Struct(f"{order}I").unpack_from(data, 28)[0]
        size, count = Struct(f"{order}HH").unpack_from(data, 42)
        shape = Struct(f"{order}IIIII")
    for number in range(min(count, MAX_HEADERS)):
        fields = shape.unpack_from(data, start + number * size)
        if bits == 64:
            kind, _, offset, address, _, length = fields
        else:
            kind, offset, address, _, length = fields
        yield _Segment(kind, offset, address, length)


def _dynamic(data: bytes, bits: int, order: str, segments: tuple[_Segment, ...]) -> Iterator[tuple[int, int]]:
    found = next((each for each in segments if each.kind == _DYNAMIC), None)
    if found is None:
        return
    shape = Struct(f"{order}QQ" if bits == 64 else f"{order}II")
    for number in range(min(found.size // shape.size, MAX_ENTRIES)):
        tag, value = shape.unpack_from(data, found.offset + number * shape.size)
        if tag == 0:
            return
        yield tag, value


def _offset(segments: tuple[_Segment, ...], address: int) -> int:
    """The offset in the file of what is loaded at `address`."""
    for each in segments:
        if each.kind == _LOAD and each.address <= address < each.address + each.size:
            return each.offset + address - each.address
    return address


def _text(data: bytes, start: int, size: int = MAX_NAME) -> str:
    end = min(start + size, start + MAX_NAME, len(data))
    return data[start:end].partition(b"\0")[0].decode("utf-8", "replace")

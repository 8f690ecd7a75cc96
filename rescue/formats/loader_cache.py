"""The loader's cache, /etc/ld.so.cache: which file is used for a library name, in glibc's newer form (dl-cache.h)."""

from __future__ import annotations

from struct import Struct, error

LOADER_CACHE = "/etc/ld.so.cache"
NEW, OLD = b"glibc-ld.so.cache", b"ld.so-1.7.0"
MAX_LIBRARIES = 100_000

_HEADER, _ENTRY = Struct("<17s3sIIB3xI12x"), Struct("<iIIIQ")
_OLD_HEADER, _OLD_ENTRY = 16, 12

FLAGS = {62: 0x0303, 183: 0x0A03, 3: 0x0003}
"""What stands for a library of each machine (ldconfig.h): x86-64, AArch64, i386."""


def read_cache(data: bytes, machine: int) -> dict[str, tuple[str, ...]] | None:
    """Each name -> the files by that name, in the order in which the loader tries them; None if it is not such a cache.

    Those for particular processors (glibc-hwcaps) are left out: the plain one of the same package stands for them.
    """
    start = _begin(data)
    if start is None:
        return None
    found: dict[str, dict[str, None]] = {}
    try:
        _, _, count, *_ = _HEADER.unpack_from(data, start)
        for number in range(min(count, MAX_LIBRARIES)):
            flags, key, value, _, processor = _ENTRY.unpack_from(data, start + _HEADER.size + number * _ENTRY.size)
            if processor or FLAGS.get(machine, flags) != flags:
                continue
            found.setdefault(_text(data, start + key), {})[_text(data, start + value)] = None
    except error:
        return None
    return {name: tuple(paths) for name, paths in found.items()}


def _begin(data: bytes) -> int | None:
    """Where the newer form begins; it may stand behind the older one."""
    if data.startswith(NEW):
        return 0
    if not data.startswith(OLD) or len(data) < _OLD_HEADER:
        return None
    end = _OLD_HEADER + int.from_bytes(data[12:16], "little") * _OLD_ENTRY
    at = (end + 7) & ~7
    return at if data[at : at + len(NEW)] == NEW else None


def _text(data: bytes, start: int) -> str:
    end = data.find(b"\0", start, start + 4096)
    return data[start : end if end >= 0 else start].decode("utf-8", "surrogateescape")

"""Programs, libraries and the loader's cache, made for tests."""

from __future__ import annotations

from collections.abc import Mapping
from struct import pack

LOADER = "/lib64/ld-linux-x86-64.so.2"


def elf(
    *needed: str,
    interpreter: str = "",
    name: str = "",
    runpath: str = "",
    versions: tuple[str, ...] = (),
    wants: Mapping[str, tuple[str, ...]] | None = None,
) -> bytes:
    """A program for x86-64 with an interpreter and a dynamic section that names libraries and symbols' versions."""
    table: dict[str, int] = {}
    strings = bytearray(b"\0")
    for text in (
        *needed,
        name,
        runpath,
        *versions,
        *(wants or {}),
        *(each for all_ in (wants or {}).values() for each in all_),
    ):
        if text and text not in table:
            table[text] = len(strings)
            strings += text.encode() + b"\0"
    start = 64 + 56 * 3
    loader = interpreter.encode() + b"\0"
    defined, wanted = _defined(versions, table), _wanted(wants or {}, table)
    strings_at = start + len(loader)
    defined_at = strings_at + len(strings)
    wanted_at = defined_at + len(defined)
    dynamic_at = wanted_at + len(wanted)
    entries = [(1, table[each]) for each in needed] + [(5, strings_at)]
    entries += [(14, table[name])] if name else []
    entries += [(29, table[runpath])] if runpath else []
    entries += [(0x6FFFFFFC, defined_at), (0x6FFFFFFD, len(versions))] if versions else []
    entries += [(0x6FFFFFFE, wanted_at), (0x6FFFFFFF, len(wants))] if wants else []
    dynamic = b"".join(pack("<QQ", *each) for each in (*entries, (0, 0)))
    total = dynamic_at + len(dynamic)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    headers = pack("<IIQQQQQQ", 1, 5, 0, 0, 0, total, total, 1)
    headers += pack("<IIQQQQQQ", 2, 6, dynamic_at, dynamic_at, 0, len(dynamic), len(dynamic), 8)
    headers += pack("<IIQQQQQQ", 3 if interpreter else 0, 4, start, start, 0, len(loader), len(loader), 1)
    return head + headers + loader + bytes(strings) + defined + wanted + dynamic


def _defined(versions: tuple[str, ...], table: Mapping[str, int]) -> bytes:
    made = b""
    for number, version in enumerate(versions, start=1):
        made += pack("<HHHHIII", 1, 0, number, 1, 0, 20, 28 if number < len(versions) else 0)
        made += pack("<II", table[version], 0)
    return made


def _wanted(wants: Mapping[str, tuple[str, ...]], table: Mapping[str, int]) -> bytes:
    made = b""
    for number, (library, versions) in enumerate(wants.items(), start=1):
        size = 16 + 16 * len(versions)
        made += pack("<HHIII", 1, len(versions), table[library], 16, size if number < len(wants) else 0)
        for at, version in enumerate(versions, start=1):
            made += pack("<IHHII", 0, 0, 0, table[version], 16 if at < len(versions) else 0)
    return made


def cache(*paths: str) -> bytes:
    """/etc/ld.so.cache with these libraries for x86-64, each by its own name."""
    strings, places = bytearray(), []
    begin = 48 + 24 * len(paths)
    for path in paths:
        value = begin + len(strings)
        strings += path.encode() + b"\0"
        places.append((value + len(path) - len(path.rpartition("/")[2]), value))
    head = pack("<17s3sIIB3xI12x", b"glibc-ld.so.cache", b"1.1", len(paths), len(strings), 2, 0)
    return head + b"".join(pack("<iIIIQ", 0x0303, key, value, 0, 0) for key, value in places) + bytes(strings)

"""Which OpenSSL a program was built against, and which one it gets: sshd compares the two itself (openssl-compat.c)."""

from __future__ import annotations

from re import DOTALL
from re import compile as compile_pattern

COMPARES = b"OpenSSL version mismatch"
ONLY_MAJOR: tuple[int, int] = (9, 4)
"""From when sshd asks of OpenSSL 3 for the same major number alone."""

# On x86-64 the number is the first argument of a call: "mov edi, 0x300000f0", for 3.0.15.
_BUILT = compile_pattern(rb"\xbf(...\x30)", DOTALL)
_HAS = compile_pattern(rb"OpenSSL (\d)\.(\d{1,2})\.(\d{1,2}) [^\0]{1,40}\0")
NONE = 0x30000000

Release = tuple[int, int, int]


def built_against(program: bytes) -> Release | None:
    """The release of OpenSSL 3 that the program was built with; None if that is not certain."""
    if COMPARES not in program:
        return None
    found = {int.from_bytes(match[1], "little") for match in _BUILT.finditer(program)} - {NONE}
    numbers = {each for each in found if each & 0x000FF00F == 0}
    if len(numbers) != 1:
        return None
    number = numbers.pop()
    return number >> 28, number >> 20 & 0xFF, number >> 4 & 0xFF


def release_of(library: bytes) -> Release | None:
    """The release that a libcrypto says it is."""
    found = {(int(match[1]), int(match[2]), int(match[3])) for match in _HAS.finditer(library)}
    return found.pop() if len(found) == 1 else None


def fits(built: Release, has: Release, version: tuple[int, int]) -> bool:
    """Whether this version of sshd takes the library: the same major and minor number. The third stands where the
    comparison does not look since OpenSSL 3 (the mask 0xfff0000f)."""
    if version >= ONLY_MAJOR:
        return built[0] == has[0]
    return built[:2] == has[:2]

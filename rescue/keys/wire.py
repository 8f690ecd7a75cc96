"""SSH's binary encoding (RFC 4251, section 5) and OpenSSH's base64, for keys that a tree holds.

Nothing here trusts a length: whatever does not fit raises `WireError`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error

SPACE = " \t\n\v\f\r"

MAX_MPINT = 16384 // 8
"""Bytes of the largest number that OpenSSH reads (sshbuf.h, SSHBUF_MAX_BIGNUM)."""

_NO_SPACE = {ord(char): None for char in SPACE}


class WireError(ValueError):
    """The bytes do not follow the encoding."""


class Reader:
    """Reads values from the front of `data`, each a bounded slice."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size < 0 or self._at + size > len(self._data):
            raise WireError("it ends too early")
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def uint32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.uint32())

    def name(self) -> str:
        """A string of ASCII, such as a key type."""
        try:
            return self.string().decode("ascii")
        except UnicodeDecodeError as problem:
            raise WireError("a name in it is not ASCII") from problem

    def mpint(self) -> int:
        """A number; OpenSSH refuses negative and huge ones (sshbuf-getput-basic.c)."""
        raw = self.string()
        if raw[:1] >= b"\x80":
            raise WireError("a number in it is negative")
        if len(raw.lstrip(b"\0")) > MAX_MPINT:
            raise WireError("a number in it is too large")
        return int.from_bytes(raw, "big")

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self._data) - self._at)

    @property
    def done(self) -> bool:
        return self._at == len(self._data)


def uint32(value: int) -> bytes:
    """`value` as RFC 4251's uint32."""
    return value.to_bytes(4, "big")


def string(value: bytes) -> bytes:
    """`value` as RFC 4251's string."""
    return uint32(len(value)) + value


def decode_base64(text: str) -> bytes:
    """`text` as b64_pton of libresolv decodes it: blanks are skipped, padding is exact. Raises WireError."""
    packed = text.translate(_NO_SPACE)
    try:
        found = b64decode(packed.encode("ascii"), validate=True)
    except (Base64Error, UnicodeEncodeError) as problem:
        raise WireError("it is not base64") from problem
    # Python forgives bits that stick out of the last byte; b64_pton does not.
    if b64encode(found).decode("ascii") != packed:
        raise WireError("it is not whole base64: a part of it is missing")
    return found

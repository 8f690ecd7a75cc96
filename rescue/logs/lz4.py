"""LZ4 blocks, unpacked. Pure.

Format: lz4's doc/lz4_Block_format.md. A block is what systemd's journal packs its long fields into.
"""

from __future__ import annotations


class Lz4Error(ValueError):
    """The bytes are no such block."""


def lz4_block(packed: bytes, size: int) -> bytes:
    """The `size` bytes that a block holds. Raises Lz4Error where it holds another number, or is damaged."""
    made = bytearray()
    at, end = 0, len(packed)
    try:
        while at < end:
            token = packed[at]
            at += 1
            literal, at = _length(packed, at, token >> 4)
            if literal > end - at or len(made) + literal > size:
                raise Lz4Error("a run of bytes leads out of the block")
            made += packed[at : at + literal]
            at += literal
            if at == end:
                break  # the last sequence has no match
            back = packed[at] | packed[at + 1] << 8
            at += 2
            match, at = _length(packed, at, token & 15)
            match += 4
            if not 0 < back <= len(made) or len(made) + match > size:
                raise Lz4Error("a match leads out of the block")
            piece = made[-back:]
            made += (piece * (match // back + 1))[:match]
    except IndexError as problem:
        raise Lz4Error("the block ends within a sequence") from problem
    if len(made) != size:
        raise Lz4Error("the block holds another number of bytes")
    return bytes(made)


def _length(packed: bytes, at: int, short: int) -> tuple[int, int]:
    """A length of which the token has the first four bits, and the place behind it."""
    if short == 15:
        more = 255
        while more == 255:
            more = packed[at]
            short += more
            at += 1
    return short, at

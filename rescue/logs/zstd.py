"""Zstandard frames, unpacked. Pure: Python has it from 3.14 on, and the journal of systemd needs it today.

Format: RFC 8878. No dictionaries; checksums are passed over, as a damaged field is one that nobody trusts anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

MAGIC = b"\x28\xb5\x2f\xfd"

_LITERAL_BASE = (
    *range(16), 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536,
)  # fmt: skip
_LITERAL_BITS = (*(0,) * 16, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
_MATCH_BASE = (
    *range(3, 35), 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771,
    65539,
)  # fmt: skip
_MATCH_BITS = (*(0,) * 32, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
_LITERAL_DEFAULT = (
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
)  # fmt: skip
_OFFSET_DEFAULT = (1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1)
_MATCH_DEFAULT = (
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
)  # fmt: skip
_BLOCK = 128 << 10
"""Bytes of a block at most, unpacked."""

Table = list[tuple[int, int, int]]
"""By state: the symbol, how many bits to read, and what to add to them for the next state."""


class ZstdError(ValueError):
    """The bytes are no such frame, or one that holds more than may be unpacked."""


class _Bits:
    """Bits read from the end of some bytes towards their beginning."""

    def __init__(self, data: bytes) -> None:
        if not data or not data[-1]:
            raise ZstdError("a bit stream has no end mark")
        self._value = int.from_bytes(data, "little")
        self.left = self._value.bit_length() - 1

    def read(self, count: int) -> int:
        self.left -= count
        if self.left < -64:
            raise ZstdError("a bit stream is too short")
        if self.left >= 0:
            return (self._value >> self.left) & ((1 << count) - 1)
        # Behind the beginning there are zeros.
        return (self._value << -self.left) & ((1 << count) - 1)


def zstd_frame(data: bytes, most: int) -> bytes:
    """What a frame holds, of at most `most` bytes. Raises ZstdError."""
    try:
        return _Frame(data, most).unpacked()
    except IndexError as problem:
        raise ZstdError("the frame is cut off") from problem


class _Frame:
    def __init__(self, data: bytes, most: int) -> None:
        self._data = data
        self._most = most
        self._made = bytearray()
        self._offsets = [1, 4, 8]
        self._tree: list[tuple[int, int]] | None = None
        self._tree_bits = 0
        self._tables: list[Table | None] = [None, None, None]

    def unpacked(self) -> bytes:
        if not self._data.startswith(MAGIC):
            raise ZstdError("not a frame")
        head = self._data[4]
        at = 5 + (0 if head & 32 else 1)
        if head & 3:
            raise ZstdError("it needs a dictionary")
        size = (1 if head & 32 else 0, 2, 4, 8)[head >> 6]
        told = int.from_bytes(self._data[at : at + size], "little") + (256 if size == 2 else 0) if size else None
        if told is not None and told > self._most:
            raise ZstdError("it is too long")
        at += size
        last = False
        while not last:
            if at + 3 > len(self._data):
                raise ZstdError("the frame is cut off")
            block = int.from_bytes(self._data[at : at + 3], "little")
            at += 3
            last, kind, length = bool(block & 1), block >> 1 & 3, block >> 3
            if kind == 1:
                self._room(length)
                self._made += self._data[at : at + 1] * length
                at += 1
                continue
            piece = self._data[at : at + length]
            if len(piece) != length or kind == 3 or length > _BLOCK:
                raise ZstdError("a block is damaged")
            at += length
            if kind == 0:
                self._room(length)
                self._made += piece
            else:
                self._block(piece)
        if told is not None and len(self._made) != told:
            raise ZstdError("it has another length than it says")
        return bytes(self._made)

    def _room(self, more: int) -> None:
        if len(self._made) + more > self._most:
            raise ZstdError("it is too long")

    def _block(self, block: bytes) -> None:
        literals, at = self._literals(block)
        count = block[at]
        at += 1
        if count >= 255:
            count = int.from_bytes(block[at : at + 2], "little") + 0x7F00
            at += 2
        elif count >= 128:
            count = (count - 128 << 8) + block[at]
            at += 1
        if not count:
            self._room(len(literals))
            self._made += literals
            return
        modes = block[at]
        at += 1
        tables: list[Table] = []
        for number, (shift, default, accuracy, most_accuracy, most) in enumerate(_KINDS):
            mode = modes >> shift & 3
            if mode == 0:
                table = _table(default, accuracy)
            elif mode == 1:
                table = [(block[at], 0, 0)]
                at += 1
            elif mode == 2:
                counts, accuracy_, used = _counts(block[at:], most, most_accuracy)
                table = _table(counts, accuracy_)
                at += used
            else:
                known = self._tables[number]
                if known is None:
                    raise ZstdError("a table is repeated that was not there")
                table = known
            self._tables[number] = table
            tables.append(table)
        self._sequences(block[at:], literals, count, tables)

    def _sequences(self, stream: bytes, literals: bytes, count: int, tables: list[Table]) -> None:
        by_literal, by_offset, by_match = tables
        bits = _Bits(stream)
        literal = bits.read(_log(by_literal))
        offset = bits.read(_log(by_offset))
        match = bits.read(_log(by_match))
        at, made = 0, self._made
        for number in range(count):
            code, match_code, literal_code = by_offset[offset][0], by_match[match][0], by_literal[literal][0]
            if code > 31 or match_code >= len(_MATCH_BASE) or literal_code >= len(_LITERAL_BASE):
                raise ZstdError("a code is none")
            value = (1 << code) + bits.read(code)
            length = _MATCH_BASE[match_code] + bits.read(_MATCH_BITS[match_code])
            plain = _LITERAL_BASE[literal_code] + bits.read(_LITERAL_BITS[literal_code])
            back = self._offset(value, plain)
            if plain > len(literals) - at:
                raise ZstdError("there are not so many literals")
            self._room(plain + length)
            made += literals[at : at + plain]
            at += plain
            if not 0 < back <= len(made):
                raise ZstdError("a match leads out of the frame")
            piece = made[len(made) - back : len(made) - back + length] if back >= length else made[-back:]
            made += piece if back >= length else (piece * (length // back + 1))[:length]
            if number + 1 < count:
                _, width, base = by_literal[literal]
                literal = base + bits.read(width)
                _, width, base = by_match[match]
                match = base + bits.read(width)
                _, width, base = by_offset[offset]
                offset = base + bits.read(width)
        self._room(len(literals) - at)
        made += literals[at:]

    def _offset(self, value: int, plain: int) -> int:
        known = self._offsets
        if value > 3:
            found = value - 3
            self._offsets = [found, known[0], known[1]]
            return found
        which = value - 1 + (1 if plain == 0 else 0)
        if which == 0:
            return known[0]
        found = known[which] if which < 3 else known[0] - 1
        self._offsets = [found, known[0], known[2] if which == 1 else known[1]]
        return found

    # -- literals --------------------------------------------------------------------------------------------------

    def _literals(self, block: bytes) -> tuple[bytes, int]:
        """The literals of a block, and where what follows them begins."""
        kind, form = block[0] & 3, block[0] >> 2 & 3
        if kind < 2:
            width = (1, 2, 1, 3)[form]
            size = int.from_bytes(block[:width], "little") >> (3 if form in (0, 2) else 4)
            if size > _BLOCK:
                raise ZstdError("there are too many literals")
            if kind == 1:
                return block[width : width + 1] * size, width + 1
            return block[width : width + size], width + size
        width, bits = ((3, 10), (3, 10), (4, 14), (5, 18))[form]
        head = int.from_bytes(block[:width], "little") >> 4
        size, packed = head & (1 << bits) - 1, head >> bits
        if size > _BLOCK or width + packed > len(block):
            raise ZstdError("there are too many literals")
        data = block[width : width + packed]
        if kind == 2:
            data = data[self._read_tree(data) :]
        if self._tree is None:
            raise ZstdError("a tree is repeated that was not there")
        if form == 0:
            found = self._decoded(data, size)
        else:
            jumps = [int.from_bytes(data[place : place + 2], "little") for place in (0, 2, 4)]
            ends = [6, 6 + jumps[0], 6 + jumps[0] + jumps[1], 6 + sum(jumps), len(data)]
            each = (size + 3) // 4
            sizes = [each, each, each, size - 3 * each]
            if min(sizes) < 0:
                raise ZstdError("the literals are damaged")
            pairs = zip(pairwise(ends), sizes, strict=True)
            found = b"".join(self._decoded(data[start:end], length) for (start, end), length in pairs)
        return found, width + packed

    def _decoded(self, data: bytes, size: int) -> bytes:
        bits, tree, width = _Bits(data), self._tree or [], self._tree_bits
        made = bytearray()
        value, mask, left = bits._value, (1 << width) - 1, bits.left
        for _ in range(size):
            place = (value >> left - width) & mask if left >= width else (value << width - left) & mask
            symbol, used = tree[place]
            left -= used
            if left < 0:
                raise ZstdError("the literals are cut off")
            made.append(symbol)
        return bytes(made)

    def _read_tree(self, data: bytes) -> int:
        """Read a Huffman tree; how many bytes it takes."""
        head = data[0]
        if head >= 128:
            count = head - 127
            used = 1 + (count + 1) // 2
            weights = [data[1 + number // 2] >> (0 if number % 2 else 4) & 15 for number in range(count)]
        else:
            used = 1 + head
            weights = _weights(data[1:used])
        total = sum(1 << weight - 1 for weight in weights if weight)
        if not total or len(weights) > 255:
            raise ZstdError("a tree has no symbol")
        width = total.bit_length()
        rest = (1 << width) - total
        if rest & rest - 1 or width > 11:
            raise ZstdError("a tree is not whole")
        weights.append(rest.bit_length())
        tree: list[tuple[int, int]] = []
        for weight in range(1, width + 1):
            for symbol, own in enumerate(weights):
                if own == weight:
                    tree += [(symbol, width + 1 - weight)] * (1 << weight - 1)
        self._tree, self._tree_bits = tree, width
        return used


_KINDS = (
    (6, _LITERAL_DEFAULT, 6, 9, 36),
    (4, _OFFSET_DEFAULT, 5, 8, 32),
    (2, _MATCH_DEFAULT, 6, 9, 53),
)
"""Of literal lengths, offsets, match lengths: the mode's place, the usual counts, their accuracy, limit and number."""


def _log(table: Table) -> int:
    return len(table).bit_length() - 1


def _weights(data: bytes) -> list[int]:
    """The weights of a tree, which are packed by two states that take turns."""
    counts, accuracy, used = _counts(data, 256, 6)
    table = _table(counts, accuracy)
    bits = _Bits(data[used:])
    states = [bits.read(accuracy), bits.read(accuracy)]
    found: list[int] = []
    turn = 0
    while len(found) < 255:
        symbol, width, base = table[states[turn]]
        found.append(symbol)
        if bits.left < width:
            # Of the other state the symbol is left.
            found.append(table[states[1 - turn]][0])
            break
        states[turn] = base + bits.read(width)
        turn = 1 - turn
    if any(weight > 12 for weight in found):
        raise ZstdError("a weight is too large")
    return found


def _counts(data: bytes, most: int, most_accuracy: int) -> tuple[list[int], int, int]:
    """How often each symbol comes, the accuracy, and how many bytes say so."""
    value, at = int.from_bytes(data[:512], "little"), 4
    accuracy = (value & 15) + 5
    if accuracy > most_accuracy:
        raise ZstdError("a table is too large")
    left, counts = (1 << accuracy) + 1, list[int]()
    while left > 1 and len(counts) < most:
        width = left.bit_length()
        found = value >> at & (1 << width) - 1
        low = found & (1 << width - 1) - 1
        spare = (1 << width) - 1 - left
        if low < spare:
            at += width - 1
            found = low
        else:
            at += width
            if found >= 1 << width - 1:
                found -= spare
        count = found - 1
        counts.append(count)
        left -= abs(count)
        if count == 0:
            more = 3
            while more == 3:
                more = value >> at & 3
                at += 2
                counts += [0] * more
                if len(counts) > most:
                    raise ZstdError("a table has too many symbols")
    if left != 1:
        raise ZstdError("a table is damaged")
    return counts, accuracy, (at + 7) // 8


def _table(counts: Sequence[int], accuracy: int) -> Table:
    size = 1 << accuracy
    symbols = [0] * size
    high = size - 1
    for symbol, count in enumerate(counts):
        if count == -1:
            symbols[high] = symbol
            high -= 1
    place, step = 0, (size >> 1) + (size >> 3) + 3
    for symbol, count in enumerate(counts):
        for _ in range(max(0, count)):
            symbols[place] = symbol
            place = (place + step) & size - 1
            while place > high:
                place = (place + step) & size - 1
    following = [max(1, abs(count)) for count in counts]
    table: Table = []
    for symbol in symbols:
        state = following[symbol]
        following[symbol] += 1
        width = accuracy - (state.bit_length() - 1)
        table.append((symbol, width, (state << width) - size))
    return table

"""Ed25519 key pairs in plain arithmetic (RFC 8032, section 5.1), and OpenSSH's files for them (PROTOCOL.key).

For a new host key where none is left. Not for signing: it takes no care to run in constant time, which a key made
once on a rescued disk does not need.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha512
from secrets import token_bytes

from rescue.keys.wire import string, uint32

KEY_TYPE = b"ssh-ed25519"
SEED_SIZE = 32

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_BASE_Y = 4 * pow(5, -1, _P) % _P

Point = tuple[int, int, int, int]
"""Extended homogeneous coordinates X, Y, Z, T: x = X/Z, y = Y/Z, x*y = T/Z (RFC 8032, section 5.1.4)."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A seed and its public key, 32 bytes each."""

    seed: bytes = field(repr=False)
    public: bytes

    def public_line(self, comment: str) -> str:
        """The one line of a .pub file."""
        return f"{KEY_TYPE.decode()} {b64encode(self._public_blob()).decode()} {comment}\n"

    def private_file(self, comment: str) -> str:
        """OpenSSH's private key format without a passphrase (PROTOCOL.key)."""
        check = token_bytes(4)
        secret = check + check + string(KEY_TYPE) + string(self.public) + string(self.seed + self.public)
        secret += string(comment.encode())
        secret += bytes(range(1, 1 + -len(secret) % 8))
        none = string(b"none")
        whole = b"openssh-key-v1\0" + none + none + string(b"") + uint32(1)
        whole += string(self._public_blob()) + string(secret)
        text = b64encode(whole).decode()
        lines = [text[at : at + 70] for at in range(0, len(text), 70)]
        return "\n".join(["-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----", ""])

    def _public_blob(self) -> bytes:
        return string(KEY_TYPE) + string(self.public)


def new_key_pair() -> KeyPair:
    """A key pair from the system's randomness."""
    return key_pair(token_bytes(SEED_SIZE))


def key_pair(seed: bytes) -> KeyPair:
    """The key pair of a 32 byte seed (RFC 8032, section 5.1.5)."""
    if len(seed) != SEED_SIZE:
        raise ValueError(f"a seed has {SEED_SIZE} bytes, not {len(seed)}")
    scalar = int.from_bytes(sha512(seed).digest()[:32], "little")
    scalar &= (1 << 254) - 8
    scalar |= 1 << 254
    return KeyPair(seed, _encode(_times(scalar, _base())))


def _base() -> Point:
    x = _recover_x(_BASE_Y)
    return (x, _BASE_Y, 1, x * _BASE_Y % _P)


def _recover_x(y: int) -> int:
    """The even x with -x^2 + y^2 = 1 + d x^2 y^2 (section 5.1.3)."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    return x if x % 2 == 0 else _P - x


def _add(one: Point, two: Point) -> Point:
    a = (one[1] - one[0]) * (two[1] - two[0]) % _P
    b = (one[1] + one[0]) * (two[1] + two[0]) % _P
    c = 2 * one[3] * two[3] * _D % _P
    d = 2 * one[2] * two[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(scalar: int, point: Point) -> Point:
    made: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            made = _add(made, point)
        point = _add(point, point)
        scalar >>= 1
    return made


def _encode(point: Point) -> bytes:
    """y, with the lowest bit of x on top (section 5.1.2)."""
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")

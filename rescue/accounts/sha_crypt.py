"""The crypt(5) scheme "sha512", which every libcrypt since 2008 knows: glibc's, libxcrypt and musl's.

Source: Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512" (akkadia.org/drepper/SHA-crypt.txt), whose test vectors
its test uses. Nothing here keeps a password.
"""

from __future__ import annotations

from hashlib import sha512

ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SALT = 16
"""The longest salt, in characters of the alphabet."""
ROUNDS, FEWEST, MOST = 5000, 1000, 999_999_999
"""The default, which is left out of the hash, and the bounds."""
SIZE = 64


def sha512_crypt(password: bytes, salt: str, rounds: int = ROUNDS) -> str:
    """The password's hash, as shadow(5) has it. salt: of `ALPHABET`, as random as can be; cut to `SALT` characters."""
    rounds = min(max(rounds, FEWEST), MOST)
    seed = salt[:SALT].encode()
    inner = sha512(password + seed + password).digest()
    outer = sha512(password + seed + _repeated(inner, len(password)))
    length = len(password)
    while length:
        outer.update(inner if length & 1 else password)
        length >>= 1
    digest = outer.digest()
    word = _repeated(sha512(password * len(password)).digest(), len(password))
    salted = _repeated(sha512(seed * (16 + digest[0])).digest(), len(seed))
    for number in range(rounds):
        digest = sha512(
            (word if number & 1 else digest)
            + (salted if number % 3 else b"")
            + (word if number % 7 else b"")
            + (digest if number & 1 else word)
        ).digest()
    named = "" if rounds == ROUNDS else f"rounds={rounds}$"
    return f"$6${named}{seed.decode()}${_written(digest)}"


def _repeated(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _written(digest: bytes) -> str:
    """The digest in crypt's own base64, three bytes at a time; which three goes round by 22, 43 and 1."""
    made = []
    first, second, third = 0, 21, 42
    for _ in range(SIZE // 3):
        made.append(_letters(digest[first] << 16 | digest[second] << 8 | digest[third], 4))
        first, second, third = second + 1, third + 1, first + 1
    return "".join((*made, _letters(digest[SIZE - 1], 2)))


def _letters(value: int, count: int) -> str:
    return "".join(ALPHABET[value >> 6 * at & 63] for at in range(count))

"""Is this a public key that sshd can load? Formats of RFC 4253, 5656, 8332, 8709 and OpenSSH's PROTOCOL.u2f."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from rescue.keys.wire import Reader, WireError

ED25519_SIZE = 32
RSA_MINIMUM_BITS = 1024
"""SSH_RSA_MINIMUM_MODULUS_SIZE of sshkey.h: a shorter key does not load at all."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A NIST curve y^2 = x^3 - 3x + b over the prime p (FIPS 186-4, appendix D.1.2)."""

    name: str
    p: int
    b: int

    @property
    def size(self) -> int:
        """Bytes of one coordinate."""
        return (self.p.bit_length() + 7) // 8

    def holds(self, point: bytes) -> bool:
        """Whether `point` is an uncompressed point of the curve (SEC 1, section 2.3.4)."""
        if len(point) != 1 + 2 * self.size or point[0] != 4:
            return False
        x = int.from_bytes(point[1 : 1 + self.size], "big")
        y = int.from_bytes(point[1 + self.size :], "big")
        return x < self.p and y < self.p and (y * y - (x * x * x - 3 * x + self.b)) % self.p == 0


CURVES = {
    curve.name: curve
    for curve in (
        Curve(
            "nistp256",
            2**256 - 2**224 + 2**192 + 2**96 - 1,
            0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        ),
        Curve(
            "nistp384",
            2**384 - 2**128 - 2**96 + 2**32 - 1,
            0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        ),
        Curve(
            "nistp521",
            2**521 - 1,
            int(
                "0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E1"
                "56193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00",
                16,
            ),
        ),
    )
}


def _ed25519(reader: Reader) -> None:
    if len(reader.string()) != ED25519_SIZE:
        raise WireError("its length is wrong")


def _rsa(reader: Reader) -> None:
    reader.mpint()
    if reader.mpint().bit_length() < RSA_MINIMUM_BITS:
        raise WireError(f"an RSA key below {RSA_MINIMUM_BITS} bits is refused")


def rsa_bits(type_name: str, blob: bytes) -> int | None:
    """The length of an RSA key's modulus; None for other types. Raises WireError if it is not a key."""
    reader = Reader(blob)
    if reader.name() != "ssh-rsa" or type_name not in ("ssh-rsa", *SIGNATURE_NAMES):
        return None
    reader.mpint()
    return reader.mpint().bit_length()


def fingerprint(blob: bytes) -> str:
    """What `ssh-keygen -l` shows of a key: "SHA256:" and the digest in base64 without padding."""
    return "SHA256:" + b64encode(sha256(blob).digest()).decode("ascii").rstrip("=")


def _dsa(reader: Reader) -> None:
    for _ in range(4):
        reader.mpint()


def _ecdsa(curve: str) -> Callable[[Reader], None]:
    def read(reader: Reader) -> None:
        if reader.name() != curve:
            raise WireError("its curve does not match its type")
        if not CURVES[curve].holds(reader.string()):
            raise WireError("it is not a point on its curve")

    return read


def _security_key(plain: Callable[[Reader], None]) -> Callable[[Reader], None]:
    def read(reader: Reader) -> None:
        plain(reader)
        reader.string()

    return read


BODIES: Mapping[str, Callable[[Reader], None]] = {
    "ssh-ed25519": _ed25519,
    "ssh-rsa": _rsa,
    "ssh-dss": _dsa,
    **{f"ecdsa-sha2-{curve}": _ecdsa(curve) for curve in CURVES},
    "sk-ssh-ed25519@openssh.com": _security_key(_ed25519),
    "sk-ecdsa-sha2-nistp256@openssh.com": _security_key(_ecdsa("nistp256")),
}
"""The key types allowed in authorized_keys, each with a reader for the rest of the blob."""

SIGNATURE_NAMES = {"rsa-sha2-256": "ssh-rsa", "rsa-sha2-512": "ssh-rsa"}
"""Names of signatures that sshkey_read takes for the type of the key they are made with (sshkey.c)."""


def check_public_key(type_name: str, blob: bytes) -> None:
    """Raise WireError, whose text says why, unless `blob` is a whole public key of `type_name`."""
    reader = Reader(blob)
    inner = reader.name()
    if inner not in BODIES:
        raise WireError("its kind of key is unknown")
    if inner != SIGNATURE_NAMES.get(type_name, type_name):
        raise WireError(f"it says {type_name} but contains another type of key")
    BODIES[inner](reader)
    if not reader.done:
        raise WireError("something follows the key")

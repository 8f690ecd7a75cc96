"""When an OpenSSH certificate is valid (PROTOCOL.certkeys)."""

from __future__ import annotations

from rescue.keys.wire import Reader, WireError, decode_base64

FIELDS = {
    "ssh-ed25519": 1, "ssh-rsa": 2, "ssh-dss": 4, "ecdsa-sha2-nistp256": 2, "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2, "sk-ssh-ed25519": 2, "sk-ecdsa-sha2-nistp256": 3,
}  # fmt: skip
"""How many fields each type's public key has."""

SUFFIX = "-cert-v01@openssh.com"


def plain_type(name: str) -> str:
    """The type of the key in a certificate of this type; "" if it is no certificate's."""
    return name.removesuffix(SUFFIX) if name.endswith(SUFFIX) and name.removesuffix(SUFFIX) in FIELDS else ""


def valid_at(blob: str, second: float) -> bool:
    """Whether a certificate, in base64, is valid at a time. Raises WireError if it is none."""
    reader = Reader(decode_base64(blob))
    kind = plain_type(reader.name())
    if not kind:
        raise WireError("it is not a certificate")
    for _ in range(1 + FIELDS[kind]):
        reader.string()
    reader.take(8)
    reader.uint32()
    reader.string()
    reader.string()
    begins, ends = (int.from_bytes(reader.take(8), "big") for _ in range(2))
    return begins <= second < ends

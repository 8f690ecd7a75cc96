"""A private key file without its secret that sshd treats alike: it loads, or fails for the same reason.

For bundles that leave the server. The public half of OpenSSH's own format stays, so that the key's kind and
fingerprint can still be told; the secret numbers are zeros.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator
from re import compile as compile_pattern

from rescue.keys.host_keys import KeyFormatError, private_key_type
from rescue.keys.wire import Reader, WireError, string, uint32

MARK = b"(private key: left out)\n"

_BASE64 = compile_pattern(rb"[A-Za-z0-9+/]")
_ARMOUR = compile_pattern(rb"-----(?:BEGIN|END)[A-Z0-9 ]{0,40}PRIVATE KEY-----")
_HEADER = compile_pattern(rb"[A-Za-z0-9-]{1,40}: [^+/=]{0,120}$")
"""Such as ``Proc-Type: 4,ENCRYPTED`` (RFC 1421)."""
_MAGIC = b"openssh-key-v1\0"
_SECRET_FIELDS = {"ssh-ed25519": (1,), "ssh-rsa": (2, 3, 4, 5), "ssh-dss": (4,)}
"""Which of a key's fields in the secret half are secret, counted from 0 (PROTOCOL.key); of ECDSA it is the third."""
_COLUMNS = 64


def emptied_key(data: bytes) -> bytes:
    """`data` without its secrets; `MARK`, which does not load, if no such file would be treated alike."""
    said = _said(data)
    if not data.strip(b"\0"):
        return data
    for candidate in _candidates(data):
        if _said(candidate) == said:
            return candidate
    return MARK


def _said(data: bytes) -> str:
    try:
        return f"loads as {private_key_type(data)}"
    except KeyFormatError as problem:
        return str(problem)


def _candidates(data: bytes) -> Iterator[bytes]:
    blob = _blob(data)
    if blob is not None and blob.startswith(_MAGIC):
        for emptied in _emptied_openssh(blob):
            yield _armoured(data, emptied)
    elif blob is not None and len(blob) > 8 and blob[0] == 0x30:
        yield _armoured(data, _emptied_der(blob))
    yield masked(data)


def masked(data: bytes) -> bytes:
    """Every character of base64 outside the words that begin and end a key, and outside headers, is an A."""
    made = []
    for line in data.split(b"\n"):
        if _HEADER.match(line):
            made.append(line)
            continue
        bare = _ARMOUR.split(line)
        words = [*_ARMOUR.findall(line), b""]
        made.append(b"".join(_BASE64.sub(b"A", piece) + word for piece, word in zip(bare, words, strict=True)))
    return b"\n".join(made)


def _blob(data: bytes) -> bytes | None:
    """The data between the two lines; None if it is not base64."""
    lines = _ARMOUR.split(data, maxsplit=2)
    if len(lines) != 3:
        return None
    body = [line for line in lines[1].split(b"\n") if not _HEADER.match(line)]
    try:
        return b64decode(b"".join(b"".join(body).split()), validate=True)
    except Base64Error:
        return None


def _armoured(data: bytes, blob: bytes) -> bytes:
    """`blob` between the lines that `data` has, in lines of its own, which end as those do."""
    first, last = list(_ARMOUR.finditer(data))[:2]
    end = b"\r\n" if b"\r\n" in data[: first.end() + 2] else b"\n"
    text = b64encode(blob)
    body = end.join(text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS))
    return data[: first.end()] + end + body + end + data[last.start() :]


def _emptied_der(der: bytes) -> bytes:
    """The version number that such a key begins with, and zeros (RFC 8017, RFC 5915, RFC 5958)."""
    kept = (2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)) + 3
    return der[:kept] + bytes(len(der) - kept)


def _emptied_openssh(blob: bytes) -> Iterator[bytes]:
    """The envelope and the public key of PROTOCOL.key, with secrets of zeros: one that is whole, and damaged ones."""
    reader = Reader(blob)
    try:
        reader.take(len(_MAGIC))
        envelope = [reader.string() for _ in range(3)]
        count, public = reader.uint32(), reader.string()
        front = _MAGIC + b"".join(map(string, envelope)) + uint32(count) + string(public)
        length = reader.uint32()
        rest = reader.rest()
    except WireError:
        return
    secret, behind = rest[:length], rest[length:]
    front += uint32(length)
    yield front + _emptied_secret(secret) + bytes(len(behind))
    yield front + (bytes(7) + b"\1" + bytes(len(secret)))[: len(secret)] + bytes(len(behind))
    yield front + bytes(len(secret)) + bytes(len(behind))


def _emptied_secret(secret: bytes) -> bytes:
    """The secret half of an unencrypted key: its check number and its private numbers are zeros, as far as it goes."""
    reader = Reader(secret)
    made = bytes(8)
    try:
        reader.take(8)
        kind = reader.name()
        made += string(kind.encode())
        hidden = _SECRET_FIELDS.get(kind, (2,) if kind.startswith("ecdsa-") else ())
        if not hidden:
            return made + bytes(len(secret) - len(made))
        for number in range(hidden[-1] + 1):
            value = reader.string()
            made += string(bytes(len(value)) if number in hidden else value)
        made += string(bytes(len(reader.string())))
        return made + reader.rest()
    except WireError:
        return (made + bytes(len(secret)))[: len(secret)]

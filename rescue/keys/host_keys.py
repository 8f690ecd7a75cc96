"""Does sshd load this private host key? Its form (PROTOCOL.key, PEM) and its mode (authfile.c).

Nothing that is secret leaves this module: it says what kind of key a file holds, or why it does not load.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from re import MULTILINE
from re import compile as compile_pattern

from rescue.accounts.database import Accounts
from rescue.formats.os_release import Release
from rescue.keys.public_keys import check_public_key, rsa_bits
from rescue.keys.wire import Reader, WireError, decode_base64
from rescue.tree import Read, ReadError, Tree

DEFAULT_HOST_KEYS = tuple(f"/etc/ssh/ssh_host_{kind}_key" for kind in ("rsa", "ecdsa", "ed25519"))
"""The keys that sshd loads if no HostKey is set (servconf.c, fill_default_server_options)."""

FOR_OTHERS = 0o077
SSH_KEYS_GROUP = "ssh_keys"
READABLE_BY_GROUP = 0o040

_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----\n"
_END = b"-----END OPENSSH PRIVATE KEY-----\n"
_MAGIC = b"openssh-key-v1\0"
_MARK = b"\xef\xbb\xbf"
"""A byte order mark, which libcrypto skips and OpenSSH's own format does not allow."""
_PEM = compile_pattern(rb"^-----BEGIN ((?:RSA |DSA |EC |ENCRYPTED )?PRIVATE KEY)-----[ \t\r]*\n", MULTILINE)
_PEM_TYPES = {
    "RSA PRIVATE KEY": "ssh-rsa",
    "DSA PRIVATE KEY": "ssh-dss",
    "EC PRIVATE KEY": "ecdsa",
    "PRIVATE KEY": "pkcs8",
}
_SEQUENCE, _INTEGER = 0x30, 0x02


@dataclass(frozen=True, slots=True)
class HostKey:
    """A private key file as sshd finds it.

    type: the kind of key, as far as the file says; "" if it does not load. missing: there is no such file, or it is
    empty. problem: why its content does not load, "" if it does. exposed: its mode makes sshd refuse it. unread:
    not known, as the snapshot does not hold the content.
    """

    path: PurePosixPath
    type: str = ""
    problem: str = ""
    missing: bool = False
    exposed: bool = False
    unread: bool = False

    @property
    def loads(self) -> bool:
        return not self.problem and not self.exposed


class KeyFormatError(ValueError):
    """The file is not a private key that loads without a passphrase; the text says why and quotes nothing from it."""


def read_host_key(tree: Tree, path: str, release: Release) -> HostKey:
    """The host key at `path`. `release` decides whether its sshd lets the group ssh_keys read."""
    tree.require(Read(path, depth=0))
    where = PurePosixPath(path)
    entry = tree.entry(path)
    if entry is None:
        return HostKey(where, problem="does not exist", missing=True)
    if not entry.is_file:
        return HostKey(where, problem="is not a regular file")
    try:
        data = tree.data(path) or b""
    except ReadError as problem:
        return HostKey(where, problem=f"could not be read ({problem.error})", unread=True)
    # Only root's own file is looked at: sshkey_perm_ok lets any other owner's pass.
    exposed = entry.uid == 0 and bool(entry.mode & FOR_OTHERS)
    if exposed and entry.mode & FOR_OTHERS == READABLE_BY_GROUP and _group_may_read(release):
        group = Accounts(tree).group(entry.gid)
        exposed = group is None or group.name != SSH_KEYS_GROUP
    try:
        kind = private_key_type(data)
    except KeyFormatError as problem:
        return HostKey(where, problem=str(problem), missing=not data, exposed=exposed)
    return HostKey(where, kind, exposed=exposed)


def _group_may_read(release: Release) -> bool:
    """RHEL up to 9 and Fedora up to 37 carry a patch that lets the group ssh_keys read (openssh-*-keyperm.patch)."""
    if not release.is_red_hat:
        return False
    return release.major <= (37 if release.id == "fedora" else 9)


def private_key_type(data: bytes) -> str:
    """The type of an unencrypted private key. Raises KeyFormatError."""
    if not data:
        raise KeyFormatError("is empty")
    if not data.strip(b"\0"):
        raise KeyFormatError("holds only zero bytes, as a crash leaves them")
    if b"OPENSSH PRIVATE KEY" in data[:200]:
        try:
            return _openssh_type(data)
        except WireError as problem:
            raise KeyFormatError(f"is damaged: {problem}") from None
    data = data.removeprefix(_MARK)
    match = _PEM.search(data)
    end = data.find(b"\n-----END " + match[1] + b"-----", match.end() - 1) if match is not None else -1
    if match is None or end < 0:
        raise KeyFormatError("is not a private key, or only part of one")
    return _pem_type(match[1].decode("ascii"), data[match.end() : end])


def _openssh_type(data: bytes) -> str:
    """sshkey_parse_private2: armour to the letter, then the envelope."""
    if not data.startswith(_BEGIN):
        if b"\r" in data[: len(_BEGIN) + 2]:
            raise KeyFormatError("has Windows line endings (CRLF), which this format does not allow")
        raise KeyFormatError("does not begin with its -----BEGIN line")
    end = data.find(b"\n" + _END, len(_BEGIN) - 1)
    if end < 0:
        raise KeyFormatError("is cut off: its whole last line -----END...----- is missing")
    body = data[len(_BEGIN) : end].replace(b"\r", b"").replace(b"\n", b"")
    reader = Reader(decode_base64(body.decode("latin-1")))
    if reader.take(len(_MAGIC)) != _MAGIC:
        raise WireError("it does not begin as such a key does")
    cipher, kdf, _, count = reader.name(), reader.name(), reader.string(), reader.uint32()
    if count != 1:
        raise WireError("it holds more than one key")
    public = reader.string()
    if kdf != "none" or cipher != "none":
        raise KeyFormatError("is protected by a passphrase, which nobody can type when the server starts")
    secret = reader.string()
    if not reader.done or not secret or len(secret) % 8:
        raise WireError("its length is wrong")
    return _check_secret(Reader(secret), public)


def rsa_length(data: bytes) -> int | None:
    """The bits of an RSA key in OpenSSH's own format, by its public half; None for anything else."""
    end = data.find(b"\n" + _END)
    if not data.startswith(_BEGIN) or end < 0:
        return None
    try:
        reader = Reader(decode_base64(data[len(_BEGIN) : end].replace(b"\n", b"").decode("latin-1")))
        reader.take(len(_MAGIC))
        for _ in range(3):
            reader.string()
        reader.uint32()
        return rsa_bits("ssh-rsa", reader.string())
    except WireError:
        return None


def _check_secret(reader: Reader, public: bytes) -> str:
    if reader.take(4) != reader.take(4):
        raise WireError("its check number is wrong")
    kind = reader.name()
    if kind not in _SECRETS:
        raise WireError("its kind of key is unknown")
    check_public_key(kind, public)
    if _SECRETS[kind](reader) != _public_fields(kind, public):
        raise WireError("its two halves are not one key")
    reader.string()
    padding = reader.rest()
    if padding != bytes(number % 256 for number in range(1, 1 + len(padding))):
        raise WireError("its end is wrong")
    return kind


def _public_fields(kind: str, public: bytes) -> tuple[bytes | int, ...]:
    reader = Reader(public)
    reader.string()
    if kind == "ssh-ed25519":
        return (reader.string(),)
    if kind == "ssh-rsa":
        exponent, modulus = reader.mpint(), reader.mpint()
        return (modulus, exponent)
    if kind == "ssh-dss":
        return (reader.mpint(), reader.mpint(), reader.mpint(), reader.mpint())
    return (reader.string(), reader.string())


def _ed25519_secret(reader: Reader) -> tuple[bytes | int, ...]:
    public = reader.string()
    if len(reader.string()) != 64:
        raise WireError("its length is wrong")
    return (public,)


def _rsa_secret(reader: Reader) -> tuple[bytes | int, ...]:
    modulus, exponent = reader.mpint(), reader.mpint()
    for _ in range(4):
        reader.mpint()
    return (modulus, exponent)


def _dsa_secret(reader: Reader) -> tuple[bytes | int, ...]:
    public = (reader.mpint(), reader.mpint(), reader.mpint(), reader.mpint())
    reader.mpint()
    return public


def _ecdsa_secret(reader: Reader) -> tuple[bytes | int, ...]:
    public = (reader.string(), reader.string())
    reader.mpint()
    return public


_SECRETS: Mapping[str, Callable[[Reader], tuple[bytes | int, ...]]] = {
    "ssh-ed25519": _ed25519_secret,
    "ssh-rsa": _rsa_secret,
    "ssh-dss": _dsa_secret,
    "ecdsa-sha2-nistp256": _ecdsa_secret,
    "ecdsa-sha2-nistp384": _ecdsa_secret,
    "ecdsa-sha2-nistp521": _ecdsa_secret,
}


def _pem_type(label: str, body: bytes) -> str:
    """libcrypto's PEM: line ends of either kind do, a passphrase does not; the DER inside must be whole (X.690)."""
    if label == "ENCRYPTED PRIVATE KEY" or b"ENCRYPTED" in body[:200]:
        raise KeyFormatError("is protected by a passphrase, which nobody can type when the server starts")
    try:
        der = b64decode(b"".join(body.split()), validate=True)
    except Base64Error:
        raise KeyFormatError("is damaged: it is not base64") from None
    length, header = _der_length(der)
    if der[:1] != bytes([_SEQUENCE]) or length is None or header + length != len(der) or der[header] != _INTEGER:
        raise KeyFormatError("is damaged or cut off")
    return _PEM_TYPES[label]


def _der_length(der: bytes) -> tuple[int | None, int]:
    """The length of the first element and the size of its header; None if it has none."""
    if len(der) < 3:
        return None, 0
    first = der[1]
    if first < 0x80:
        return first, 2
    count = first & 0x7F
    if not 1 <= count <= 4 or len(der) <= 2 + count:
        return None, 0
    return int.from_bytes(der[2 : 2 + count], "big"), 2 + count

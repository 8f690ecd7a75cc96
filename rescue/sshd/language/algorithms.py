"""The names of algorithms that sshd knows, with the versions that know them.

Source: cipher.c, mac.c, kex.c (kex-names.c), kex.h, sshkey.c and ssh-*.c of OpenSSH 8.4, 9.2 and 10.0 with Debian's
patches. Names whose time is uncertain are treated as "not known here", which is not an error.
"""

from __future__ import annotations

from enum import StrEnum

from rescue.sshd.language.patterns import match_list
from rescue.sshd.language.syntax import Version

KNOWN_FROM: Version = (8, 4)
KNOWN_TO: Version = (10, 0)
"""The versions between which these tables are complete: outside of them an unknown name is not judged."""

ALWAYS: Version = (0, 0)
NEVER: Version = (99, 0)

Span = tuple[Version, Version]
"""The first version that knows a name, and the first that does not any more."""


class Family(StrEnum):
    """What an option lists."""

    CIPHER = "cipher"
    MAC = "mac"
    KEX = "kex"
    KEY = "key"


def _always(*names: str) -> dict[str, Span]:
    return dict.fromkeys(names, (ALWAYS, NEVER))


CIPHERS: dict[str, Span] = {
    **_always(
        "3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-ctr", "aes192-ctr", "aes256-ctr",
        "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
    ),
    **dict.fromkeys(
        ("arcfour", "arcfour128", "arcfour256", "blowfish-cbc", "cast128-cbc"), (ALWAYS, (7, 6))
    ),
    "rijndael-cbc@lysator.liu.se": (ALWAYS, (9, 2)),
}  # fmt: skip

MACS: dict[str, Span] = {
    **_always(
        "hmac-sha1", "hmac-sha1-96", "hmac-sha2-256", "hmac-sha2-512", "hmac-md5", "hmac-md5-96",
        "umac-64@openssh.com", "umac-128@openssh.com", "hmac-sha1-etm@openssh.com", "hmac-sha1-96-etm@openssh.com",
        "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-md5-etm@openssh.com",
        "hmac-md5-96-etm@openssh.com", "umac-64-etm@openssh.com", "umac-128-etm@openssh.com",
    ),
    **dict.fromkeys(
        ("hmac-ripemd160", "hmac-ripemd160@openssh.com", "hmac-ripemd160-etm@openssh.com"), (ALWAYS, (7, 6))
    ),
}  # fmt: skip

EXCHANGES: dict[str, Span] = {
    **_always(
        "diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group14-sha256",
        "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group-exchange-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
        "curve25519-sha256", "curve25519-sha256@libssh.org",
    ),
    "sntrup4591761x25519-sha512@tinyssh.org": ((8, 0), (8, 5)),
    "sntrup761x25519-sha512@openssh.com": ((8, 5), NEVER),
    # 9.9 upstream; Debian 12 carries it in a patch to its 9.2.
    "sntrup761x25519-sha512": ((9, 2), NEVER),
    "mlkem768x25519-sha256": ((9, 9), NEVER),
}  # fmt: skip

GSSAPI_EXCHANGES = frozenset({
    "gss-gex-sha1-", "gss-group1-sha1-", "gss-group14-sha1-", "gss-group14-sha256-", "gss-group16-sha512-",
    "gss-nistp256-sha256-", "gss-curve25519-sha256-",
})  # fmt: skip
"""What GSSAPIKexAlgorithms of Debian's patch takes."""

_CERTIFIED = (
    "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-rsa", "rsa-sha2-256", "rsa-sha2-512",
)  # fmt: skip


def certificate(name: str) -> str:
    """The certificate's name of a key algorithm: the vendor's suffix goes to the end."""
    return f"{name.removesuffix('@openssh.com')}-cert-v01@openssh.com"


KEYS: dict[str, Span] = {
    **_always(*_CERTIFIED, *(certificate(name) for name in _CERTIFIED)),
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com": ((8, 4), NEVER),
    "ssh-dss": (ALWAYS, (10, 0)),
    "ssh-dss-cert-v01@openssh.com": (ALWAYS, (10, 0)),
    "null": (ALWAYS, NEVER),
}

SHORT_KEYS = frozenset({"rsa", "ecdsa", "ed25519", "ecdsa-sk", "ed25519-sk", "null"})
"""The short names that sshkey_type_from_name takes too, in any case."""

TABLES: dict[Family, dict[str, Span]] = {
    Family.CIPHER: CIPHERS,
    Family.MAC: MACS,
    Family.KEX: EXCHANGES,
    Family.KEY: KEYS,
}


def unknown_name(family: Family, names: str, version: Version) -> str | None:
    """The first name of a list that this version of sshd does not know; None if all are known, or can't be judged.

    names: without a prefix of ``+``, ``-`` or ``^``. Judged are the versions the tables are complete for, and beside
    them the names that are known to have come or gone.
    """
    for name in names.split(","):
        if not name:
            # sshd stops reading at an empty name (strsep loops of ciphers_valid and its like).
            return None if names else ""
        if not _known(family, name, version):
            return name
    return None


def known_names(family: Family, names: str, version: Version) -> str:
    """The list without the names that this version does not know, as far as that can be judged; "" if none is left."""
    return ",".join(name for name in names.split(",") if name and _known(family, name, version))


def _known(family: Family, name: str, version: Version) -> bool:
    table = TABLES[family]
    span = table.get(name)
    if span is not None:
        return span[0] <= version < span[1]
    if not KNOWN_FROM <= version <= KNOWN_TO:
        return True
    if family is not Family.KEY:
        return False
    if name.lower() in SHORT_KEYS or (name.lower() == "dsa" and version < (10, 0)):
        return True
    present = (known for known, span in KEYS.items() if span[0] <= version < span[1])
    return any(match_list(known, name) != 0 for known in present)


def is_certificate(name: str) -> bool:
    return name in KEYS and "-cert-v01@" in name

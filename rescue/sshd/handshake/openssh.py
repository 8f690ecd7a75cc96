"""What OpenSSH offers by default, as a client and as a server, by version.

Source: myproposal.h of the releases 7.0 to 10.5, with everything built in that a distribution builds in.
"""

from __future__ import annotations

from rescue.sshd.handshake.lists import Lists, Names, Part
from rescue.sshd.language.algorithms import TABLES, certificate
from rescue.sshd.language.syntax import Version

OLDEST: Version = (7, 0)
NEWEST: Version = (10, 5)

ECDH = ("ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521")
CURVE = ("curve25519-sha256", "curve25519-sha256@libssh.org")
GEX = "diffie-hellman-group-exchange-sha256"
BIG_GROUPS = ("diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512")
GROUP14 = "diffie-hellman-group14-sha256"
NTRU, NTRU_SHORT = "sntrup761x25519-sha512@openssh.com", "sntrup761x25519-sha512"
MLKEM = "mlkem768x25519-sha256"
OLD_GEX, OLD_GROUP14 = "diffie-hellman-group-exchange-sha1", "diffie-hellman-group14-sha1"
MODERN = (*CURVE, *ECDH)
GROUPS = (GEX, *BIG_GROUPS, GROUP14)

KEX_CLIENT: dict[Version, Names] = {
    (7, 0): (CURVE[1], *ECDH, GEX, OLD_GEX, OLD_GROUP14),
    (7, 3): (CURVE[1], *ECDH, GEX, *BIG_GROUPS, OLD_GEX, GROUP14, OLD_GROUP14),
    (7, 4): (*MODERN, GEX, *BIG_GROUPS, OLD_GEX, GROUP14, OLD_GROUP14),
    (8, 0): (*MODERN, *GROUPS, OLD_GROUP14),
    (8, 2): (*MODERN, *GROUPS),
    (8, 9): (*MODERN, NTRU, *GROUPS),
    (9, 0): (NTRU, *MODERN, *GROUPS),
    # Debian 12's 9.2 carries the name of 9.9 in a patch.
    (9, 2): (NTRU_SHORT, NTRU, *MODERN, *GROUPS),
    (9, 3): (NTRU, *MODERN, *GROUPS),
    (9, 9): (NTRU_SHORT, NTRU, MLKEM, *MODERN, *GROUPS),
    (10, 0): (MLKEM, NTRU_SHORT, NTRU, *MODERN, *GROUPS),
}
KEX_SERVER: dict[Version, Names] = {
    **KEX_CLIENT,
    (7, 0): (CURVE[1], *ECDH, GEX, OLD_GROUP14),
    (7, 3): (CURVE[1], *ECDH, GEX, *BIG_GROUPS, GROUP14, OLD_GROUP14),
    (7, 4): (*MODERN, *GROUPS, OLD_GROUP14),
    (10, 0): (MLKEM, NTRU_SHORT, NTRU, *MODERN),
}

CHACHA = "chacha20-poly1305@openssh.com"
CTR = ("aes128-ctr", "aes192-ctr", "aes256-ctr")
GCM = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
CBC = ("aes128-cbc", "aes192-cbc", "aes256-cbc")
CIPHERS_CLIENT: dict[Version, Names] = {
    (7, 0): (CHACHA, *CTR, *GCM, *CBC, "3des-cbc"),
    (7, 4): (CHACHA, *CTR, *GCM, *CBC),
    (7, 6): (CHACHA, *CTR, *GCM),
    (10, 0): (CHACHA, *GCM, *CTR),
}
CIPHERS_SERVER: dict[Version, Names] = {(7, 0): (CHACHA, *CTR, *GCM), (10, 0): (CHACHA, *GCM, *CTR)}

MACS = (
    "umac-64-etm@openssh.com", "umac-128-etm@openssh.com", "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com", "hmac-sha1-etm@openssh.com", "umac-64@openssh.com", "umac-128@openssh.com",
    "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1",
)  # fmt: skip

NIST = ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
ED25519 = "ssh-ed25519"
TOKENS = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")
RSA = ("rsa-sha2-512", "rsa-sha2-256")


def _with_certificates(*names: str) -> Names:
    return (*(certificate(name) for name in names), *names)


KEYS: dict[Version, Names] = {
    (7, 0): _with_certificates(*NIST, ED25519, "ssh-rsa"),
    (7, 2): (*(certificate(name) for name in (*NIST, ED25519, "ssh-rsa")), *NIST, ED25519, *RSA, "ssh-rsa"),
    (7, 8): _with_certificates(*NIST, ED25519, *RSA, "ssh-rsa"),
    (8, 2): _with_certificates(*NIST, TOKENS[1], ED25519, TOKENS[0], *RSA, "ssh-rsa"),
    (8, 5): _with_certificates(ED25519, *NIST, *TOKENS, *RSA, "ssh-rsa"),
    (8, 8): _with_certificates(ED25519, *NIST, *TOKENS, *RSA),
}
"""Of the server and of the client alike: HostKeyAlgorithms, and PubkeyAcceptedAlgorithms."""


def client(version: Version) -> Lists:
    """What ssh offers that nobody has configured."""
    at = max(OLDEST, version)
    return Lists(_since(KEX_CLIENT, at), _since(KEYS, at), _since(CIPHERS_CLIENT, at), MACS)


def default(part: Part, version: Version) -> Names:
    """The list that sshd takes where no line sets it, and that "+", "-" and "^" change."""
    tables: dict[Part, dict[Version, Names]] = {
        Part.KEX: KEX_SERVER,
        Part.HOST_KEY: KEYS,
        Part.CIPHER: CIPHERS_SERVER,
        Part.MAC: {OLDEST: MACS},
    }
    return _since(tables[part], max(OLDEST, version))


def known(part: Part, version: Version) -> Names:
    """Every algorithm that sshd has."""
    spans = TABLES[part.family]
    have = tuple(name for name, span in spans.items() if span[0] <= version < span[1])
    return (*have, *(name for name in default(part, version) if name not in have))


def _since(table: dict[Version, Names], version: Version) -> Names:
    return table[max(since for since in table if since <= version)]

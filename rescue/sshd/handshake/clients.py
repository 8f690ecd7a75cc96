"""What clients offer that nobody has configured: a table, by program and version.

Each list was taken from the first packet of the program itself, sent to a listener of ours, or from its source where
that is said. A client asks its user about some old algorithms first (PuTTY, WinSCP); it offers them all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from re import compile as compile_pattern

from rescue.sshd.handshake import openssh
from rescue.sshd.handshake.lists import Lists, Names
from rescue.sshd.language.syntax import Version

CURRENT: dict[Version, str] = {(9, 0): "9.0 to 9.8", (9, 9): "9.9", (10, 0): "10.0 and newer"}
"""The versions of OpenSSH that are common today, from each of which its client's lists differ."""

RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


@dataclass(frozen=True, slots=True)
class Program:
    """One client. title: its name and version, for people. source: where its lists are from."""

    name: str
    version: Version
    title: str
    lists: Lists
    source: str

    @property
    def spelt(self) -> str:
        """As an option says it."""
        return f"{self.name}-{'.'.join(map(str, self.version))}"

    @property
    def rsa(self) -> Names:
        """How it signs with an RSA key. Each program here has the same lists for the server's keys and the user's."""
        return tuple(name for name in RSA_SIGNATURES if name in self.lists.host_keys)


def _names(text: str) -> Names:
    return tuple(text.split())


SEEN = "its first packet"
NIST = "ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521"
ECDH = "ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521"
CURVE = "curve25519-sha256 curve25519-sha256@libssh.org"
CTR, CBC = "aes128-ctr aes192-ctr aes256-ctr", "aes128-cbc aes192-cbc aes256-cbc"
GCM = "aes128-gcm@openssh.com aes256-gcm@openssh.com"
CHACHA = "chacha20-poly1305@openssh.com"
PUTTY_AES = "aes256-ctr aes256-cbc rijndael-cbc@lysator.liu.se aes192-ctr aes192-cbc aes128-ctr aes128-cbc"
PUTTY_ETM = "hmac-sha1-etm@openssh.com hmac-sha1-96-etm@openssh.com hmac-md5-etm@openssh.com"
GEX = "diffie-hellman-group-exchange-sha256 diffie-hellman-group-exchange-sha1"
PUTTY_GROUPS = (
    f"{GEX} diffie-hellman-group18-sha512 diffie-hellman-group17-sha512 diffie-hellman-group16-sha512 "
    "diffie-hellman-group15-sha512 diffie-hellman-group14-sha256 diffie-hellman-group14-sha1 rsa2048-sha256 "
    "rsa1024-sha1 diffie-hellman-group1-sha1"
)
PARAMIKO_MACS = (
    "hmac-sha2-256 hmac-sha2-512 hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com hmac-sha1 hmac-md5 "
    "hmac-sha1-96 hmac-md5-96"
)
PARAMIKO_KEX = (
    f"curve25519-sha256@libssh.org {ECDH} diffie-hellman-group16-sha512 diffie-hellman-group-exchange-sha256 "
    "diffie-hellman-group14-sha256"
)
OLD_GROUPS = "diffie-hellman-group14-sha1 diffie-hellman-group1-sha1"

PUTTY_NOW = Lists(
    _names(
        "sntrup761x25519-sha512 sntrup761x25519-sha512@openssh.com mlkem768x25519-sha256 mlkem768nistp256-sha256 "
        f"mlkem1024nistp384-sha384 curve448-sha512 {CURVE} {ECDH} {PUTTY_GROUPS}"
    ),
    _names(f"ssh-ed448 ssh-ed25519 {NIST} rsa-sha2-512 rsa-sha2-256 ssh-rsa ssh-dss"),
    _names(f"{PUTTY_AES} {CHACHA} {GCM} 3des-ctr 3des-cbc"),
    _names(
        "hmac-sha2-256 hmac-sha2-512 hmac-sha1 hmac-sha1-96 hmac-md5 hmac-sha2-256-etm@openssh.com "
        f"hmac-sha2-512-etm@openssh.com {PUTTY_ETM}"
    ),
)
PUTTY_MACS = _names(f"hmac-sha2-256 hmac-sha1 hmac-sha1-96 hmac-md5 hmac-sha2-256-etm@openssh.com {PUTTY_ETM}")
PUTTY_2017 = Lists(
    _names(
        f"curve25519-sha256@libssh.org {ECDH} {GEX} diffie-hellman-group14-sha256 diffie-hellman-group14-sha1 "
        "rsa2048-sha256 rsa1024-sha1 diffie-hellman-group1-sha1"
    ),
    _names(f"ssh-ed25519 {NIST} ssh-rsa ssh-dss"),
    _names(f"{PUTTY_AES} {CHACHA} 3des-ctr 3des-cbc"),
    PUTTY_MACS,
)

OTHERS = (
    Program("putty", (0, 70), "PuTTY 0.70", PUTTY_2017, "ssh.c, sshecc.c, sshdh.c, sshsh256.c of 0.70"),
    Program(
        "putty",
        (0, 78),
        "PuTTY 0.78",
        Lists(
            _names(f"sntrup761x25519-sha512@openssh.com curve448-sha512 {CURVE} {ECDH} {PUTTY_GROUPS}"),
            PUTTY_NOW.host_keys,
            PUTTY_NOW.ciphers,
            PUTTY_MACS,
        ),
        SEEN,
    ),
    Program("putty", (0, 83), "PuTTY 0.83", PUTTY_NOW, "crypto/kex-hybrid.c, crypto/hmac.c, ssh/transport2.c of 0.83"),
    Program("winscp", (5, 13), "WinSCP 5.13", PUTTY_2017, "its copy of PuTTY 0.70, SessionData.cpp"),
    Program("winscp", (6, 5), "WinSCP 6.5", PUTTY_NOW, "its copy of PuTTY, SessionData.cpp"),
    Program(
        "libssh",
        (0, 11),
        "libssh 0.11",
        Lists(
            _names(
                f"{CURVE} {ECDH} diffie-hellman-group18-sha512 diffie-hellman-group16-sha512 "
                "diffie-hellman-group-exchange-sha256 diffie-hellman-group14-sha256"
            ),
            _names(
                "ssh-ed25519 ecdsa-sha2-nistp521 ecdsa-sha2-nistp384 ecdsa-sha2-nistp256 sk-ssh-ed25519@openssh.com "
                "sk-ecdsa-sha2-nistp256@openssh.com rsa-sha2-512 rsa-sha2-256"
            ),
            _names(f"{CHACHA} aes256-gcm@openssh.com aes128-gcm@openssh.com aes256-ctr aes192-ctr aes128-ctr"),
            _names("hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com hmac-sha2-256 hmac-sha2-512"),
        ),
        SEEN,
    ),
    Program(
        "libssh2",
        (1, 11),
        "libssh2 1.11",
        Lists(
            _names(
                f"{CURVE} {ECDH} diffie-hellman-group-exchange-sha256 diffie-hellman-group16-sha512 "
                f"diffie-hellman-group18-sha512 diffie-hellman-group14-sha256 {OLD_GROUPS} "
                "diffie-hellman-group-exchange-sha1"
            ),
            _names(f"{NIST} ssh-ed25519 rsa-sha2-512 rsa-sha2-256 ssh-rsa"),
            _names(
                f"{CHACHA} aes256-gcm@openssh.com aes128-gcm@openssh.com aes256-ctr aes192-ctr aes128-ctr aes256-cbc "
                "rijndael-cbc@lysator.liu.se aes192-cbc aes128-cbc blowfish-cbc 3des-cbc"
            ),
            _names(
                "hmac-sha2-256 hmac-sha2-256-etm@openssh.com hmac-sha2-512 hmac-sha2-512-etm@openssh.com hmac-sha1 "
                "hmac-sha1-etm@openssh.com hmac-sha1-96 hmac-md5 hmac-md5-96 hmac-ripemd160"
            ),
        ),
        SEEN,
    ),
    Program(
        "paramiko",
        (2, 4),
        "Paramiko 2.4",
        Lists(
            _names(f"{ECDH} {GEX} {OLD_GROUPS}"),
            _names(f"ssh-ed25519 {NIST} ssh-rsa ssh-dss"),
            _names(f"{CTR} {CBC} blowfish-cbc 3des-cbc"),
            _names("hmac-sha2-256 hmac-sha2-512 hmac-sha1 hmac-md5 hmac-sha1-96 hmac-md5-96"),
        ),
        "transport.py of 2.4.2",
    ),
    Program(
        "paramiko",
        (2, 12),
        "Paramiko 2.12",
        Lists(
            _names(f"{PARAMIKO_KEX} diffie-hellman-group-exchange-sha1 {OLD_GROUPS}"),
            _names(f"ssh-ed25519 {NIST} rsa-sha2-512 rsa-sha2-256 ssh-rsa ssh-dss"),
            _names(f"{CTR} {CBC} 3des-cbc"),
            _names(PARAMIKO_MACS),
        ),
        SEEN,
    ),
    Program(
        "paramiko",
        (3, 5),
        "Paramiko 3.5",
        Lists(
            _names(f"{PARAMIKO_KEX} diffie-hellman-group-exchange-sha1 {OLD_GROUPS}"),
            _names(f"ssh-ed25519 {NIST} rsa-sha2-512 rsa-sha2-256 ssh-rsa ssh-dss"),
            _names(f"{CTR} {CBC} 3des-cbc {GCM}"),
            _names(PARAMIKO_MACS),
        ),
        SEEN,
    ),
    Program(
        "paramiko",
        (5, 1),
        "Paramiko 5.1",
        Lists(
            _names(f"mlkem768x25519-sha256 {PARAMIKO_KEX}"),
            _names(f"ssh-ed25519 {NIST} rsa-sha2-512 rsa-sha2-256"),
            _names(f"{CTR} {CBC} 3des-cbc {GCM}"),
            _names(PARAMIKO_MACS),
        ),
        SEEN,
    ),
    Program(
        "dropbear",
        (2022, 83),
        "Dropbear 2022.83",
        Lists(
            _names(
                f"{CURVE} ecdh-sha2-nistp521 ecdh-sha2-nistp384 ecdh-sha2-nistp256 diffie-hellman-group14-sha256 "
                "diffie-hellman-group14-sha1"
            ),
            _names(
                f"ssh-ed25519 sk-ssh-ed25519@openssh.com {NIST} sk-ecdsa-sha2-nistp256@openssh.com rsa-sha2-256 "
                "ssh-rsa ssh-dss"
            ),
            _names(f"{CHACHA} aes128-ctr aes256-ctr"),
            _names("hmac-sha1 hmac-sha2-256"),
        ),
        SEEN,
    ),
    Program(
        "jsch",
        (0, 1),
        "JSch 0.1.55",
        Lists(
            _names(
                f"{ECDH} diffie-hellman-group14-sha1 diffie-hellman-group-exchange-sha256 "
                "diffie-hellman-group-exchange-sha1 diffie-hellman-group1-sha1"
            ),
            _names(f"ssh-rsa ssh-dss {NIST}"),
            _names("aes128-ctr aes128-cbc 3des-ctr 3des-cbc blowfish-cbc aes192-ctr aes192-cbc aes256-ctr aes256-cbc"),
            _names("hmac-md5 hmac-sha1 hmac-sha2-256 hmac-sha1-96 hmac-md5-96"),
        ),
        SEEN,
    ),
    Program(
        "jsch",
        (0, 2),
        "JSch 0.2 (of mwiede)",
        Lists(
            _names(f"{CURVE} {ECDH} " + " ".join(openssh.GROUPS)),
            _names(f"ssh-ed25519 {NIST} rsa-sha2-512 rsa-sha2-256"),
            _names(f"{CTR} {GCM}"),
            _names(
                "hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com hmac-sha1-etm@openssh.com hmac-sha2-256 "
                "hmac-sha2-512 hmac-sha1"
            ),
        ),
        "JSch.java",
    ),
)

OPENSSH = "openssh"
_WORDS = compile_pattern(
    r"(?i)(?:ssh-[12]\.\d+-)?([a-z][a-z]*2?)(?:[-_ /]*(?:release[-_ ]*)?v?(\d{1,4})(?:\.(\d{1,3}))?)?"
)
"""A name, perhaps with a version; also as a program announces itself: SSH-2.0-PuTTY_Release_0.78."""


def current() -> tuple[Program, ...]:
    """The OpenSSH clients that somebody has who names no program."""
    return tuple(replace(of_openssh(version), title=f"OpenSSH {span}") for version, span in CURRENT.items())


def of_openssh(version: Version) -> Program:
    """OpenSSH's client in a version."""
    dotted = ".".join(map(str, version))
    return Program(OPENSSH, version, f"OpenSSH {dotted}", openssh.client(version), "myproposal.h")


def named(words: str) -> Program:
    """The program that a person names: "putty", "putty-0.78", "OpenSSH_8.4p1". Raises ValueError for an unknown one.

    Without a version the newest that is known; else the newest that is not newer than the one named.
    """
    match = _WORDS.match(words.strip())
    name = match[1].lower() if match is not None else ""
    version = (int(match[2]), int(match[3] or 0)) if match is not None and match[2] else None
    if name in ("plink", "pscp", "psftp"):
        name = "putty"
    elif name == "dbclient":
        name = "dropbear"
    elif name == "ssh":
        name = OPENSSH
    if name == OPENSSH:
        if version is not None and version < openssh.OLDEST:
            raise ValueError(f"OpenSSH is known from {'.'.join(map(str, openssh.OLDEST))} on")
        return of_openssh(version or openssh.NEWEST)
    versions = [each for each in OTHERS if each.name == name]
    if not versions:
        raise ValueError(f"known are {', '.join(names())}")
    found = [each for each in versions if version is None or each.version <= version]
    if not found:
        raise ValueError(f"of {name}, known are {', '.join(each.title for each in versions)} and newer ones")
    return found[-1]


def names() -> tuple[str, ...]:
    """The programs that are known."""
    return tuple(dict.fromkeys([OPENSSH, *(each.name for each in OTHERS)]))

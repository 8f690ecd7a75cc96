"""Which key types this sshd accepts: PubkeyAcceptedAlgorithms, RequiredRSASize, and what its version knows at all.

Source: KEX_DEFAULT_PK_ALG in myproposal.h, sshkey_check_rsa_length in sshkey.c, userauth_pubkey in auth2-pubkey.c.
"""

from __future__ import annotations

from dataclasses import dataclass

from rescue.model import Location
from rescue.sshd.effective import Effective
from rescue.sshd.language.patterns import match_list
from rescue.sshd.language.syntax import Version

SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}
"""The algorithms with which a key of this type can sign; any other type signs with its own (RFC 8332)."""

DSA = "ssh-dss"
DSA_OFF: Version = (7, 0)
DSA_GONE: Version = (10, 0)
SECURITY_KEYS: Version = (8, 2)
RSA_SIZES: Version = (9, 1)
"""The versions since which DSA is off by default, is gone, and security keys and RequiredRSASize are known."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Why no key of a type is accepted, for the middle of a sentence; the setting's location if a setting says so."""

    why: str
    location: Location | None = None


def listed(value: str, kind: str) -> bool | None:
    """Whether a list accepts keys of a type; None if it depends on the defaults of the version."""
    names = SIGNATURES.get(kind, (kind,))
    found = any(match_list(name, value.lstrip("+-^")) == 1 for name in names)
    if value[:1] in "+^":
        return found or None
    if value[:1] == "-":
        every = all(match_list(name, value[1:]) == 1 for name in names)
        return False if every else None
    return found


def hopeless(effective: Effective, kind: str, bits: int | None) -> NotTaken | None:
    """Why a key is too old or too new for this sshd, whatever its list of algorithms; None if it is not.

    bits: the length of an RSA key.
    """
    dialect = effective.dialect
    release = ".".join(map(str, dialect.version))
    if kind == DSA and dialect.since(DSA_GONE):
        return NotTaken(f"OpenSSH {release} knows no DSA keys any more")
    if kind == DSA and dialect.since(DSA_OFF) and not _named(effective, kind):
        return NotTaken(f"OpenSSH {release} takes no DSA keys by default")
    if kind.startswith("sk-") and dialect.before(SECURITY_KEYS):
        return NotTaken(f"OpenSSH {release} knows no keys on security tokens")
    if bits is not None and dialect.since(RSA_SIZES):
        least = effective.setting("RequiredRSASize")
        if least.words and least.words[0].isdigit() and bits < int(least.words[0]):
            return NotTaken(f"RSA keys need {least.words[0]} bits here, and it has {bits}", least.location)
    return None


def _named(effective: Effective, kind: str) -> bool:
    words = effective.words("PubkeyAcceptedAlgorithms")
    return bool(words) and listed(words[0], kind) is True

"""Which key types this sshd accepts: PubkeyAcceptedAlgorithms, RequiredRSASize, and what its version knows at all.

Source: KEX_DEFAULT_PK_ALG in myproposal.h, sshkey_check_rsa_length in sshkey.c, userauth_pubkey in auth2-pubkey.c,
kex_set_server_sig_algs in kex.c, key_sig_algorithm in sshconnect2.c.
"""

from __future__ import annotations

from dataclasses import dataclass

from rescue.model import Location
from rescue.sshd.effective import Effective
from rescue.sshd.handshake import openssh
from rescue.sshd.handshake.lists import Names, Part, assembled
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


ADVERTISED: Version = (9, 6)
"""The version since which sshd tells the client what it accepts, and not all that it knows."""

CERTIFIED = "-cert-v01@openssh.com"


def accepted(effective: Effective) -> Names | None:
    """What PubkeyAcceptedAlgorithms comes to; None if the version of sshd is not known."""
    if not effective.dialect.certain:
        return None
    words, version = effective.words("PubkeyAcceptedAlgorithms"), effective.dialect.version
    default = openssh.default(Part.HOST_KEY, version)
    return assembled(words[0], default, openssh.known(Part.HOST_KEY, version)) if words else default


def rsa_signature(effective: Effective, signs: Names) -> str | None:
    """The algorithm with which a client signs for an RSA key; None if sshd offers none of those that it has.

    signs: those that it has, best first. It takes the first that sshd says it knows, and no other when that is refused.
    Up to 9.5 sshd names all that it knows, accepted or not; later one that it accepts in certificates alone, too.
    """
    names = accepted(effective)
    if names is None:
        return signs[0] if signs else None
    if effective.dialect.before(ADVERTISED):
        return signs[0] if signs else None
    told = {name.removesuffix(CERTIFIED) for name in names}
    return next((name for name in signs if name in told), None)


def takes(effective: Effective, kind: str, signs: Names) -> bool | None:
    """Whether sshd accepts a key of this type from a client that signs so for an RSA key; None if that is not known."""
    names = accepted(effective)
    if names is None:
        words = effective.words("PubkeyAcceptedAlgorithms")
        return listed(words[0], kind) if words else None
    return (rsa_signature(effective, signs) if kind == "ssh-rsa" else kind) in names


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

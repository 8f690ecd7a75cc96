"""What this server's sshd offers at the start of a connection, and which client that is held against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rescue.facts import Facts
from rescue.formats.packages import PACKAGE_READS
from rescue.keys.certificates import plain_type
from rescue.keys.host_keys import DEFAULT_HOST_KEYS, HostKey, rsa_length
from rescue.keys.public_keys import rsa_bits
from rescue.keys.wire import WireError, decode_base64
from rescue.logins.host_keys import host_keys, made_at_start
from rescue.services.units import UNIT_READS
from rescue.sshd.effective import Setting
from rescue.sshd.handshake import openssh
from rescue.sshd.handshake.clients import Program, current, named
from rescue.sshd.handshake.lists import Agreed, Lists, Names, Part, agree, assembled
from rescue.sshd.language.algorithms import certificate
from rescue.sshd.language.patterns import match_list
from rescue.sshd.language.syntax import Version
from rescue.tree import Read, ReadError

READS = (*UNIT_READS, *PACKAGE_READS, Read("/etc/ssh", depth=2))

POSSIBLE: tuple[Version, ...] = ((7, 4), (8, 4), (9, 2), (10, 0))
"""The versions whose lists are tried where the installed one is not known."""

RSA_SIZES: Version = (9, 1)
"""The version since which RequiredRSASize keeps short host keys out."""

ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")}
"""The algorithms of a host key that are not called as its type is (list_hostkey_types in sshd.c)."""

ANY_ECDSA = ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
ANY = (*ANY_ECDSA, *ALGORITHMS["ssh-rsa"], "ssh-ed25519")
UNTOLD = {"ecdsa": ANY_ECDSA, "pkcs8": (*ANY_ECDSA, *ALGORITHMS["ssh-rsa"], "ssh-ed25519")}
"""What may be in a private key whose outer form alone is known."""


@dataclass(frozen=True, slots=True)
class HostKeyOffer:
    """The algorithms of the host keys that load. unsure: those that may be there; too_short: RSA keys left out."""

    names: Names = ()
    unsure: Names = ()
    too_short: tuple[HostKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Meeting:
    """What one client and this sshd agree on. possible: the same if everything is there that may be."""

    program: Program
    lists: Lists
    agreed: Agreed
    possible: Agreed


def programs(facts: Facts) -> tuple[Program, ...]:
    """The clients in question: the person's own, else the OpenSSH ones of today."""
    return (named(facts.client.program),) if facts.client.program else current()


def meetings(facts: Facts) -> tuple[Meeting, ...]:
    """One for each client in question and, where sshd's version is not known, for each that it may have."""
    keys = offered_keys(facts)
    versions = (facts.openssh.version,) if facts.openssh is not None else POSSIBLE
    return tuple(_meeting(facts, program, keys, version) for program in programs(facts) for version in versions)


def _meeting(facts: Facts, program: Program, keys: HostKeyOffer, version: Version) -> Meeting:
    sure, all_ = (
        Lists(
            offered(facts, Part.KEX, version),
            tuple(name for name in names if match_list(name, _pattern(facts, version)) == 1),
            offered(facts, Part.CIPHER, version),
            offered(facts, Part.MAC, version),
        )
        for names in (keys.names, (*keys.names, *keys.unsure))
    )
    return Meeting(program, sure, agree(program.lists, sure), agree(program.lists, all_))


def _pattern(facts: Facts, version: Version) -> str:
    return ",".join(offered(facts, Part.HOST_KEY, version))


def setting(facts: Facts, part: Part) -> Setting | None:
    """The line that sets a list; None where the default holds."""
    lines = facts.sshd.globals(part.keyword)
    return lines[0] if lines and lines[0].words else None


def offered(facts: Facts, part: Part, version: Version) -> Names:
    """What sshd makes of the line, or of none."""
    line = setting(facts, part)
    default = openssh.default(part, version)
    return default if line is None else assembled(line.words[0], default, openssh.known(part, version))


def offered_keys(facts: Facts) -> HostKeyOffer:
    """The host keys' algorithms, whatever HostKeyAlgorithms says of them."""
    keys = host_keys(facts)
    names: dict[str, None] = {}
    unsure: dict[str, None] = {}
    short: list[HostKey] = []
    if not keys:
        # They are in an agent.
        return HostKeyOffer((), ANY)
    for key in keys:
        if (key.missing and str(key.path) in DEFAULT_HOST_KEYS and made_at_start(facts)) or key.unread:
            unsure |= dict.fromkeys(ANY)
        elif key.loads:
            kind, bits = _public(facts, key)
            if kind == "ssh-rsa" and bits is not None and bits < _least(facts):
                short.append(key)
            elif kind in UNTOLD:
                unsure |= dict.fromkeys(UNTOLD[kind])
            elif kind == "ssh-rsa" and bits is None and _least(facts) > RSA_USUAL:
                unsure |= dict.fromkeys(ALGORITHMS[kind])
            else:
                names |= dict.fromkeys(ALGORITHMS.get(kind, (kind,)))
    unsure |= dict.fromkeys(_certified(facts, names))
    return HostKeyOffer(tuple(names), tuple(name for name in unsure if name not in names), tuple(short))


def _certified(facts: Facts, names: dict[str, None]) -> Iterator[str]:
    """The algorithms of the certificates of these keys. sshd ignores one that is of no key it has."""
    for line in facts.sshd.globals("HostCertificate")[:MOST_CERTIFICATES]:
        if not line.words or line.words[0].lower() == "none":
            continue
        path = f"/{line.words[0].lstrip('/')}"
        facts.tree.require(Read(path, depth=0))
        try:
            kind = plain_type((facts.tree.text(path) or "").split(" ", 1)[0])
        except ReadError:
            continue
        found = ALGORITHMS.get(kind, (kind, f"{kind}@openssh.com"))
        yield from (certificate(name) for name in found if name in names)


MOST_CERTIFICATES = 50


RSA_USUAL = 2048
"""Bits that any RSA host key has that was made in the last twenty years."""


def _least(facts: Facts) -> int:
    lines = facts.sshd.globals("RequiredRSASize")
    if facts.openssh is None or facts.openssh.version < RSA_SIZES or not lines:
        return 0
    return int(lines[0].words[0][:9]) if lines[0].words and lines[0].words[0].isdigit() else 0


def _public(facts: Facts, key: HostKey) -> tuple[str, int | None]:
    """The key's type, and the length of an RSA key: from the private file, or from the public one beside it."""
    try:
        bits = rsa_length(facts.tree.data(key.path) or b"") if key.type == "ssh-rsa" else None
    except ReadError:
        bits = None
    if key.type not in UNTOLD and (key.type != "ssh-rsa" or bits is not None):
        return key.type, bits
    path = f"{key.path}.pub"
    facts.tree.require(Read(path, depth=0))
    try:
        words = (facts.tree.text(path) or "").split()[:2]
        if len(words) == 2 and words[0] in UNTOLD.get(key.type, (key.type,)):
            return words[0], rsa_bits(words[0], decode_base64(words[1]))
    except (ReadError, WireError):
        pass
    return key.type, bits


@dataclass(frozen=True, slots=True)
class Judged:
    """The clients that have nothing of one list in common with sshd. unsure: for some the disk does not tell."""

    failing: tuple[Meeting, ...]
    fitting: tuple[Program, ...]
    unsure: bool


def judged(facts: Facts, part: Part) -> Judged:
    """Whether sshd and each client in question have something of a list in common."""
    failing: list[Meeting] = []
    fitting: list[Program] = []
    unsure = False
    by_program: dict[str, list[Meeting]] = {}
    for each in meetings(facts):
        by_program.setdefault(each.program.title, []).append(each)
    for found in by_program.values():
        if all(part in each.possible.missing for each in found):
            failing.append(found[-1])
        elif all(part not in each.agreed.missing for each in found):
            fitting.append(found[-1].program)
        else:
            unsure = True
    return Judged(tuple(failing), tuple(fitting), unsure)

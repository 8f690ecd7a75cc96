"""The four lists of algorithms that each side sends, and what comes of them.

Source: kex_choose_conf, kex_assemble_names in kex.c, match_filter_denylist in match.c of OpenSSH 8.4 to 10.5; RFC 4253,
section 7.1: for each list, the first name of the client's that the server has, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from rescue.sshd.language.algorithms import Family
from rescue.sshd.language.patterns import match_list

Names = tuple[str, ...]

AEAD = frozenset({"chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"})
"""Ciphers that need no MAC."""


class Part(Enum):
    """One of the lists: sshd's keyword for it, and what OpenSSH's client calls it where nothing is common."""

    KEX = ("KexAlgorithms", "key exchange method", Family.KEX)
    HOST_KEY = ("HostKeyAlgorithms", "host key type", Family.KEY)
    CIPHER = ("Ciphers", "cipher", Family.CIPHER)
    MAC = ("MACs", "MAC", Family.MAC)

    def __init__(self, keyword: str, word: str, family: Family) -> None:
        self.keyword = keyword
        self.word = word
        self.family = family


@dataclass(frozen=True, slots=True)
class Lists:
    """What one side offers, best first."""

    kex: Names
    host_keys: Names
    ciphers: Names
    macs: Names

    def of(self, part: Part) -> Names:
        return {
            Part.KEX: self.kex,
            Part.HOST_KEY: self.host_keys,
            Part.CIPHER: self.ciphers,
            Part.MAC: self.macs,
        }[part]


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the two sides take, None where they have nothing in common. mac: "" where the cipher needs none."""

    kex: str | None
    host_key: str | None
    cipher: str | None
    mac: str | None

    @property
    def missing(self) -> tuple[Part, ...]:
        """The lists without a common name, in the order in which a client finds out."""
        found = zip(Part, (self.kex, self.host_key, self.cipher, self.mac), strict=True)
        return tuple(part for part, name in found if name is None)


def agree(client: Lists, server: Lists) -> Agreed:
    """What a client and a server take. Without a common cipher it is not known whether a MAC is needed."""
    cipher = _first(client.ciphers, server.ciphers)
    needed = cipher is not None and cipher not in AEAD
    mac = _first(client.macs, server.macs) if needed else ""
    return Agreed(_first(client.kex, server.kex), _first(client.host_keys, server.host_keys), cipher, mac)


def _first(wanted: Names, offered: Names) -> str | None:
    return next((name for name in wanted if name in offered), None)


def assembled(value: str, default: Sequence[str], known: Sequence[str]) -> Names:
    """The list that a line of sshd_config makes of the default one. known: every name that the build has, in order."""
    sign, names = (value[0], value[1:]) if value[:1] in ("+", "-", "^") else ("", value)
    if sign == "-":
        return tuple(name for name in default if match_list(name, names) != 1)
    wanted = names.split(",")
    patterns: Iterable[str] = {"+": [*default, *wanted], "^": [*wanted, *default]}.get(sign, wanted)
    found: dict[str, None] = {}
    for pattern in patterns:
        found |= dict.fromkeys(name for name in known if name == pattern or match_list(name, pattern) == 1)
    return tuple(found)

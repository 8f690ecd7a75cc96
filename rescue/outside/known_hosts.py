"""What known_hosts files say of one host: its keys and its ports (sshd(8), ssh_known_hosts)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

MOST = 1 << 20
"""Bytes of a file that are read."""
MOST_LINES = 20_000
MOST_HASHED = 30
"""Hashed names that are tried with every port: some 40 ms each. The newest ones are last."""
SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A line that is about the host. key: as "ssh-ed25519 SHA256:..."."""

    port: int
    key: str
    file: str
    line: int
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    names: tuple[str, ...]
    key: str
    number: int
    revoked: bool
    authority: bool


def known_keys(files: Iterable[Path], names: Iterable[str], ports: Iterable[int]) -> tuple[KnownKey, ...]:
    """The keys that are known for one of the host's names at one of the ports. Unreadable files count as none."""
    wanted = [(port, _spelled(name, port)) for name in dict.fromkeys(names) if name for port in dict.fromkeys(ports)]
    return tuple(
        KnownKey(port, line.key, str(file), line.number, line.revoked)
        for file in files
        for line in _lines(file)
        if not line.authority
        for port, name in wanted
        if _matches(line.names, name)
    )


def known_ports(files: Iterable[Path], names: Iterable[str]) -> tuple[int, ...]:
    """The ports other than 22 at which the host was reached before, hashed names (HashKnownHosts) tried one by one."""
    found: set[int] = set()
    hosts = [each.lower() for each in dict.fromkeys(names) if each]
    hashed: list[str] = []
    for file in files:
        for line in _lines(file):
            for name in line.names:
                if name.startswith("|1|"):
                    hashed.append(name)
                for host in hosts:
                    if name.startswith(f"[{host}]:") and name.rpartition(":")[2].isdecimal():
                        found.add(int(name.rpartition(":")[2][:6]))
    for name in dict.fromkeys(hashed[-MOST_HASHED:]):
        found |= _ports_of(name, hosts)
    return tuple(sorted(each for each in found if 0 < each < 65536 and each != SSH_PORT))


def _ports_of(hashed: str, hosts: list[str]) -> set[int]:
    salt, digest = _parts(hashed)
    if salt is None:
        return set()
    # HMAC (RFC 2104) with the salt taken in once: hmac's own functions would take it in for each port.
    block = (salt if len(salt) <= 64 else hashlib.sha1(salt, usedforsecurity=False).digest()).ljust(64, b"\0")
    inner, outer = (hashlib.sha1(bytes(each ^ pad for each in block), usedforsecurity=False) for pad in (0x36, 0x5C))
    for host in hosts:
        begun = inner.copy()
        begun.update(f"[{host}]:".encode("utf-8", "surrogateescape"))
        for port in range(1, 65536):
            one, two = begun.copy(), outer.copy()
            one.update(b"%d" % port)
            two.update(one.digest())
            if two.digest() == digest:
                return {port}
    return set()


def _spelled(name: str, port: int) -> str:
    return name.lower() if port == SSH_PORT else f"[{name.lower()}]:{port}"


def _matches(patterns: tuple[str, ...], name: str) -> bool:
    """match_hostname of OpenSSH's hostfile.c: a list with "!" for exceptions, or one hashed name."""
    found = False
    for pattern in patterns:
        if pattern.startswith("|1|"):
            salt, digest = _parts(pattern)
            if salt is not None and hmac.digest(salt, name.encode("utf-8", "surrogateescape"), "sha1") == digest:
                return True
        elif pattern.startswith("!"):
            if _fits(pattern[1:], name):
                return False
        elif _fits(pattern, name):
            found = True
    return found


def _fits(pattern: str, name: str) -> bool:
    # fnmatch has sets, which ssh has not: "[" stands for itself there.
    return fnmatchcase(name, pattern.lower().replace("[", "[[]"))


def _parts(hashed: str) -> tuple[bytes | None, bytes]:
    with suppress(ValueError):
        _, _, salt, digest = hashed.split("|")
        return base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    return None, b""


def _lines(file: Path) -> Iterator[_Line]:
    try:
        with file.open("rb") as stream:
            text = stream.read(MOST).decode("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return
    for number, line in enumerate(text.split("\n")[:MOST_LINES], 1):
        words = line.split()
        mark = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#"):
            continue
        with suppress(ValueError):
            digest = hashlib.sha256(base64.b64decode(words[2], validate=True)).digest()
            key = f"{words[1]} SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
            names = tuple(each.lower() if each[:1] != "|" else each for each in words[0].split(",")[:64])
            yield _Line(names, key, number, mark == "@revoked", mark == "@cert-authority")

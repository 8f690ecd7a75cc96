"""/etc/ssh/moduli has no usable number, so the key exchange that your client picks fails.

Symptom: the connection hangs after "expecting SSH2_MSG_KEX_DH_GEX_REPLY" (ssh -v), or "Connection reset by peer".

Cause: of what KexAlgorithms allows, your client takes diffie-hellman-group-exchange first, and the file of its prime
numbers (/etc/ssh/moduli) exists but has none of 2048 to 8192 bits: a hardening guide filtered out small ones, or the
disk was full. ssh prefers this exchange to those with a fixed group. Up to OpenSSH 9.9 sshd falls back to built-in
groups; from 10.0 on the connection dies. If the file is missing, it also falls back.

Repair: remove the file without numbers. New ones come with the package, or from ssh-keygen -M.

See: moduli(5), choose_dh in dh.c of OpenSSH; ssh-keygen(1) on -M.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.logins.handshake import offer
from rescue.logins.handshake.offer import meetings, setting
from rescue.logins.ssh_units import serving
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd.handshake.lists import Part
from rescue.tree import Read, Tree

STEP = Step.ACCEPT
READS = offer.READS

EXCHANGE = "diffie-hellman-group-exchange-"
DIES = (10, 0)
LEAST, MOST = 2048, 8192
FIELDS, SAFE_PRIME = 7, "2"
"""How many fields a line of moduli(5) has, and which type sshd takes."""


def find(facts: Facts) -> Iterator[Finding]:
    if facts.sshd.fatal or not serving(facts.units) or facts.openssh is None or facts.openssh.version < DIES:
        return
    line = setting(facts, Part.KEX)
    if line is None:
        return  # the default has no such exchange
    met = [each for each in meetings(facts) if each.agreed.kex is not None]
    dying = [each for each in met if each.agreed.kex is not None and each.agreed.kex.startswith(EXCHANGE)]
    if not dying:
        return
    given = facts.sshd.globals("ModuliFile")
    path = given[0].words[0] if given else "/etc/ssh/moduli"
    facts.tree.require(Read(path, depth=0))
    entry = facts.tree.entry(path)
    if entry is None or not entry.is_file or _primes(facts.tree.text(path)):
        return
    place = line.location
    yield Finding(
        check="moduli-empty",
        step=STEP,
        severity=Severity.DOUBTFUL if len(dying) < len(met) else Severity.BROKEN,
        message=f"{path} has no prime numbers of {LEAST} to {MOST} bits, but the key exchange that "
        f"{' or '.join(each.program.title for each in dying)} picks, {dying[0].agreed.kex}, needs one.",
        reason="other versions of ssh pick another key exchange" if len(dying) < len(met) else "",
        symptom=Symptom.HANGS,
        locations=(Location(PurePosixPath(path)), *([place] if place else [])),
        repairs=(Repair(f"remove {path}, so that sshd uses built-in numbers", Safety.SAFE, partial(_gone, path=path)),),
    )


def _primes(text: str | None) -> bool:
    """Whether any line has a prime that sshd would use (parse_prime, choose_dh). A file too large to read has one."""
    return text is None or any(LEAST <= _bits(line) <= MOST for line in text.split("\n"))


def _bits(line: str) -> int:
    """The size of the prime in a line: that of its field and one more; 0 without one."""
    fields = line.split()
    if len(fields) != FIELDS or line.startswith("#") or fields[1] != SAFE_PRIME:
        return 0
    return int(fields[4]) + 1 if fields[4].isascii() and fields[4].isdigit() and len(fields[4]) < FIELDS else 0


def _gone(tree: Tree, path: str) -> Tree:
    return tree.remove(path)

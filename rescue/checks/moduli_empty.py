"""/etc/ssh/moduli is empty, so the only key exchange offered fails.

Symptom: the connection hangs after "expecting SSH2_MSG_KEX_DH_GEX_REPLY" (ssh -v), or "Connection reset by peer".

Cause: KexAlgorithms allows only diffie-hellman-group-exchange, and the file of its prime numbers (/etc/ssh/moduli)
exists but has none: a hardening guide filtered out small ones, or the disk was full. Up to OpenSSH 9.9 sshd falls back
to built-in groups; from 10.0 on the connection dies. If the file is missing, it also falls back.

Repair: remove the file without numbers. New ones come with the package, or from ssh-keygen -M.

See: moduli(5), choose_dh in dh.c of OpenSSH; ssh-keygen(1) on -M.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.formats.packages import PACKAGE_READS
from rescue.logins.ssh_units import serving
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.services.units import UNIT_READS
from rescue.tree import Read, Tree

STEP = Step.ACCEPT
READS = (*UNIT_READS, *PACKAGE_READS, Read("/etc/ssh", depth=2))

EXCHANGE = "diffie-hellman-group-exchange-"
DIES = (10, 0)


def find(facts: Facts) -> Iterator[Finding]:
    if facts.sshd.fatal or not serving(facts.units) or facts.openssh is None or facts.openssh.version < DIES:
        return
    lines = facts.sshd.globals("KexAlgorithms")
    if not lines or not all(name.startswith(EXCHANGE) for name in lines[0].words[0].split(",")):
        return
    given = facts.sshd.globals("ModuliFile")
    path = given[0].words[0] if given else "/etc/ssh/moduli"
    facts.tree.require(Read(path, depth=0))
    entry = facts.tree.entry(path)
    if entry is None or not entry.is_file or _primes(facts.tree.text(path)):
        return
    place = lines[0].location
    yield Finding(
        check="moduli-empty",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"{path} has no prime numbers, but the only allowed key exchange needs them.",
        symptom=Symptom.HANGS,
        locations=(Location(PurePosixPath(path)), *([place] if place else [])),
        repairs=(Repair(f"remove {path}, so that sshd uses built-in numbers", Safety.SAFE, partial(_gone, path=path)),),
    )


def _primes(text: str | None) -> bool:
    """Whether any line has content. A file too large to read does."""
    return text is None or any(line.strip() and not line.startswith("#") for line in text.split("\n"))


def _gone(tree: Tree, path: str) -> Tree:
    return tree.remove(path)

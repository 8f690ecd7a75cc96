"""Whether your client and sshd can agree on how to talk.

Decides: KexAlgorithms, Ciphers, MACs and HostKeyAlgorithms, the host keys, and what your client has. The check
no-common-algorithm judges them against today's OpenSSH, or against --client.

Not judged: host keys that an agent holds, or that the service makes when it starts, if HostKeyAlgorithms decides; lists
that mean other algorithms in other versions of sshd, if its version is not known; what FIPS mode leaves of the lists.

Supply: ssh -vv SERVER shows what both sides offer; --client NAME says which program you connect with.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins.handshake import crypto_policy, offer
from rescue.logins.handshake.crypto_policy import policy
from rescue.logins.handshake.offer import judged, meetings, setting
from rescue.logins.ssh_units import serving
from rescue.model import Gap, Location, Step
from rescue.sshd.handshake.lists import Lists, Part, agree

STEP = Step.ACCEPT
READS = (*offer.READS, *crypto_policy.READS)

TRY = "ssh -vv SERVER shows what both sides offer"

NOT_IN_FIPS = ("chacha20", "curve25519", "sntrup", "mlkem", "ssh-ed25519", "sk-ssh-ed25519", "umac", "hmac-md5")
"""Beginnings of what OpenSSL's FIPS mode does not do, or Red Hat's sshd does not offer in it."""


def find(facts: Facts) -> Iterator[Gap]:
    if facts.sshd.fatal or not serving(facts.units):
        return
    for part in Part:
        if judged(facts, part).unsure:
            line = setting(facts, part)
            place = line.location if line is not None else None
            where = f" ({place})" if place is not None else ""
            what = f"whether sshd and your client have a {part.word} in common{where}"
            yield Gap("handshake", STEP, what, TRY, locations=(place,) if place is not None else ())
    yield from _under_fips(facts)


def _under_fips(facts: Facts) -> Iterator[Gap]:
    name = policy(facts.tree) if facts.release.is_red_hat else ""
    if not name.upper().startswith("FIPS"):
        return
    for each in meetings(facts):
        left = Lists(*(_left(each.lists.of(part)) for part in Part))
        if not each.agreed.missing and agree(each.program.lists, left).missing:
            what = f"whether FIPS mode leaves sshd an algorithm that {each.program.title} has"
            yield Gap("handshake", STEP, what, TRY, locations=(Location(crypto_policy.POLICY),))
            return


def _left(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if not name.startswith(NOT_IN_FIPS))

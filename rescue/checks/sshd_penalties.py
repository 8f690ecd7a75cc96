"""sshd counts whole networks as one source, so that strangers use up what is yours.

Symptom: "kex_exchange_identification: Connection closed by remote host" or "Not allowed at this time", now and then or
always, before any key is asked for; the server's log says "drop connection ... penalty".

Cause: PerSourceNetBlockSize sets how many addresses count as one source: 32:128 (the default) each address, 16 a
network of 65,536. A single number is for IPv4 alone, and leaves 0 for IPv6: then all of IPv6 is one source. Since
OpenSSH 9.8 sshd refuses a source for a while after failed logins (PerSourcePenalties, on by default: 5 s for a failed
login, 10 s for one that took too long, 90 s for a crash; refused as soon as 15 s have come together, at most 10
minutes), and PerSourceMaxStartups limits the connections of one source. What a stranger of your network does then
counts against you. Addresses in PerSourcePenaltyExemptList have no penalties. Penalties are in memory: they end when
sshd restarts.

Repair: set PerSourceNetBlockSize to 32:128, so that each address counts for itself.

See: sshd_config(5) on PerSourceNetBlockSize, PerSourcePenalties and PerSourcePenaltyExemptList; srclimit.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.logins import sshd_limits
from rescue.logins.ssh_units import serving
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit
from rescue.sshd.language.patterns import match_address

STEP = Step.ACCEPT
READS = sshd_limits.READS

PENALTIES = (9, 8)
WIDE = {4: 16, 6: 32}
"""The masks, and shorter ones, of networks in which strangers are."""
FEW = 10
DEFAULT = "32:128"


def find(facts: Facts) -> Iterator[Finding]:
    if facts.sshd.fatal or not serving(facts.units):
        return
    lines = facts.sshd.globals("PerSourceNetBlockSize")
    place = lines[0].location if lines else None
    if not lines or place is None:
        return
    masks = dict(zip((4, 6), map(int, lines[0].words[0].split(":")), strict=True))
    asked = {source.version for source in facts.client.sources} or {4, 6}
    wide = [version for version in sorted(asked) if masks[version] <= WIDE[version]]
    harm = _harm(facts)
    if not wide or not harm:
        return
    what = " and ".join(_network(version, masks[version]) for version in wide)
    yield Finding(
        check="sshd-penalties",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"sshd counts {what} as one source ({place}), and {harm}.",
        symptom=Symptom.CLOSED,
        locations=(place,),
        repairs=(
            Repair(
                f"count each address for itself: PerSourceNetBlockSize {DEFAULT} ({place})",
                Safety.UNSAFE,
                partial(edit.set_value, location=place, value=DEFAULT),
                weakens="somebody with many addresses of one network has a limit for each of them",
            ),
        )
        if place.text.lower().lstrip("\"' ").startswith("persourcenetblocksize")
        else (Repair(f"correct PerSourceNetBlockSize in {place}", Safety.MANUAL),),
        reason="what strangers of your network do is not on this disk",
    )


def _network(version: int, mask: int) -> str:
    return f"all of IPv{version}" if mask == 0 else f"each IPv{version} network of /{mask}"


def _harm(facts: Facts) -> str:
    most = facts.sshd.globals("PerSourceMaxStartups")
    if most and most[0].words[0].isdigit() and int(most[0].words[0][:9]) <= FEW:
        return f"one source may have only {most[0].words[0]} connections open before login"
    if facts.openssh is None or facts.openssh.version < PENALTIES:
        return ""
    words = [word.lower() for line in facts.sshd.globals("PerSourcePenalties") for word in line.words]
    # The first yes or no counts; without one they are on.
    if next((word for word in words if word in ("yes", "no")), "yes") == "no" or exempt(facts):
        return ""
    return "refuses a source for a while after a failed login of anybody (PerSourcePenalties)"


def exempt(facts: Facts) -> bool:
    """Whether every address that the client may come from is in PerSourcePenaltyExemptList."""
    lines = facts.sshd.globals("PerSourcePenaltyExemptList")
    sources = facts.client.sources
    if not lines or not sources or lines[0].words[0].lower() == "none":
        return False
    return all(match_address(source, lines[0].words[0]) is True for source in sources)

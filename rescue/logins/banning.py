"""What the checks of programs that ban addresses share. No check itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rescue.bans.words import Ban
from rescue.facts import Facts
from rescue.logins.blocking import ask_for_address
from rescue.logs.wtmp import Login, logins
from rescue.model import Address, Edit, Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.text.safe import safe

MOST_SHOWN = 3
"""How many bans a message names."""


@dataclass(frozen=True, slots=True)
class Lifting:
    """How to lift a program's bans. edit: removes the given spellings; command: the same on a running server, followed
    by the spellings. for_one: the edit lets in only the client, even if its whole network is banned.
    """

    program: str
    edit: Edit
    command: str
    for_one: bool = False


def bans_of(facts: Facts, bans: Sequence[Ban]) -> dict[Address, tuple[Ban, ...]]:
    """The client's banned addresses, each with its bans: certain ones first."""
    found = {}
    for source in facts.client.sources:
        mine = sorted((ban for ban in bans if ban.holds(source)), key=lambda ban: (bool(ban.doubt), ban.location))
        if mine:
            found[source] = tuple(mine)
    return found


def people(facts: Facts) -> dict[Address, Login]:
    """If the client's address is not known: the addresses from which somebody has logged in, each with its last login,
    newest first. Servers ban strangers all day, but strangers never log in."""
    last: dict[Address, Login] = {}
    if facts.client.sources:
        return last
    said = facts.last_login
    newest = [Login(said.user, said.address, said.at)] if said is not None and said.address is not None else []
    for login in (*newest, *logins(facts.tree)):
        known = last.get(login.address)
        if known is None or login.at > known.at:
            last[login.address] = login
    return dict(sorted(last.items(), key=lambda pair: pair[1].at, reverse=True))


def of_people(bans: Sequence[Ban], last: dict[Address, Login]) -> tuple[tuple[Ban, Login], ...]:
    """Bans of single addresses from which somebody has logged in."""
    singles = {ban.network[0]: ban for ban in bans if ban.of_one}
    return tuple((singles[address], login) for address, login in last.items() if address in singles)


def perhaps(check: str, program: str, facts: Facts, found: tuple[tuple[Ban, Login], ...]) -> Finding:
    """The finding for banned addresses that have logged in before: one of them may be the client's."""
    shown = ", ".join(f"{ban.written} ({safe(login.user)} on {login.at:%Y-%m-%d})" for ban, login in found[:MOST_SHOWN])
    more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    first = found[0][0]
    return Finding(
        check=check,
        step=Step.ACCEPT if first.symptom is Symptom.CLOSED else Step.FIREWALL,
        severity=Severity.DOUBTFUL,
        message=f"{program} bans addresses that have logged in before ({shown}{more}) from port {facts.dialled}.",
        symptom=first.symptom,
        locations=tuple(dict.fromkeys(ban.location for ban, _ in found[:MOST_SHOWN])),
        repairs=(ask_for_address(),),
        reason="your address is not known; it may be one of them",
    )


def judged(
    check: str, program: str, facts: Facts, bans: Sequence[Ban], lifting: Callable[[tuple[str, ...]], Lifting]
) -> Iterator[Finding]:
    """The findings for these bans: certain if the client's address is banned, doubtful if its address is not known.

    lifting: how to lift the bans with the given spellings.
    """
    if not facts.client.sources:
        if them := of_people(bans, people(facts)):
            yield perhaps(check, program, facts, them)
        return
    if found := bans_of(facts, bans):
        yield finding(check, facts, found, lifting(spellings(found)))


def spellings(found: dict[Address, tuple[Ban, ...]]) -> tuple[str, ...]:
    """How the lists spell the entries to remove."""
    return tuple(dict.fromkeys(ban.written for bans in found.values() for ban in bans))


def finding(check: str, facts: Facts, found: dict[Address, tuple[Ban, ...]], lifting: Lifting) -> Finding:
    """The finding for the client's banned addresses."""
    addresses = ", ".join(str(each) for each in found)
    every = tuple(dict.fromkeys(ban for bans in found.values() for ban in bans))
    first = every[0]
    ends = [ban.until for ban in every]
    last = max((end for end in ends if end is not None), default=None)
    until = "permanently" if None in ends or last is None else f"until {last:%Y-%m-%d %H:%M} UTC"
    wide = [ban.written for ban in every if not ban.of_one]
    within = f" (it bans all of {', '.join(wide[:MOST_SHOWN])})" if wide else ""
    doubt = next((ban.doubt for bans in found.values() for ban in bans[:1]), "")
    verb = "may ban" if doubt else "bans"
    by = ", ".join(dict.fromkeys(ban.by for ban in every[:MOST_SHOWN]))
    return Finding(
        check=check,
        step=Step.ACCEPT if first.symptom is Symptom.CLOSED else Step.FIREWALL,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"{lifting.program} {verb} your address {addresses} from port {facts.dialled} {until}{within}, again "
        f"after every boot ({by}, {first.location.path}).",
        symptom=first.symptom,
        locations=tuple(dict.fromkeys(ban.location for ban in every)),
        repairs=_repairs(addresses, [] if lifting.for_one else wide, spellings(found), lifting),
        reason=doubt,
    )


def _repairs(addresses: str, wide: list[str], written: tuple[str, ...], lifting: Lifting) -> tuple[Repair, ...]:
    whom = ", ".join(wide) if wide else addresses
    lift = Repair(
        f"remove {whom} from the bans of {lifting.program}",
        Safety.UNSAFE if wide else Safety.SAFE,
        lifting.edit,
        weakens=f"{whom} can connect, until {lifting.program} bans it again",
        lets_in=True,
    )
    words = [addresses.replace(",", "")] if lifting.for_one else [*written[:MOST_SHOWN]]
    live = Repair(
        f"on a running server: {lifting.command} {' '.join(words)}",
        Safety.MANUAL,
        steps=f"{lifting.program} also keeps its bans in memory: the repair above takes effect at its next start.",
    )
    return lift, live


def unreadable(check: str, program: str, reason: str, location: Location) -> Finding:
    """The finding for an unreadable ban list, if the client's address is known."""
    return Finding(
        check=check,
        step=Step.FIREWALL,
        severity=Severity.DOUBTFUL,
        message=f"{program} starts at boot, and its ban list can't be read ({location.path}).",
        symptom=Symptom.REFUSED,
        locations=(location,),
        repairs=(Repair(f"check by hand whether {program} bans your address", Safety.MANUAL),),
        reason=reason,
    )

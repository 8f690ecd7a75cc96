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
"""Bans that a message names."""


@dataclass(frozen=True, slots=True)
class Lifting:
    """How bans of one program are taken back. edit: takes the given spellings out; command: what a running server
    is told, with the spellings behind it. for_one: the edit lets in the client alone, even of a network that is banned.
    """

    program: str
    edit: Edit
    command: str
    for_one: bool = False


def bans_of(facts: Facts, bans: Sequence[Ban]) -> dict[Address, tuple[Ban, ...]]:
    """The client's addresses that are banned, each with its bans: the sure ones first."""
    found = {}
    for source in facts.client.sources:
        mine = sorted((ban for ban in bans if ban.holds(source)), key=lambda ban: (bool(ban.doubt), ban.location))
        if mine:
            found[source] = tuple(mine)
    return found


def people(facts: Facts) -> dict[Address, Login]:
    """Where the client has not said where it comes from: the addresses from which somebody has logged in, each with
    the last such login, the newest first. Strangers are banned all day, and do not log in."""
    last: dict[Address, Login] = {}
    for login in () if facts.client.sources else logins(facts.tree):
        known = last.get(login.address)
        if known is None or login.at > known.at:
            last[login.address] = login
    return dict(sorted(last.items(), key=lambda pair: pair[1].at, reverse=True))


def of_people(bans: Sequence[Ban], last: dict[Address, Login]) -> tuple[tuple[Ban, Login], ...]:
    """The bans of single addresses from which somebody has logged in."""
    singles = {ban.network[0]: ban for ban in bans if ban.of_one}
    return tuple((singles[address], login) for address, login in last.items() if address in singles)


def perhaps(check: str, program: str, facts: Facts, found: tuple[tuple[Ban, Login], ...]) -> Finding:
    """The finding for bans of addresses from which people have logged in: one of them may be the client's."""
    shown = ", ".join(f"{ban.written} ({safe(login.user)} on {login.at:%Y-%m-%d})" for ban, login in found[:MOST_SHOWN])
    more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    first = found[0][0]
    return Finding(
        check=check,
        step=Step.ACCEPT if first.symptom is Symptom.CLOSED else Step.FIREWALL,
        severity=Severity.DOUBTFUL,
        message=f"{program} bans addresses from port {facts.dialled} from which somebody has logged in: {shown}{more}.",
        symptom=first.symptom,
        locations=tuple(dict.fromkeys(ban.location for ban, _ in found[:MOST_SHOWN])),
        repairs=(ask_for_address(),),
        reason="your address is not known: is it one of them?",
    )


def judged(
    check: str, program: str, facts: Facts, bans: Sequence[Ban], lifting: Callable[[tuple[str, ...]], Lifting]
) -> Iterator[Finding]:
    """What these bans are to the client: one, none, or perhaps one where it has not said where it comes from.

    lifting: how the bans of the given spellings are taken back.
    """
    if not facts.client.sources:
        if them := of_people(bans, people(facts)):
            yield perhaps(check, program, facts, them)
        return
    if found := bans_of(facts, bans):
        yield finding(check, facts, found, lifting(spellings(found)))


def spellings(found: dict[Address, tuple[Ban, ...]]) -> tuple[str, ...]:
    """How the lists spell what has to be taken out of them."""
    return tuple(dict.fromkeys(ban.written for bans in found.values() for ban in bans))


def finding(check: str, facts: Facts, found: dict[Address, tuple[Ban, ...]], lifting: Lifting) -> Finding:
    """The finding for banned addresses of the client."""
    addresses = ", ".join(str(each) for each in found)
    every = tuple(dict.fromkeys(ban for bans in found.values() for ban in bans))
    first = every[0]
    ends = [ban.until for ban in every]
    last = max((end for end in ends if end is not None), default=None)
    until = "for good" if None in ends or last is None else f"until {last:%Y-%m-%d %H:%M} UTC"
    wide = [ban.written for ban in every if not ban.of_one]
    within = f" (it bans all of {', '.join(wide[:MOST_SHOWN])})" if wide else ""
    doubt = next((ban.doubt for bans in found.values() for ban in bans[:1]), "")
    verb = "may ban" if doubt else "bans"
    by = ", ".join(dict.fromkeys(ban.by for ban in every[:MOST_SHOWN]))
    return Finding(
        check=check,
        step=Step.ACCEPT if first.symptom is Symptom.CLOSED else Step.FIREWALL,
        severity=Severity.DOUBTFUL if doubt else Severity.BROKEN,
        message=f"{lifting.program} {verb} your address {addresses} from port {facts.dialled} {until}{within}: it is "
        f"in force again as soon as the server has started ({by}, {first.location.path}).",
        symptom=first.symptom,
        locations=tuple(dict.fromkeys(ban.location for ban in every)),
        repairs=_repairs(addresses, [] if lifting.for_one else wide, spellings(found), lifting),
        reason=doubt,
    )


def _repairs(addresses: str, wide: list[str], written: tuple[str, ...], lifting: Lifting) -> tuple[Repair, ...]:
    whom = ", ".join(wide) if wide else addresses
    lift = Repair(
        f"take {whom} out of the bans of {lifting.program}",
        Safety.UNSAFE if wide else Safety.SAFE,
        lifting.edit,
        weakens=f"{whom} may connect, until {lifting.program} has a reason to ban again",
        lets_in=True,
    )
    words = [addresses.replace(",", "")] if lifting.for_one else [*written[:MOST_SHOWN]]
    live = Repair(
        f"on a running server: {lifting.command} {' '.join(words)}",
        Safety.MANUAL,
        steps=f"{lifting.program} keeps its bans in memory, too: the repair above is for its next start.",
    )
    return lift, live


def unreadable(check: str, program: str, reason: str, location: Location) -> Finding:
    """The finding for a list of bans that can't be read, while the client has said where it comes from."""
    return Finding(
        check=check,
        step=Step.FIREWALL,
        severity=Severity.DOUBTFUL,
        message=f"{program} is started at boot, and whom it bans can't be read ({location.path}).",
        symptom=Symptom.REFUSED,
        locations=(location,),
        repairs=(Repair(f"look by hand whether {program} bans your address", Safety.MANUAL),),
        reason=reason,
    )

"""sshd limits that lock people out when they are too low. Shared by their checks; no check itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS, each_login
from rescue.logins.ssh_units import serving
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.services.units import UNIT_READS
from rescue.sshd import Setting, edit

READS = (*UNIT_READS, *SSHD_READS)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that is too low. reason: why it may not lock anybody out; empty if it certainly does."""

    what: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a check says about one keyword. default: the repair's value. judge: what is wrong with a value."""

    check: str
    link: Step
    symptom: Symptom
    keyword: str
    default: str
    judge: Callable[[str], Limit | None]
    by_hand: tuple[Repair, ...] = ()


def everywhere(facts: Facts, cause: Cause) -> Iterator[Finding]:
    """The finding about a keyword for the whole server."""
    if facts.sshd.fatal or not serving(facts.units):
        return
    lines = facts.sshd.globals(cause.keyword)
    if lines:
        yield from _finding(cause, lines[0], "")


def for_each_login(facts: Facts, cause: Cause) -> Iterator[Finding]:
    """The findings about a keyword that Match blocks may set."""
    if facts.sshd.fatal or not serving(facts.units):
        return

    def judge(account: Account) -> Finding | None:
        setting = facts.effective(account).setting(cause.keyword)
        return next(_finding(cause, setting, account.name), None)

    yield from each_login(facts, judge, meant=False)


def _finding(cause: Cause, setting: Setting, user: str) -> Iterator[Finding]:
    place = setting.location
    limit = cause.judge(setting.words[0]) if setting.words else None
    if place is None or limit is None:
        return
    yield Finding(
        check=cause.check,
        step=cause.link,
        severity=Severity.DOUBTFUL if limit.reason else Severity.BROKEN,
        message=f"{cause.keyword} {setting.words[0]} ({place}): {limit.what}.",
        symptom=cause.symptom,
        locations=(place,),
        repairs=(*_repairs(cause, place), *cause.by_hand),
        subject=user,
        reason=limit.reason,
    )


def _repairs(cause: Cause, place: Location) -> Iterator[Repair]:
    if place.text.lower().lstrip("\"' ").startswith(cause.keyword.lower()):
        change = partial(edit.set_value, location=place, value=cause.default)
        yield Repair(
            f"set {cause.keyword} to {cause.default}, sshd's default ({place})",
            Safety.UNSAFE,
            change,
            weakens=f"password guessers and floods face only {cause.keyword} {cause.default}",
        )
    else:
        yield Repair(f"correct {cause.keyword} in {place}", Safety.MANUAL)

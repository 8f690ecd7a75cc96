"""What PAM says to a login over SSH that brought the right key: its stacks account and session. No check itself.

sshd asks the modules for passwords only where a password is asked for; a key passes them by (auth-pam.c).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from rescue.checks._each_login import SSHD_READS
from rescue.facts import Facts
from rescue.formats.access_conf import ACCESS_READS, Ruling, access
from rescue.formats.accounts import Account, Shadow
from rescue.formats.pam import PAM_READS, Answer, Facility, Handler, Outcome, Service, module_present, read_service, run

READS = (*SSHD_READS, *PAM_READS, *ACCESS_READS)

SERVICE = "sshd"
DAY = 86400


@dataclass(frozen=True, slots=True)
class Policy:
    """PAM's part of a login: the service's stacks, and what they say to one account."""

    service: Service
    account: Outcome
    session: Outcome
    ruling: Ruling | None


def policy(facts: Facts, account: Account) -> Policy | None:
    """What PAM says; None where sshd does not ask it, or has no stacks of its own for it."""
    if facts.sshd.fatal or facts.effective(account).words("UsePAM") != ("yes",):
        return None
    service = read_service(facts.tree, SERVICE)
    if service is None:
        return None
    rulings: list[Ruling] = []
    ask = _asker(facts, account, rulings)
    return Policy(
        service,
        run(service.stack(Facility.ACCOUNT), ask),
        run(service.stack(Facility.SESSION), ask),
        rulings[0] if rulings else None,
    )


def asks_shadow(found: Policy) -> bool:
    """Whether pam_unix is asked whether the account may log in."""
    return any(each.name == "pam_unix" for each in found.service.stack(Facility.ACCOUNT))


def _asker(facts: Facts, account: Account, rulings: list[Ruling]) -> Callable[[Handler], Answer]:
    shadow = facts.accounts.shadow(account.name)

    def ask(handler: Handler) -> Answer:
        if not handler.module or not module_present(facts.tree, handler.module):
            return Answer.MODULE_UNKNOWN
        if handler.name == "pam_deny":
            return Answer.PERM_DENIED
        if handler.name == "pam_nologin":
            return Answer.IGNORE  # where the file is there, that is a finding of its own
        if handler.facility is Facility.ACCOUNT and handler.name == "pam_unix":
            return shadow_answer(shadow, today(facts.now)) if shadow is not None else Answer.SUCCESS
        if handler.facility is Facility.ACCOUNT and handler.name == "pam_access":
            rulings.append(_ruling(facts, account, handler))
            return Answer.PERM_DENIED if rulings[-1].allowed is False else Answer.SUCCESS
        return Answer.SUCCESS

    return ask


def _ruling(facts: Facts, account: Account, handler: Handler) -> Ruling:
    """From several addresses a login is refused if it is from one of them."""
    found = [access(facts.tree, account, source, handler.arguments) for source in facts.client.sources or (None,)]
    for wanted in (False, None):
        for each in found:
            if each.allowed is wanted:
                return each
    return found[0]


def today(now: datetime) -> int:
    """The day in which shadow(5) counts: since 1970-01-01, in UTC."""
    return int(now.astimezone(UTC).timestamp()) // DAY


def shadow_answer(shadow: Shadow, day: int) -> Answer:
    """What pam_unix says of an account's dates (check_shadow_expiry in passverify.c).

    An empty day of the last change turns the rest off; that Linux-PAM before 1.6 takes it for long ago is told apart
    by `counts_empty_day`.
    """
    expire, changed = _number(shadow.expire), _number(shadow.lastchg)
    maximum, inactive = _number(shadow.maximum), _number(shadow.inactive)
    if expire != -1 and day >= expire:
        return Answer.ACCT_EXPIRED
    if changed == 0:
        return Answer.NEW_AUTHTOK_REQD
    if changed < 0 or day < changed:
        return Answer.SUCCESS
    age = day - changed
    if maximum != -1 and inactive != -1 and age > maximum and age > inactive and age > maximum + inactive:
        return Answer.AUTHTOK_EXPIRED
    if maximum != -1 and age > maximum:
        return Answer.NEW_AUTHTOK_REQD
    return Answer.SUCCESS


def counts_empty_day(shadow: Shadow, day: int) -> bool:
    """Whether an older PAM takes the password for expired, as the day of its last change is empty."""
    maximum = _number(shadow.maximum)
    return shadow.lastchg is None and maximum != -1 and day + 1 > maximum


def _number(value: int | None) -> int:
    return -1 if value is None else value

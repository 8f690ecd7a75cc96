"""What PAM says to a login over SSH that brought the right key: its stacks account and session. No check itself.

sshd asks the modules for passwords only where a password is asked for; a key passes them by (auth-pam.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

from rescue.accounts.database import Account, Shadow
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.logins.pam_modules import MODULE_READS, MODULES
from rescue.pam.stacks import (
    PAM_READS,
    Answer,
    Facility,
    Handler,
    Ruling,
    Service,
    StackOutcome,
    module_present,
    read_service,
    run,
)

READS = (*SSHD_READS, *PAM_READS, *MODULE_READS)

SERVICE, OTHER = "sshd", "other"
"""The service's file, and the one that stands for every service that has none."""

DAY = 86400

PASSES = (Answer.SUCCESS, Answer.NEW_AUTHTOK_REQD)
"""What a stack may say where no module turned the account away: the latter is the matter of a password's age."""


@dataclass(frozen=True, slots=True)
class Policy:
    """PAM's part of a login: the service's stacks, and what they say to one account.

    rulings: what the modules that decide by files say. needed: those of them that must say something else before the
    account gets in. perhaps: those that can't be told, and on which the login hangs.
    """

    service: Service
    account: StackOutcome
    session: StackOutcome
    rulings: tuple[tuple[Handler, Ruling], ...] = ()
    needed: tuple[tuple[Handler, Ruling], ...] = ()
    perhaps: tuple[tuple[Handler, Ruling], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A module that keeps an account out, or (certain is false) may."""

    handler: Handler
    ruling: Ruling
    certain: bool


def _service_name(facts: Facts, account: Account) -> str:
    """What sshd calls itself to PAM: PAMServiceName, from 9.8 on (its default is the program's own name)."""
    words = facts.effective(account).words("PAMServiceName")
    return words[0] if words else SERVICE


@lru_cache(maxsize=64)
def policy(facts: Facts, account: Account) -> Policy | None:
    """What PAM says; None where sshd does not ask it, or where there are no stacks for it."""
    # Ten checks ask the same question of the same facts.
    if facts.sshd.fatal or facts.effective(account).words("UsePAM") != ("yes",):
        return None
    service = read_service(facts.tree, _service_name(facts, account)) or read_service(facts.tree, OTHER)
    if service is None:
        return None
    service = _completed(facts, service)
    found = Policy(
        service,
        run(service.stack(Facility.ACCOUNT), asker(facts, account)),
        run(service.stack(Facility.SESSION), asker(facts, account)),
    )
    if service.broken is not None:
        return found
    for facility in (Facility.ACCOUNT, Facility.SESSION):
        found = _weighed(facts, account, found, service.stack(facility))
    return found


def _completed(facts: Facts, service: Service) -> Service:
    """The service with the stacks of "other" where it has no line of its own for one (_pam_dispatch)."""
    bare = [each for each in (Facility.AUTH, Facility.ACCOUNT, Facility.SESSION) if not service.stack(each)]
    if not bare or service.broken is not None:
        return service
    other = read_service(facts.tree, OTHER)
    if other is None or other.broken is not None:
        return service
    more = tuple(each for each in other.handlers if each.facility in bare)
    files = tuple(dict.fromkeys((*service.files, *other.files)))
    return replace(service, handlers=(*service.handlers, *more), files=files)


def _weighed(facts: Facts, account: Account, found: Policy, stack: tuple[Handler, ...]) -> Policy:
    """`found` with the modules of one stack on which the login hangs: each asked, and what if it said otherwise."""
    rulings = [(handler, ruling) for handler in stack if (ruling := _ruling(facts, account, handler)) is not None]
    denying = [each for each in rulings if each[1].allowed is False and not each[1].ignored]
    open_ends = [each for each in rulings if each[1].allowed is None]
    relevant = denying or open_ends
    if not relevant:
        return replace(found, rulings=(*found.rulings, *rulings))

    def passes(refusing: list[tuple[Handler, Ruling]]) -> bool:
        return run(stack, _otherwise(facts, account, [handler for handler, _ in refusing])).answer in PASSES

    needed = [each for each in denying if passes([]) and not passes([each])]
    needed = needed or ([] if passes(denying) or not passes([]) else denying)
    perhaps = [each for each in open_ends if passes(needed) and not passes([*needed, each])]
    return replace(
        found,
        rulings=(*found.rulings, *rulings),
        needed=(*found.needed, *needed),
        perhaps=(*found.perhaps, *perhaps),
    )


def refusals(facts: Facts, account: Account, module: str) -> Iterator[Refusal]:
    """The lines of a module that keep the account out, certain ones first."""
    found = policy(facts, account)
    if found is None:
        return
    for certain, each in ((True, found.needed), (False, found.perhaps)):
        for handler, ruling in each:
            if handler.name == module:
                yield Refusal(handler, ruling, certain)


def asks_shadow(facts: Facts, account: Account, found: Policy) -> bool:
    """Whether the login hangs on what pam_unix finds of the account in shadow(5)."""
    return hangs_on(facts, account, found, "pam_unix")


def hangs_on(facts: Facts, account: Account, found: Policy, module: str) -> bool:
    """Whether the account gets in if all is well, and does not if this module says otherwise."""
    stack = found.service.stack(Facility.ACCOUNT)
    usual = _otherwise(facts, account, [])

    def against(handler: Handler) -> Answer:
        return Answer.AUTHINFO_UNAVAIL if handler.name == module else usual(handler)

    return run(stack, against).answer not in PASSES and run(stack, usual).answer in PASSES


def denying_line(facts: Facts, account: Account, stack: tuple[Handler, ...]) -> Handler | None:
    """The line with pam_deny at which a stack ends for everybody, whatever the modules say; None if there is none."""
    outcome = run(stack, _otherwise(facts, account, []))
    decided = outcome.decided
    return decided if outcome.answer not in PASSES and decided is not None and decided.name == "pam_deny" else None


def asker(facts: Facts, account: Account) -> Callable[[Handler], Answer]:
    """What each module says."""
    shadow = facts.accounts.shadow(account.name)

    def ask(handler: Handler) -> Answer:
        if not handler.module or not module_present(facts.tree, handler.module):
            return Answer.MODULE_UNKNOWN
        if handler.facility is Facility.ACCOUNT and handler.name == "pam_unix":
            return shadow_answer(shadow, today(facts.now)) if shadow is not None else Answer.SUCCESS
        fixed = _FIXED.get(handler.name)
        if fixed is not None:
            return fixed
        ruling = _ruling(facts, account, handler)
        if ruling is not None and ruling.ignored:
            return Answer.IGNORE
        if ruling is not None and ruling.allowed is False:
            return MODULES[handler.name].refusal
        return Answer.SUCCESS

    return ask


def _otherwise(facts: Facts, account: Account, refusing: list[Handler]) -> Callable[[Handler], Answer]:
    """What each module would say if only those of `refusing` turned the account away, and all were there."""

    def ask(handler: Handler) -> Answer:
        if not handler.module or not module_present(facts.tree, handler.module):
            return Answer.IGNORE
        ruling = _ruling(facts, account, handler)
        if handler in refusing:
            return MODULES[handler.name].refusal
        if ruling is not None and ruling.ignored:
            return Answer.IGNORE
        return _FIXED.get(handler.name, Answer.SUCCESS)

    return ask


_FIXED = {
    "pam_deny": Answer.PERM_DENIED,
    # Where the file is there, that is a finding of its own.
    "pam_nologin": Answer.IGNORE,
    "pam_warn": Answer.IGNORE,
}
"""What these say, whoever asks."""


def _ruling(facts: Facts, account: Account, handler: Handler) -> Ruling | None:
    """What a module that decides by files says; None for any other, and for one that is not there."""
    module = MODULES.get(handler.name)
    if module is None or handler.facility not in module.stacks or not module_present(facts.tree, handler.module):
        return None
    return module.rule(facts, account, handler)


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

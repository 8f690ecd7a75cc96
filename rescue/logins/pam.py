"""What PAM says to an SSH login with the right key: its stacks account and session. No check itself.

sshd runs the auth modules only for passwords; a key skips them (auth-pam.c).
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
"""The service's file, and the fallback for services that have none."""

DAY = 86400

PASSES = (Answer.SUCCESS, Answer.NEW_AUTHTOK_REQD)
"""A stack's answers if no module rejected the account: the second is about the password's age."""


@dataclass(frozen=True, slots=True)
class Policy:
    """PAM's part of a login: the service's stacks, and what they say to one account.

    rulings: the answers of modules that decide by files. needed: those that must change before the account gets in.
    perhaps: those that are unknown, and that the login depends on.
    """

    service: Service
    account: StackOutcome
    session: StackOutcome
    rulings: tuple[tuple[Handler, Ruling], ...] = ()
    needed: tuple[tuple[Handler, Ruling], ...] = ()
    perhaps: tuple[tuple[Handler, Ruling], ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A module that rejects an account, or (certain is false) may."""

    handler: Handler
    ruling: Ruling
    certain: bool


def _service_name(facts: Facts, account: Account) -> str:
    """The service name that sshd gives PAM: PAMServiceName, from 9.8 on (by default the program's own name)."""
    words = facts.effective(account).words("PAMServiceName")
    return words[0] if words else SERVICE


@lru_cache(maxsize=64)
def policy(facts: Facts, account: Account) -> Policy | None:
    """What PAM says; None if sshd does not ask it, or has no stacks there."""
    # Ten checks ask this same question.
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
    """The service, with the stacks of "other" for those that it has no lines for (_pam_dispatch)."""
    other = read_service(facts.tree, OTHER) if service.broken is None else None
    if other is None:
        return service
    if other.broken is not None:
        # It is read all the same (_pam_init_handlers), and its fault is the service's.
        return replace(service, broken=other.broken, fault=other.fault, missing=other.missing)
    bare = [each for each in Facility if not service.stack(each)]
    more = tuple(each for each in other.handlers if each.facility in bare)
    files = tuple(dict.fromkeys((*service.files, *other.files))) if more else service.files
    return replace(service, handlers=(*service.handlers, *more), files=files)


def _weighed(facts: Facts, account: Account, found: Policy, stack: tuple[Handler, ...]) -> Policy:
    """`found` plus the modules of one stack that the login depends on: what if each answered differently."""
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
    """The lines of a module that reject the account, certain ones first."""
    found = policy(facts, account)
    if found is None:
        return
    for certain, each in ((True, found.needed), (False, found.perhaps)):
        for handler, ruling in each:
            if handler.name == module:
                yield Refusal(handler, ruling, certain)


def asks_shadow(facts: Facts, account: Account, found: Policy) -> bool:
    """Whether the login depends on the account's entry in shadow(5), which pam_unix reads."""
    return hangs_on(facts, account, found, "pam_unix")


def hangs_on(facts: Facts, account: Account, found: Policy, module: str) -> bool:
    """Whether the account gets in if all modules agree, and does not if this one rejects it."""
    stack = found.service.stack(Facility.ACCOUNT)
    usual = _otherwise(facts, account, [])

    def against(handler: Handler) -> Answer:
        return Answer.AUTHINFO_UNAVAIL if handler.name == module else usual(handler)

    return run(stack, against).answer not in PASSES and run(stack, usual).answer in PASSES


def denying_line(facts: Facts, account: Account, stack: tuple[Handler, ...]) -> Handler | None:
    """The pam_deny line where the stack ends for everybody, whatever the modules say; None if there is none."""
    outcome = run(stack, _otherwise(facts, account, []))
    decided = outcome.decided
    return decided if outcome.answer not in PASSES and decided is not None and decided.name == "pam_deny" else None


def asker(facts: Facts, account: Account) -> Callable[[Handler], Answer]:
    """Each module's answer."""
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
    """Each module's answer if only those in `refusing` rejected the account, and all modules existed."""

    def ask(handler: Handler) -> Answer:
        if handler.fault or not module_present(facts.tree, handler.module):
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
    # If the file exists, another check reports it.
    "pam_nologin": Answer.IGNORE,
    "pam_warn": Answer.IGNORE,
}
"""What these modules say to everyone."""


def _ruling(facts: Facts, account: Account, handler: Handler) -> Ruling | None:
    """The answer of a module that decides by files; None for any other, and for a missing one."""
    module = MODULES.get(handler.name)
    if module is None or handler.facility not in module.stacks or not module_present(facts.tree, handler.module):
        return None
    return module.rule(facts, account, handler)


def today(now: datetime) -> int:
    """Today as shadow(5) counts: days since 1970-01-01, in UTC."""
    return int(now.astimezone(UTC).timestamp()) // DAY


def shadow_answer(shadow: Shadow, day: int) -> Answer:
    """What pam_unix says about an account's dates (check_shadow_expiry in passverify.c).

    An empty last-change day disables the other rules; `counts_empty_day` handles Linux-PAM before 1.6, which takes it
    for long ago.
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
    """Whether an older PAM takes the password for expired, because its last-change day is empty."""
    maximum = _number(shadow.maximum)
    return shadow.lastchg is None and maximum != -1 and day + 1 > maximum


def _number(value: int | None) -> int:
    return -1 if value is None else value

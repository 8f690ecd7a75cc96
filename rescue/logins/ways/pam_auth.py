"""What PAM's stack "auth" says to somebody who answers every question correctly. No check itself.

sshd uses it for keyboard-interactive and, with UsePAM, for passwords (auth-pam.c). A stack in which every module
answers "ignore" fails (_pam_dispatch_aux).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from rescue.accounts.database import Account, Password
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.pam_modules import MODULES
from rescue.logins.ways.password import KEYBOARD, PASSWORD, by_password, password_opens
from rescue.pam.second_factor import ASK, FACTORS, TOGETHER, factor_answer
from rescue.pam.stacks import Answer, Facility, Handler, Service, StackOutcome, module_present, run

WITHOUT_ANSWER = frozenset({
    "pam_env", "pam_faildelay", "pam_warn", "pam_nologin", "pam_echo", "pam_group", "pam_cap", "pam_motd", "pam_umask",
})  # fmt: skip
"""Modules that answer "ignore" here for everyone."""
FORGIVING = frozenset({"nullok", "nouserok"})
"""Arguments that make a second-factor module skip users without one."""
SETTLED = frozenset({"pam_permit", "pam_deny", "pam_unix", "pam_faillock", *WITHOUT_ANSWER})
RULED = frozenset({
    "pam_succeed_if", "pam_listfile", "pam_access", "pam_shells", "pam_securetty", "pam_usertype", "pam_localuser",
})  # fmt: skip
"""Modules that decide by files in this stack as well."""
DIRECTORIES = frozenset({"pam_sss", "pam_ldap", "pam_krb5", "pam_winbind", "pam_radius_auth", "pam_tacplus"})


def asked(facts: Facts, account: Account) -> bool:
    """Whether every way to log in uses PAM's auth stack: the account has only a password, or each list of
    AuthenticationMethods has password or keyboard-interactive."""
    effective = facts.effective(account)
    lists = effective.words("AuthenticationMethods")
    if effective.words("UsePAM") != ("yes",):
        return False
    if by_password(facts, account) and password_opens(facts, account):
        return True
    return lists not in ((), ("any",)) and all(_names(one) & {KEYBOARD, PASSWORD} for one in lists)


def _names(methods: str) -> frozenset[str]:
    return frozenset(each.partition(":")[0] for each in methods.split(","))


def by_keyboard(facts: Facts, account: Account) -> bool:
    """Whether sshd can put more than one question: with keyboard-interactive. With "password" it has one answer."""
    effective = facts.effective(account)
    lists = effective.words("AuthenticationMethods")
    if effective.words("KbdInteractiveAuthentication") != ("yes",):
        return False
    return lists in ((), ("any",)) or any(KEYBOARD in _names(one) for one in lists)


def verdicts(
    facts: Facts, account: Account, service: Service, *, keyboard: bool = True
) -> tuple[StackOutcome, StackOutcome]:
    """What the stack says if the modules that can't be judged succeed, and if they ignore the account."""
    stack = service.stack(Facility.AUTH)
    yes = _asker(facts, account, Answer.SUCCESS, keyboard=keyboard)
    ignore = _asker(facts, account, Answer.IGNORE, keyboard=keyboard)
    return run(stack, yes), run(stack, ignore)


def undecided(facts: Facts, account: Account, service: Service) -> Iterator[tuple[Handler, str]]:
    """The modules of which the disk does not say what they answer, where a refusal of theirs would count, with why."""
    stack = service.stack(Facility.AUTH)
    usual = _asker(facts, account, Answer.SUCCESS, keyboard=True)
    if run(stack, usual).answer not in pam.PASSES:
        return
    for handler in stack:
        if answer(facts, account, handler) is not None:
            continue
        refusing = partial(_unless, handler=handler, usual=usual)
        if run(stack, refusing).answer not in pam.PASSES:
            yield handler, _reason(facts, account, handler)


def _unless(each: Handler, *, handler: Handler, usual: Callable[[Handler], Answer]) -> Answer:
    return Answer.AUTH_ERR if each is handler else usual(each)


def _reason(facts: Facts, account: Account, handler: Handler) -> str:
    if handler.name in FACTORS:
        return factor_answer(facts.tree, account, handler).why
    return "it asks a directory server" if handler.name in DIRECTORIES else ""


def answer(facts: Facts, account: Account, handler: Handler, *, keyboard: bool = True) -> Answer | None:
    """The answer of one module that decides by what is on the disk; None for any other.

    keyboard: it can ask a question of its own; else it is given the password, which is no code.
    """
    if not handler.module or not module_present(facts.tree, handler.module):
        return Answer.MODULE_UNKNOWN
    name = handler.name
    if name == "pam_deny":
        return Answer.PERM_DENIED
    if name == "pam_unix":
        state = facts.accounts.password(account)
        empty = state is Password.NONE and bool({"nullok", "nullok_secure"} & set(handler.arguments))
        return Answer.SUCCESS if state is Password.HASH or empty else Answer.AUTH_ERR
    if name in FACTORS:
        found = factor_answer(facts.tree, account, handler).answer
        asks = found is Answer.SUCCESS and name in ASK and not TOGETHER & set(handler.arguments)
        return Answer.AUTH_ERR if asks and not keyboard else found
    if name in WITHOUT_ANSWER or (name == "pam_faillock" and "authfail" in handler.arguments):
        return Answer.IGNORE
    if name in MODULES and name in RULED:
        ruling = MODULES[name].rule(facts, account, handler)
        if ruling.ignored:
            return Answer.IGNORE
        return None if ruling.allowed is None else Answer.SUCCESS if ruling.allowed else MODULES[name].refusal
    return Answer.SUCCESS if name in SETTLED else None


def _asker(facts: Facts, account: Account, unknown: Answer, *, keyboard: bool) -> Callable[[Handler], Answer]:
    def ask(handler: Handler) -> Answer:
        found = answer(facts, account, handler, keyboard=keyboard)
        if found is not None:
            return found
        return unknown if FORGIVING & set(handler.arguments) else Answer.SUCCESS

    return ask


def lacks_password(facts: Facts, account: Account) -> bool:
    """Whether the stack rejects the account only because it has no password."""
    if facts.accounts.password(account) in (Password.HASH, Password.NONE):
        return False
    policy = pam.policy(facts, account)
    if policy is None or policy.service.broken is not None:
        return False
    stack = policy.service.stack(Facility.AUTH)

    def ask(handler: Handler, unix: Answer) -> Answer:
        return unix if handler.name == "pam_unix" else answer(facts, account, handler) or Answer.SUCCESS

    without = run(stack, partial(ask, unix=Answer.AUTH_ERR)).answer in pam.PASSES
    return not without and run(stack, partial(ask, unix=Answer.SUCCESS)).answer in pam.PASSES

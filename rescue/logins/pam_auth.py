"""What PAM's stack "auth" says to somebody who answers every question correctly. No check itself.

sshd uses it for keyboard-interactive and, with UsePAM, for passwords (auth-pam.c). A stack in which every module
answers "ignore" fails (_pam_dispatch_aux).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rescue.accounts.database import Account, Password
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.pam_modules import MODULES
from rescue.logins.password_way import by_password, password_opens
from rescue.pam.google_authenticator import MODULE as CODES
from rescue.pam.google_authenticator import code_answer
from rescue.pam.stacks import Answer, Facility, Handler, Service, StackOutcome, module_present, run

KEYBOARD = "keyboard-interactive"
WITHOUT_ANSWER = frozenset({
    "pam_env", "pam_faildelay", "pam_warn", "pam_nologin", "pam_echo", "pam_group", "pam_cap", "pam_motd", "pam_umask",
})  # fmt: skip
"""Modules that answer "ignore" here for everyone."""
FORGIVING = frozenset({"nullok", "nouserok"})
"""Arguments that make a second-factor module skip users without one."""
SETTLED = frozenset({"pam_permit", "pam_deny", "pam_unix", "pam_faillock", CODES, *WITHOUT_ANSWER})


def asked(facts: Facts, account: Account) -> bool:
    """Whether every way to log in uses PAM's auth stack: the account has only a password, or each list of
    AuthenticationMethods has keyboard-interactive."""
    effective = facts.effective(account)
    lists = effective.words("AuthenticationMethods")
    if effective.words("UsePAM") != ("yes",):
        return False
    if by_password(facts, account) and password_opens(facts, account):
        return True
    return bool(lists) and all(any(each.partition(":")[0] == KEYBOARD for each in one.split(",")) for one in lists)


def verdicts(facts: Facts, account: Account, service: Service) -> tuple[StackOutcome, StackOutcome]:
    """What the stack says if the modules that can't be judged succeed, and if they ignore the account."""
    stack = service.stack(Facility.AUTH)
    yes = _asker(facts, account, Answer.SUCCESS)
    ignore = _asker(facts, account, Answer.IGNORE)
    return run(stack, yes), run(stack, ignore)


def answer(facts: Facts, account: Account, handler: Handler) -> Answer | None:
    """The answer of one module that decides by what is on the disk; None for any other."""
    if not handler.module or not module_present(facts.tree, handler.module):
        return Answer.MODULE_UNKNOWN
    name = handler.name
    if name == "pam_deny":
        return Answer.PERM_DENIED
    if name == "pam_unix":
        state = facts.accounts.password(account)
        empty = state is Password.NONE and "nullok" in handler.arguments
        return Answer.SUCCESS if state is Password.HASH or empty else Answer.AUTH_ERR
    if name == CODES:
        return code_answer(facts.tree, account, handler)
    if name in WITHOUT_ANSWER:
        return Answer.IGNORE
    if name in MODULES and name in ("pam_succeed_if", "pam_listfile", "pam_access"):
        ruling = MODULES[name].rule(facts, account, handler)
        if ruling.ignored:
            return Answer.IGNORE
        return None if ruling.allowed is None else Answer.SUCCESS if ruling.allowed else MODULES[name].refusal
    return Answer.SUCCESS if name in SETTLED else None


def _asker(facts: Facts, account: Account, unknown: Answer) -> Callable[[Handler], Answer]:
    def ask(handler: Handler) -> Answer:
        found = answer(facts, account, handler)
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

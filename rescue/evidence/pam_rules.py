"""What PAM's modules say if they do not decide by files alone, and what its rules add up to.

Decides: sshd runs PAM's stacks "account" and "session" (/etc/pam.d/sshd and what it includes). A module that runs a
program (pam_exec, pam_script), asks a server (pam_ldap, pam_sss) or is unknown to rescue may reject the account; so may
the way the lines combine. Where the login needs a password or a code, the stack "auth" decides in the same way.

Not judged: a line with such a module, if its answer would block the account.

Supply: comment out the line ("#" before it), log in, and look at journalctl -u ssh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.pam import PASSES, Policy
from rescue.logins.pam_modules import MODULES
from rescue.logins.ways.pam_auth import asked, undecided
from rescue.model import Gap, Step
from rescue.pam.stacks import Answer, Facility, Handler, module_present, run

STEP = Step.ACCOUNT
READS = pam.READS

QUIET = frozenset(
    [
        "pam_unix",
        "pam_permit",
        "pam_deny",
        "pam_nologin",
        "pam_selinux",
        "pam_loginuid",
        "pam_keyinit",
        "pam_motd",
        "pam_mail",
        "pam_systemd",
        "pam_lastlog",
        "pam_lastlog2",
        "pam_mkhomedir",
        "pam_oddjob_mkhomedir",
        "pam_warn",
        "pam_issue",
        "pam_echo",
        "pam_faildelay",
        "pam_xauth",
        "pam_cap",
        "pam_localuser",
        "pam_wtmpdb",
        "pam_faillock",
        "pam_gnome_keyring",
        "pam_ck_connector",
        "pam_rootok",
        "pam_sepermit",
    ]
)
"""Modules that accept every account, or whose refusals have a check of their own."""
ENVIRONMENT = (
    (),
    ("readenv=1",),
    ("user_readenv=1", "envfile=/etc/default/locale"),
    ("envfile=/etc/default/locale",),
    ("readenv=1", "envfile=/etc/default/locale"),
)
"""The arguments with which distributions call pam_env."""
ANSWERS = (Answer.PERM_DENIED, Answer.IGNORE, Answer.SUCCESS)
ACTING = frozenset(
    {"pam_exec", "pam_script", "pam_namespace", "pam_chroot", "pam_filter", "pam_mount", "pam_abl", "pam_setquota"}
)
"""Modules that do more than answer."""


def find(facts: Facts) -> Iterator[Gap]:
    for account in facts.logins:
        policy = pam.policy(facts, account)
        if policy is not None and policy.service.broken is None:
            yield from _of(facts, account, policy)
            if asked(facts, account):
                yield from _of_password(facts, account, policy)


def _of_password(facts: Facts, account: Account, policy: Policy) -> Iterator[Gap]:
    """The modules that a password or a code has to pass."""
    for handler, why in undecided(facts, account, policy.service):
        because = f": {why}" if why else ""
        what = f"whether the PAM module {handler.name} accepts {account.name}{because} ({handler.location})"
        yield Gap("pam-rules", Step.KEY, what, "comment that line out, and try", account.name, (handler.location,))


def _of(facts: Facts, account: Account, policy: Policy) -> Iterator[Gap]:
    for facility, outcome, link in (
        (Facility.ACCOUNT, policy.account, Step.ACCOUNT),
        (Facility.SESSION, policy.session, Step.SESSION),
    ):
        stack = policy.service.stack(facility)
        if outcome.answer not in PASSES:
            decided = outcome.decided
            places = (decided.location,) if decided is not None else ()
            why = f"the line {decided.location} may reject it" if decided is not None else "no line lets it in"
            what = f"whether PAM lets {account.name} in: {why}"
            yield Gap("pam-rules", link, what, "comment that line out, and try", account.name, places)
            continue
        for handler in stack:
            if _known(handler) or not module_present(facts.tree, handler.module):
                continue
            if handler.name in ACTING or any(not _passes(facts, account, stack, handler, answer) for answer in ANSWERS):
                what = f"whether the PAM module {handler.name} lets {account.name} in ({handler.location})"
                yield Gap("pam-rules", link, what, "comment that line out, and try", account.name, (handler.location,))


def _known(handler: Handler) -> bool:
    if handler.name in MODULES:
        return handler.facility in MODULES[handler.name].stacks
    if handler.name == "pam_env":
        return handler.arguments in ENVIRONMENT
    if handler.name == "pam_umask":
        return not any(word.startswith("umask=") and not _lets_the_owner(word) for word in handler.arguments)
    if handler.name == "pam_exec":
        return handler.actions.get("default") == "ignore" and handler.actions.get("success") != "bad"
    return handler.name in QUIET


def _lets_the_owner(word: str) -> bool:
    digits = word.partition("=")[2]
    return digits.isdigit() and len(digits) <= 4 and int(digits[-3:-2] or "0") == 0


def _passes(facts: Facts, account: Account, stack: tuple[Handler, ...], one: Handler, answer: Answer) -> bool:
    usual: Callable[[Handler], Answer] = pam.asker(facts, account)
    return run(stack, lambda each: answer if each is one else usual(each)).answer in PASSES

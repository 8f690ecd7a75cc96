"""What each PAM module would say to an SSH login, if it decides by files. No check itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.pam.access_conf import ACCESS_READS, access
from rescue.pam.limits_conf import LIMITS_READS, limits
from rescue.pam.lists import SECURETTY, SHELLS, list_file, local_user, securetty, shells, user_type
from rescue.pam.stacks import Answer, Facility, Handler, Ruling
from rescue.pam.succeed_if import succeed_if
from rescue.pam.time_conf import DEFAULT as TIME_CONF
from rescue.pam.time_conf import time_rules
from rescue.tree import Read

MODULE_READS = (
    *ACCESS_READS,
    *LIMITS_READS,
    Read(str(TIME_CONF), depth=0),
    Read(str(SHELLS), depth=0),
    Read(str(SECURETTY), depth=0),
)


@dataclass(frozen=True, slots=True)
class Module:
    """A module that decides by files: its stacks, its decision, and its answer when it rejects somebody."""

    stacks: frozenset[Facility]
    rule: Callable[[Facts, Account, Handler], Ruling]
    refusal: Answer


def _access(facts: Facts, account: Account, handler: Handler) -> Ruling:
    """With several addresses, a login is refused if it is from any of them."""
    found = [access(facts.tree, account, source, handler.arguments) for source in facts.client.sources or (None,)]
    return _strictest(found)


def _listed(facts: Facts, account: Account, handler: Handler) -> Ruling:
    return _strictest([list_file(facts.tree, account, source, handler.arguments) for source in _hosts(facts)])


def _condition(facts: Facts, account: Account, handler: Handler) -> Ruling:
    return _strictest([succeed_if(facts.tree, account, source, handler.arguments) for source in _hosts(facts)])


def _strictest(found: list[Ruling]) -> Ruling:
    for wanted in (False, None):
        for each in found:
            if each.allowed is wanted:
                return each
    return found[0]


def _hosts(facts: Facts) -> tuple[str | None, ...]:
    """The client's origin as PAM sees it: an address, unless sshd looks up names (UseDNS)."""
    return tuple(str(source) for source in facts.client.sources) or (None,)


_ACCOUNT, _BOTH = frozenset({Facility.ACCOUNT}), frozenset({Facility.ACCOUNT, Facility.SESSION})
"""Without the stack "auth", which only passwords ask (`rescue.logins.ways.pam_auth`)."""

MODULES: dict[str, Module] = {
    "pam_access": Module(_ACCOUNT, _access, Answer.PERM_DENIED),
    "pam_listfile": Module(_BOTH, _listed, Answer.AUTH_ERR),
    "pam_shells": Module(_ACCOUNT, lambda facts, account, _: shells(facts.tree, account), Answer.AUTH_ERR),
    "pam_succeed_if": Module(_BOTH, _condition, Answer.AUTH_ERR),
    "pam_time": Module(
        _ACCOUNT, lambda facts, account, handler: time_rules(facts.tree, account, handler.arguments), Answer.PERM_DENIED
    ),
    "pam_securetty": Module(_ACCOUNT, lambda facts, account, _: securetty(facts.tree, account), Answer.AUTH_ERR),
    "pam_usertype": Module(
        _BOTH, lambda facts, account, handler: user_type(facts.tree, account, handler.arguments), Answer.PERM_DENIED
    ),
    "pam_localuser": Module(_BOTH, lambda _, account, handler: local_user(handler.arguments), Answer.PERM_DENIED),
    "pam_limits": Module(
        frozenset({Facility.SESSION}),
        lambda facts, account, handler: limits(facts.tree, account, handler.arguments),
        Answer.PERM_DENIED,
    ),
}
"""By module name. Modules not listed accept everybody, or have a check of their own."""

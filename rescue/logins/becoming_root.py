"""Whether somebody who gets in may have to become root by sudo. No check itself."""

from __future__ import annotations

from rescue.accounts.database import Account
from rescue.facts import Facts

WHY = "you get in, and can't become root there"

GROUPS = frozenset({"sudo", "wheel", "admin"})
"""Groups that distributions give sudo to."""


def who_needs_sudo(facts: Facts) -> tuple[Account, ...]:
    """Those who are judged and are set up to become root; () where root logs in as well, or it can't be told."""
    if any(account.uid == 0 for account in facts.logins):
        return ()
    return tuple(account for account in facts.logins if facts.accounts.groups_of(account) & GROUPS)


def concerned(facts: Facts, account: Account, who: tuple[str, ...]) -> bool:
    """Whether a rule of sudoers is for the account, as far as its words tell."""
    groups = facts.accounts.groups_of(account)
    words = {account.name, "ALL", f"#{account.uid}", *(f"%{group}" for group in groups)}
    return any(word in words for word in who)

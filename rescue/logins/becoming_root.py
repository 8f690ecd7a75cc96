"""Whether somebody who gets in needs sudo to become root. No check itself."""

from __future__ import annotations

from rescue.accounts.database import Account
from rescue.facts import Facts

WHY = "you get in but can't become root"

GROUPS = frozenset({"sudo", "wheel", "admin"})
"""Groups that distributions allow to use sudo."""


def who_needs_sudo(facts: Facts) -> tuple[Account, ...]:
    """The judged accounts that are set up to become root; () if root logs in too, or that can't be determined."""
    if any(account.uid == 0 for account in facts.logins):
        return ()
    return tuple(account for account in facts.logins if facts.accounts.groups_of(account) & GROUPS)


def concerned(facts: Facts, account: Account, who: tuple[str, ...]) -> bool:
    """Whether a sudoers rule names the account, judged by its words alone."""
    groups = facts.accounts.groups_of(account)
    words = {account.name, "ALL", f"#{account.uid}", *(f"%{group}" for group in groups)}
    return any(word in words for word in who)

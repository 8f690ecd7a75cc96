"""What sshd's policy says about each account that should log in. Shared by two account checks; no check itself."""

from __future__ import annotations

from dataclasses import dataclass

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.formats.services import SERVICES_READ
from rescue.model import Address, Known, both
from rescue.sshd.access import Decision, list_access, root_access
from rescue.tree import Read

POLICY_READS = (
    Read("/etc/ssh", depth=2),
    SERVICES_READ,
    *(Read(f"/etc/{name}", depth=0) for name in ("passwd", "group", "shadow")),
)


@dataclass(frozen=True, slots=True)
class LoginStanding:
    """What sshd's lists say about one account, and PermitRootLogin if it is root."""

    account: Account
    lists: Decision
    root: Decision

    @property
    def allowed(self) -> Known:
        return both(self.lists.allowed, self.root.allowed)


def standings(facts: Facts) -> tuple[LoginStanding, ...]:
    """Every account to judge; () if the configuration stops sshd, because then nobody gets in."""
    if facts.sshd.fatal:
        return ()
    return tuple(_standing(facts, account) for account in facts.logins)


def _standing(facts: Facts, account: Account) -> LoginStanding:
    """With several addresses, a login is allowed or refused only if it is from each of them."""
    decisions = [_decisions(facts, account, address) for address in facts.client.sources or (None,)]
    return LoginStanding(account, _agreed([each[0] for each in decisions]), _agreed([each[1] for each in decisions]))


def _decisions(facts: Facts, account: Account, address: Address | None) -> tuple[Decision, Decision]:
    effective = facts.sshd.effective(
        user=account.name, groups=facts.accounts.groups_of(account), address=address, local_port=facts.dialled
    )
    return list_access(effective), root_access(effective) if account.uid == 0 else Decision(True)


def _agreed(decisions: list[Decision]) -> Decision:
    refused = [each for each in decisions if each.allowed is False]
    if refused:
        return refused[0]
    return next((each for each in decisions if each.allowed is None), decisions[0])


def somebody_else_passes(found: tuple[LoginStanding, ...], one: LoginStanding) -> bool:
    """Whether another account certainly gets past the policy: then blocking this one may be intended."""
    return any(each.allowed is True for each in found if each is not one)

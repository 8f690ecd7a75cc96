"""What the checks of one account's login share: which accounts to judge, and how certain it is that one is locked out
by mistake. No check itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from rescue.accounts.database import ACCOUNT_READS, Account
from rescue.facts import Facts
from rescue.formats.services import SERVICES_READ
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read

SSHD_READS = (*ACCOUNT_READS, Read("/etc/ssh", depth=2), SERVICES_READ)

NOT_ON_DISK = "{} is set, and what it allows is not on the disk"

OTHERS_PASS = "other accounts can log in, so this may be intended"  # noqa: S105  no password


def each_login(facts: Facts, judge: Callable[[Account], Finding | None], *, meant: bool = True) -> Iterator[Finding]:
    """What `judge` finds for each account that should log in.

    meant: it may be intended. Then it is doubtful if no user was named and another account gets in.
    """
    found = {account.name: judge(account) for account in facts.logins}
    some_pass = meant and facts.client.user is None and None in found.values()
    for name, made in found.items():
        if made is None:
            continue
        finding = replace(made, users=(name,))
        if some_pass and finding.severity is Severity.BROKEN:
            yield replace(finding, severity=Severity.DOUBTFUL, reason=finding.reason or OTHERS_PASS)
        else:
            yield finding


def elsewhere(facts: Facts, account: Account) -> str:
    """Why the account's keys may come from elsewhere than its files, so that these alone decide nothing; else ""."""
    settings = facts.effective(account)
    for keyword in ("AuthorizedKeysCommand", "TrustedUserCAKeys"):
        words = settings.words(keyword)
        if words and words[0].lower() != "none":
            return NOT_ON_DISK.format(keyword)
    return ""


def unless_elsewhere(facts: Facts, account: Account, finding: Finding) -> Finding:
    """What is wrong with the account's key files: doubtful if sshd also gets keys from elsewhere."""
    reason = elsewhere(facts, account)
    if not reason or finding.severity is not Severity.BROKEN:
        return finding
    return replace(finding, severity=Severity.DOUBTFUL, reason=reason)


def say_where_from(facts: Facts, place: Location) -> Repair:
    """What to do if a login depends on the address: give one address, or write an address in place of a name."""
    sources = facts.client.sources
    if not sources:
        return Repair("give the address that you log in from: --from ADDRESS", Safety.MANUAL)
    if len(sources) > 1:
        return Repair("check again with only one --from ADDRESS: they are treated differently", Safety.MANUAL)
    return Repair(f"write {sources[0]} there instead of the name, which needs the network ({place})", Safety.MANUAL)


def depends_on_where_from(
    facts: Facts, check: str, step: Step, account: Account, places: tuple[Location, ...], reason: str
) -> Finding:
    """The doubt about an account that the SSH server lets in from some addresses only."""
    return Finding(
        check=check,
        step=step,
        severity=Severity.DOUBTFUL,
        message=f"Whether {account.name} may log in depends on where from ({places[0]}).",
        symptom=Symptom.DENIED,
        locations=places,
        repairs=(say_where_from(facts, places[0]),),
        subject=account.name,
        reason=reason,
    )


def why_unsure(facts: Facts) -> str:
    """Why it is not known whether a line applies to the client's address."""
    sources = facts.client.sources
    if not sources:
        return "the client's address is not known"
    if len(sources) > 1:
        return f"the {len(sources)} given addresses are treated differently"
    return f"only a name server knows whether a name stands for {sources[0]}"

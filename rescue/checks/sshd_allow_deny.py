"""sshd's lists of users and groups block you (AllowUsers, DenyGroups and the like).

Symptom: "me@SERVER: Permission denied (publickey)." although the key is correct; the server's log says "not allowed
because not listed in AllowUsers" or the like.

Cause: once there is an AllowUsers line anywhere, only the users in it get in, and once there is an AllowGroups line,
only members of its groups; both must match. DenyUsers and DenyGroups block those they name. The lines of all files add
up, but lines in a matching Match block replace all others. Names are separated by spaces: in "alice,bob" or "!bob" the
comma or exclamation mark is part of the name, which nobody has. "alice@192.0.2.1" means alice from that address only.

Repair: add the one name to the list that lacks it (with your address, if you gave it and the list has the user only
with addresses), or remove it from DenyUsers. A user blocked by AllowGroups gets in through the user's own group. The
lists themselves stay. Patterns and groups that also block others need your consent, because those would get in too.

See: sshd_config(5) on AllowUsers, DenyUsers, AllowGroups, DenyGroups and PATTERNS in ssh_config(5); allowed_user in
auth.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins.each_login import depends_on_where_from
from rescue.logins.login_policy import POLICY_READS, LoginStanding, somebody_else_passes, standings
from rescue.model import Edit, Finding, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit
from rescue.sshd.access import Refusal
from rescue.tree import Tree

STEP = Step.ACCOUNT
READS = POLICY_READS

CHECK = "sshd-allow-deny"


def find(facts: Facts) -> Iterator[Finding]:
    found = standings(facts)
    for each in found:
        asked = facts.client.user is not None
        other = not asked and somebody_else_passes(found, each)
        if other and (each.account.uid == 0 or not _has_keys(facts, each.account)):
            continue
        if each.lists.allowed is False and not (_root_is_out(each) and not asked):
            yield _refused(facts, each, Severity.DOUBTFUL if other else Severity.BROKEN)
        elif each.lists.allowed is None:
            yield depends_on_where_from(facts, CHECK, STEP, each.account, each.lists.locations, each.lists.reason)


def _has_keys(facts: Facts, account: Account) -> bool:
    return any(file.keys for file in facts.key_files(account))


def _root_is_out(standing: LoginStanding) -> bool:
    """Root, whom PermitRootLogin blocks too: a user nobody asked for is not let in past two rules."""
    return standing.root.allowed is False


def _refused(facts: Facts, standing: LoginStanding, severity: Severity) -> Finding:
    account, refusals = standing.account, standing.lists.refusals
    meant = severity is Severity.DOUBTFUL
    why = " and ".join(_why(each) for each in refusals)
    return Finding(
        check=CHECK,
        step=STEP,
        severity=severity,
        message=f"sshd refuses {account.name}: {why}.",
        symptom=Symptom.DENIED,
        locations=tuple(each.location for each in refusals),
        repairs=(_let_in(facts, account, refusals, meant=meant),),
        subject=account.name,
        reason="other accounts can log in, so this may be intended" if meant else "",
    )


def _why(refusal: Refusal) -> str:
    if refusal.pattern:
        return f"{refusal.keyword} names {refusal.pattern} ({refusal.location})"
    if refusal.keyword == "AllowUsers":
        return f"AllowUsers does not list this user{_separators(refusal)} ({refusal.location})"
    return f"none of the user's groups is in AllowGroups{_separators(refusal)} ({refusal.location})"


def _separators(refusal: Refusal) -> str:
    odd = next((word for word in refusal.words if "," in word.partition("@")[0] or word.startswith("!")), None)
    return f" (names are separated by spaces: {odd} is one name to sshd)" if odd else ""


def _let_in(facts: Facts, account: Account, refusals: tuple[Refusal, ...], *, meant: bool) -> Repair:
    """One repair for all lists that refuse: repairing one of two would let nobody in.

    meant: blocking the user may be intended, so the repair needs consent.
    """
    steps = [_step(facts, account, refusal) for refusal in refusals]
    safe = not meant and all(step.safety is Safety.SAFE for step in steps)
    return Repair(
        " and ".join(step.title for step in steps),
        Safety.SAFE if safe else Safety.UNSAFE,
        partial(_all, edits=tuple(step.edit for step in steps if step.edit is not None)),
        weakens="; ".join(step.weakens for step in steps),
        lets_in=True,
    )


def _all(tree: Tree, edits: tuple[Edit, ...]) -> Tree:
    for change in edits:
        tree = change(tree)
    return tree


def _step(facts: Facts, account: Account, refusal: Refusal) -> Repair:
    match refusal.keyword:
        case "AllowUsers":
            return _list_user(facts, account, refusal)
        case "AllowGroups":
            return _list_group(facts, account, refusal)
        case _:
            return _take_out(account, refusal)


def _list_user(facts: Facts, account: Account, refusal: Refusal) -> Repair:
    by_address = any(word.startswith(f"{account.name}@") for word in refusal.words)
    sources = facts.client.sources if by_address else ()
    words = [f"{account.name}@{source}" for source in sources] or [account.name]
    where = " from " + ", ".join(str(source) for source in sources) if sources else " from any address"
    return Repair(
        f"add {' '.join(words)} to AllowUsers ({refusal.location})",
        Safety.SAFE,
        partial(edit.add_words, location=refusal.location, words=tuple(words)),
        weakens=f"{account.name} can log in{where}",
        lets_in=True,
    )


def _list_group(facts: Facts, account: Account, refusal: Refusal) -> Repair:
    group = facts.accounts.group(account.gid)
    name = group.name if group is not None else account.name
    members = facts.accounts.members(account.gid) - {account.name}
    others = f", and so can {', '.join(sorted(members)[:5])}" if members else ""
    return Repair(
        f"add the group {name} to AllowGroups ({refusal.location})",
        Safety.UNSAFE if members else Safety.SAFE,
        partial(edit.add_words, location=refusal.location, words=(name,)),
        weakens=f"{account.name} can log in{others}",
        lets_in=True,
    )


def _take_out(account: Account, refusal: Refusal) -> Repair:
    alone = refusal.keyword == "DenyUsers" and refusal.pattern == account.name
    whom = account.name if alone else f"everybody whom {refusal.pattern} blocks"
    return Repair(
        f"remove {refusal.pattern} from {refusal.keyword} ({refusal.location})",
        Safety.SAFE if alone else Safety.UNSAFE,
        partial(edit.remove_word, location=refusal.location, word=refusal.pattern),
        weakens=f"{whom} can log in",
        lets_in=True,
    )

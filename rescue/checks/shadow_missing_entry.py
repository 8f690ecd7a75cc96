"""The account has no valid line in /etc/shadow, so PAM rejects it.

Symptom: the key is accepted, then "Connection closed by SERVER port 22".

Cause: /etc/passwd says that the password is in /etc/shadow ("x"), but that has no valid line for the account: a line
was deleted, an older shadow was restored, or a line ends in CR LF or has too few fields.

Repair: add a line with which no password opens the account, so that keys work. An unreadable line stays.

See: shadow(5), pwck(8), pam_unix(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import SHADOW, Account
from rescue.facts import Facts
from rescue.formats.append_line import ended
from rescue.logins import pam
from rescue.logins.each_login import each_login
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Tree

STEP = Step.ACCOUNT
READS = pam.READS

LINE = "{}:*:{}:0:99999:7:::"


def find(facts: Facts) -> Iterator[Finding]:
    yield from each_login(facts, lambda account: _judged(facts, account), meant=False)


def _judged(facts: Facts, account: Account) -> Finding | None:
    if account.password is not None or facts.accounts.shadow(account.name) is not None:
        return None
    found = pam.policy(facts, account)
    if found is None or not pam.asks_shadow(facts, account, found):
        return None
    place = Location(account.location.path.with_name("shadow"))
    line = LINE.format(account.name, pam.today(facts.now))
    edit = partial(with_line, name=account.name, line=line)
    return Finding(
        check="shadow-missing-entry",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"{SHADOW} has no valid line for {account.name}, so PAM rejects the account.",
        symptom=Symptom.CLOSED,
        locations=(account.location, place),
        repairs=(Repair(f"add a line for {account.name} to {SHADOW} (no password opens it)", Safety.SAFE, edit),),
        subject=account.name,
    )


def with_line(tree: Tree, name: str, line: str) -> Tree:
    """The tree with the line at the end of shadow. ValueError if the file is missing: then more is wrong."""
    text = tree.text(SHADOW)
    if text is None:
        raise ValueError(f"{SHADOW} is missing; restore it from {SHADOW}-")
    return tree.write(SHADOW, f"{ended(text)}{line}\n")

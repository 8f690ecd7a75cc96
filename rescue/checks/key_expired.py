"""Your key has expired (expiry-time).

Symptom: "me@SERVER: Permission denied (publickey)." although the key is in authorized_keys; the server's log says "key
has expired".

Cause: the key's line in authorized_keys begins with expiry-time="...", as people get who help for a while.

Repair: remove the option, so that the key never expires. This needs your consent, because the date may be intended. It
is better if the owner of the server writes a new line.

See: sshd(8) on AUTHORIZED_KEYS FILE FORMAT; auth_authorise_keyopts in auth.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from functools import partial
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.keys.authorized_keys import AuthorizedKey
from rescue.keys.options import parse_time
from rescue.logins.each_login import SSHD_READS, each_login, unless_elsewhere
from rescue.logins.forced import counting_keys
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Tree

STEP = Step.KEY
READS = SSHD_READS

_OPTION = compile_pattern(r',?expiry-time="[^"]*"', IGNORECASE)


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    keys = counting_keys(facts, account)
    if not keys or not all(_expired(facts, key) for key in keys):
        return None
    place = keys[0].location
    found = Finding(
        check="key-expired",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The key of {account.name} expired on {keys[0].option('expiry-time')} ({place}).",
        symptom=Symptom.DENIED,
        locations=tuple(key.location for key in keys),
        repairs=(
            Repair(
                f"remove the key's expiry date ({place})",
                Safety.UNSAFE,
                partial(without_end, location=place),
                weakens="a temporary key works again, with no end date",
            ),
        ),
        subject=account.name,
    )
    return unless_elsewhere(facts, account, found)


def _expired(facts: Facts, key: AuthorizedKey) -> bool:
    """Whether it has expired. A time without a zone is the server's local time; read as UTC, it is right to a day."""
    text = key.option("expiry-time")
    if text is None:
        return False
    end = parse_time(text)
    return facts.now > (end if end.tzinfo is not None else end.replace(tzinfo=UTC))


def without_end(tree: Tree, location: Location) -> Tree:
    """The tree where that line has no expiry-time. ValueError if it is gone already."""
    lines = (tree.text(location.path) or "").split("\n")
    line = lines[location.line - 1] if location.line <= len(lines) else ""
    left = _OPTION.sub("", line, count=1)
    if left == line:
        raise ValueError(f"{location}: expiry-time is gone")
    lines[location.line - 1] = left.lstrip(", ")
    return tree.write(location.path, "\n".join(lines))

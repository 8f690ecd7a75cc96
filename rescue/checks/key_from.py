"""Your key is restricted to other addresses (from=).

Symptom: "me@SERVER: Permission denied (publickey)." although the key is in authorized_keys; the server's log says
"correct key but not from a permitted host".

Cause: the key's line in authorized_keys begins with from="...", the addresses from which it works. Yours is not among
them: it has changed, or was never listed.

Repair: add your address (--from) to the key's own list. For all other addresses nothing changes.

See: sshd(8) on AUTHORIZED_KEYS FILE FORMAT; auth-options.c and auth2-pubkeyfile.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.keys.authorized_keys import AuthorizedKey
from rescue.logins.each_login import SSHD_READS, each_login, say_where_from, unless_elsewhere, why_unsure
from rescue.logins.forced import counting_keys
from rescue.model import Address, Finding, Known, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd.language.patterns import BadAddress, match_host_or_address
from rescue.tree import Tree

STEP = Step.KEY
READS = SSHD_READS


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    """A finding if every key that could open the account is restricted to addresses, and none to the client's."""
    keys = counting_keys(facts, account)
    standings = [_allowed(facts, key) for key in keys]
    if not keys or True in standings:
        return None
    bound = [key for key, standing in zip(keys, standings, strict=True) if standing is False]
    found = _outside(facts, account, bound) if bound else _unknown(facts, account, keys)
    return unless_elsewhere(facts, account, found)


def _allowed(facts: Facts, key: AuthorizedKey) -> Known:
    """Whether the key works from all of the client's addresses; None if unknown."""
    patterns = key.option("from")
    if patterns is None:
        return True
    found = {_from(patterns, source) for source in facts.client.sources or (None,)}
    return found.pop() if len(found) == 1 else (False if False in found else None)


def _from(patterns: str, source: Address | None) -> Known:
    try:
        return match_host_or_address(None, source, patterns)
    except BadAddress:
        return False  # sshd refuses a key whose list it can't read


def _outside(facts: Facts, account: Account, keys: list[AuthorizedKey]) -> Finding:
    sources = [each for each in facts.client.sources if _from(keys[0].option("from") or "", each) is not True]
    mine = " and ".join(str(each) for each in sources) or "your address"
    place = keys[0].location
    edit = partial(admit, location=place, sources=tuple(str(each) for each in sources))
    return Finding(
        check="key-from",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"The key of {account.name} does not work from {mine}: from= lists other addresses ({place}).",
        symptom=Symptom.DENIED,
        locations=tuple(key.location for key in keys),
        repairs=(
            Repair(
                f"allow the key from {mine} too ({place})",
                Safety.SAFE,
                edit,
                weakens=f"the key will open {account.name} from {mine} too",
                lets_in=True,
            ),
        ),
        subject=account.name,
    )


def _unknown(facts: Facts, account: Account, keys: tuple[AuthorizedKey, ...]) -> Finding:
    return Finding(
        check="key-from",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"The key of {account.name} works only from some addresses ({keys[0].location}).",
        symptom=Symptom.DENIED,
        locations=tuple(key.location for key in keys),
        repairs=(say_where_from(facts, keys[0].location),),
        subject=account.name,
        reason=why_unsure(facts),
    )


def admit(tree: Tree, location: Location, sources: tuple[str, ...]) -> Tree:
    """The tree where the key on that line also works from `sources`. ValueError if its list is gone."""
    text = tree.text(location.path)
    lines = (text or "").split("\n")
    line = lines[location.line - 1] if location.line <= len(lines) else ""
    at = line.lower().find('from="')
    end = line.find('"', at + len('from="')) if at >= 0 else -1
    if end < 0:
        raise ValueError(f"{location}: from= is gone")
    lines[location.line - 1] = line[:end] + "".join(f",{each}" for each in sources) + line[end:]
    return tree.write(location.path, "\n".join(lines))

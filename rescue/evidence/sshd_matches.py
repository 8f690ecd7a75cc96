"""Whether a Match block in sshd_config applies to you, if that is not known.

Decides: your address and its host name, and the server address that you connect to, if a Match line uses them and its
block changes something about keys, commands or limits.

Not judged: what such a block changes, unless it blocks no key whoever it applies to.

Supply: --from with your address; if you have several, one at a time. For the server's addresses and for host names ask
sshd itself: sshd -T -C user=...,addr=...,laddr=... on the server.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.model import Gap, Location, Step
from rescue.sshd.effective import Effective, Setting

STEP = Step.KEY
READS = SSHD_READS

LINKS = {
    "AuthenticationMethods": Step.KEY,
    "AuthorizedKeysCommand": Step.KEY,
    "AuthorizedKeysFile": Step.KEY,
    "KbdInteractiveAuthentication": Step.KEY,
    "MaxAuthTries": Step.KEY,
    "PasswordAuthentication": Step.KEY,
    "PubkeyAcceptedAlgorithms": Step.KEY,
    "PubkeyAuthentication": Step.KEY,
    "RequiredRSASize": Step.KEY,
    "RevokedKeys": Step.KEY,
    "PAMServiceName": Step.ACCOUNT,
    "ChrootDirectory": Step.SESSION,
    "ForceCommand": Step.SESSION,
    "MaxSessions": Step.SESSION,
}
"""What a Match block may set that can make a key login fail; sshd-allow-deny covers who may log in at all."""
OPEN = {
    "authenticationmethods": ("any",),
    "authorizedkeyscommand": ("none",),
    "chrootdirectory": ("none",),
    "forcecommand": ("none",),
    "kbdinteractiveauthentication": ("yes",),
    "passwordauthentication": ("yes",),
    "pubkeyauthentication": ("yes",),
    "revokedkeys": ("none",),
}
"""The values that block nobody."""
OTHER_PROOFS = frozenset({"passwordauthentication", "kbdinteractiveauthentication"})
NUMBERS = {"maxauthtries": 3, "maxsessions": 1}
"""The lowest numbers that are enough for a key login."""


def find(facts: Facts) -> Iterator[Gap]:
    if facts.sshd.fatal:
        return
    for account in facts.logins:
        told: set[Location] = set()
        for keyword, place, setting in _open_questions(facts, account):
            where = setting.location or place
            if where in told:
                continue
            told.add(where)
            what = f"whether the Match block at {place} is for {account.name}: {keyword} {' '.join(setting.words)[:60]}"
            yield Gap("sshd-matches", LINKS[keyword], what, _supply(facts), account.name, (place,))


def _supply(facts: Facts) -> str:
    if not facts.client.sources:
        return "--from with your address"
    if len(facts.client.sources) > 1:
        return "--from with only one address"
    return "on the server: sshd -T -C user=...,addr=...,laddr=..."


def _open_questions(facts: Facts, account: Account) -> Iterator[tuple[str, Location, Setting]]:
    """Each keyword that may differ, where its block begins, and its value there."""
    judged = facts.effective(account)
    for source in facts.client.sources or (None,):
        effective = facts.sshd.effective(
            user=account.name,
            groups=facts.accounts.groups_of(account),
            address=source,
            local_port=facts.dialled,
        )
        for keyword in LINKS:
            try:
                held = judged.words(keyword)
                others = effective.alternatives(keyword)
                # The checks use the first of several addresses.
                own = effective.setting(keyword)
            except KeyError:
                continue
            if own.words != held and own.location is not None and not _open(facts, keyword, own, effective):
                yield keyword, own.location, own
            for other in others:
                for setting in other.settings:
                    if setting.words != held and not _open(facts, keyword, setting, effective):
                        yield keyword, other.match, setting


def _open(facts: Facts, keyword: str, setting: Setting, effective: Effective) -> bool:
    """Whether a key login succeeds whatever this says."""
    key, words = effective.dialect.canonical(keyword), setting.words
    if words == OPEN.get(key):
        return True
    if key in OTHER_PROOFS:
        only_key = not effective.alternatives("AuthenticationMethods") and effective.words("AuthenticationMethods") in (
            (),
            ("any",),
            ("publickey",),
        )
        return facts.client.key is not None and only_key
    return key in NUMBERS and words[0].isdigit() and int(words[0][:9]) >= NUMBERS[key]

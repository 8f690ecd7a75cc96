"""Which key or password you log in with.

Decides: the key that your own computer offers. The server may have keys of yours, but not this one: a file that was
overwritten, a new laptop, another user name.

Not judged: without --key or --by-password. rescue lists the accepted keys with their fingerprints; compare them with
what `ssh-keygen -lf ~/.ssh/id_ed25519.pub` shows on your own computer. Where the server's logs tell of the last login,
the question is about the key of that one; it is still yours to answer, as you may have another now. Also not judged:
the output of AuthorizedKeysCommand, and whether the password that you know is correct.

Supply: --key FILE, with your public key (usually ~/.ssh/id_ed25519.pub); or --by-password, if you log in with a
password that you know. rescue never asks for it. If you don't know it any more: rescue fix --set-password NAME.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.keys.authorized_keys import AuthorizedKey
from rescue.logins.each_login import SSHD_READS
from rescue.logins.ways.password import by_password, password_opens
from rescue.logs.last_login import LAST_LOGIN_READS
from rescue.logs.sources import LISTING_READS
from rescue.model import Gap, Location, Step

STEP = Step.KEY
READS = (*SSHD_READS, *LISTING_READS, *LAST_LOGIN_READS)


def find(facts: Facts) -> Iterator[Gap]:
    wanted = facts.client.key.split()[1] if facts.client.key is not None else None
    for account in facts.logins:
        if wanted is None and by_password(facts, account) and password_opens(facts, account):
            if not facts.client.by_password:
                yield Gap("key-unknown", STEP, _by_password(account), "--by-password", account.name)
            continue
        keys = [key for found in facts.key_files(account) for key in found.keys]
        if wanted is None and keys:
            yield Gap("key-unknown", STEP, _which(facts, account, keys), "--key FILE", account.name)
        elif wanted not in {key.blob for key in keys} and (command := _command(facts, account)) is not None:
            words, place = command
            what = f"which keys {words} prints for {account.name} (AuthorizedKeysCommand)"
            yield Gap("key-unknown", STEP, what, "run it in rescue shell", account.name, place)
        elif wanted is None:
            yield Gap(
                "key-unknown", STEP, f"how {account.name} logs in: no key is on the disk", "--key FILE", account.name
            )
        elif wanted not in {key.blob for key in keys}:
            what = f"how {account.name} logs in: your key is not one of this account's"
            yield Gap("key-unknown", STEP, what, f"--user {account.name}", account.name)


def _by_password(account: Account) -> str:
    return f"whether you know the password: {account.name} logs in by password; no key of {account.name}'s is there"


def _which(facts: Facts, account: Account, keys: list[AuthorizedKey]) -> str:
    own = (
        f"which of {account.name}'s {len(keys)} keys is yours"
        if len(keys) > 1
        else f"whether {account.name}'s one key is yours"
    )
    return _of_last_login(facts, account, keys) or own


def _of_last_login(facts: Facts, account: Account, keys: list[AuthorizedKey]) -> str:
    """The same question about the key of the last login, if that is this account's and still there; "" if not."""
    last = facts.last_login
    if last is None or last.user != account.name or last.fingerprint not in {key.fingerprint for key in keys}:
        return ""
    return f"whether you still use the key of {account.name}'s last login, {last.key_type} {last.fingerprint}"


def _command(facts: Facts, account: Account) -> tuple[str, tuple[Location, ...]] | None:
    setting = facts.effective(account).setting("AuthorizedKeysCommand")
    if setting.location is None or not setting.words or setting.words[0].lower() == "none":
        return None
    return " ".join(setting.words)[:80], (setting.location,)

"""sshd's list of revoked keys blocks you.

Symptom: "me@SERVER: Permission denied (publickey)." although the key is in authorized_keys, for all keys or for one.

Cause: RevokedKeys names a file that is missing or is a directory. sshd then can't know which keys are revoked, and
accepts none; its log says "Error checking authentication key". Or the file exists, and your key is in it.

Repair: create a missing list, empty: no key is revoked then. Removing a key from the list needs your consent, because
somebody had a reason; using another key is better.

See: sshd_config(5) on RevokedKeys; ssh-keygen(1) on KEY REVOCATION LISTS; sshkey_check_revoked in authfile.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.keys.authorized_keys import parse_keys
from rescue.logins.each_login import SSHD_READS, each_login
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.sshd.effective import Setting
from rescue.tree import Read, Tree

STEP = Step.KEY
READS = SSHD_READS

KRL = b"SSHKRL\n\0"
"""How a binary list starts (PROTOCOL.krl)."""


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account), meant=False)


def _judged(facts: Facts, account: Account) -> Finding | None:
    setting = facts.effective(account).setting("RevokedKeys")
    if setting.location is None or setting.words in ((), ("none",)):
        return None
    path = PurePosixPath(setting.words[0])
    facts.tree.require(Read(str(path), depth=0))
    entry = facts.tree.entry(path)
    if entry is None:
        make = Repair(
            f"create an empty {path}",
            Safety.UNSAFE,
            partial(_make, path=path),
            weakens="keys that it revoked work again; restore the list from a backup if you can",
        )
        return _finding(account, setting, f"the list {path} is missing, so no key is accepted", (make,))
    if not entry.is_file:
        put = Repair(f"replace {path} with a file", Safety.MANUAL)
        return _finding(account, setting, f"{path} is not a file, so no key is accepted", (put,))
    return _listed(facts, account, setting, path)


def _make(tree: Tree, path: PurePosixPath) -> Tree:
    return tree.write(path, "", mode=0o644, uid=0, gid=0)


def _listed(facts: Facts, account: Account, setting: Setting, path: PurePosixPath) -> Finding | None:
    """The finding if every key of the account is in the list, as far as it can be read."""
    keys = {key.blob for each in facts.key_files(account) for key in each.keys}
    if facts.client.key is not None:
        keys = set(facts.client.key.split()[1:2])
    data = facts.tree.data(path)
    if not keys or data == b"":
        return None
    if data is None or data.startswith(KRL):
        look = Repair(f"check it: ssh-keygen -Q -f {path} YOUR_KEY.pub", Safety.MANUAL)
        why = "the list is binary, which rescue can't read"
        return _finding(account, setting, f"the key may be in the list {path}", (look,), why)
    lines = parse_keys(facts.tree.text(path) or "", path)
    revoked = [line for line in lines if line.key is not None and line.key.blob in keys]
    if {line.key.blob for line in revoked if line.key is not None} != keys:
        return None
    remove = partial(_remove, path=path, blobs=frozenset(keys))
    repairs = (
        Repair("use another key, and add it with --key FILE", Safety.MANUAL),
        Repair(f"remove the key from {path}", Safety.UNSAFE, remove, weakens="a key that somebody revoked works again"),
    )
    place = Location(path, revoked[0].number)
    return _finding(account, setting, f"the key is in the list {place}", repairs, more=(place,))


def _remove(tree: Tree, path: PurePosixPath, blobs: frozenset[str]) -> Tree:
    text = tree.text(path) or ""
    gone = {line.number for line in parse_keys(text, path) if line.key is not None and line.key.blob in blobs}
    kept = [line for number, line in enumerate(text.split("\n"), start=1) if number not in gone]
    return tree.write(path, "\n".join(kept))


def _finding(
    account: Account,
    setting: Setting,
    what: str,
    repairs: tuple[Repair, ...],
    reason: str = "",
    more: tuple[Location, ...] = (),
) -> Finding:
    assert setting.location is not None
    return Finding(
        check="sshd-revoked-keys",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"RevokedKeys ({setting.location}) blocks {account.name}: {what}.",
        symptom=Symptom.DENIED,
        locations=(setting.location, *more),
        repairs=repairs,
        subject=account.name,
        reason=reason,
    )

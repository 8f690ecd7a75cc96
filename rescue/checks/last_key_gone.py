"""The key with which an account last logged in is no longer among its keys.

Symptom: "me@SERVER: Permission denied (publickey)".

Cause: sshd's log shows the fingerprint of the key of every login. The key of the newest one is not in the
authorized_keys files any more: the file was overwritten, by an image's first boot, a deployment, ssh-copy-id to another
account, an editor or a backup that was played back; or somebody removed the key on purpose.

Repair: none without the key itself, of which the log has only the fingerprint. Give your public key:
`rescue fix --user NAME --add-key FILE`. Where the key is in a file beside, as in an old copy of authorized_keys, it is
copied back, if you agree.

See: sshd(8) on the format of authorized_keys; auth.c of OpenSSH, auth_log; `rescue timeline` shows what changed since.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import ACCOUNT_READS, Account
from rescue.facts import Facts
from rescue.keys.authorized_keys import AuthorizedKey, read_key_file
from rescue.logins.each_login import elsewhere
from rescue.logins.key_files import add_lines, home_missing, places
from rescue.logs.last_login import LAST_LOGIN_READS, LastLogin
from rescue.logs.sources import LISTING_READS
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.tree import ReadError

STEP = Step.KEY
READS = (*ACCOUNT_READS, *LISTING_READS, *LAST_LOGIN_READS)

COPIES = (".bak", ".old", ".orig", ".save", "~", ".1", "-", ".dpkg-old", ".rpmsave")
"""What the name of an old copy ends in, behind the file's own name."""


def find(facts: Facts) -> Iterator[Finding]:
    last = facts.last_login
    if last is None or facts.client.key is not None or not last.fingerprint.startswith("SHA256:") or last.certificate:
        return  # a key that is given is judged itself (key-missing)
    account = next((each for each in facts.logins if each.name == last.user), None)
    if account is None or home_missing(facts, account) or elsewhere(facts, account):
        return
    files = facts.key_files(account)
    held = [key for found in files for key in found.keys]
    # Without a key at all it is key-missing that speaks; a certificate authority's line opens for keys in no file.
    if not held or any(found.unread for found in files) or any(key.authority for each in files for key in each.lines):
        return
    if any(key.fingerprint == last.fingerprint for key in held):
        return
    yield _finding(facts, account, last, [Location(found.path) for found in files if found.present])


def _finding(facts: Facts, account: Account, last: LastLogin, where: list[Location]) -> Finding:
    source = f" from {last.address}" if last.address is not None else ""
    return Finding(
        check="last-key-gone",
        step=STEP,
        severity=Severity.DOUBTFUL,
        message=f"{account.name} last logged in{source} on {last.at:%Y-%m-%d at %H:%M} UTC with a key that is no "
        f"longer in {' or '.join(str(each.path) for each in where)}: {last.key_type} {last.fingerprint}.",
        symptom=Symptom.DENIED,
        locations=(*where, Location(last.source)),
        repairs=tuple(_repairs(facts, account, last)),
        subject=account.name,
        reason="you may have another key, and this one may have been removed on purpose (--key FILE decides it)",
        users=(account.name,),
    )


def _repairs(facts: Facts, account: Account, last: LastLogin) -> Iterator[Repair]:
    kept = _copy(facts, account, last)
    if kept is not None:
        line = f"{kept.public} {kept.comment}".strip()
        yield Repair(
            f"copy that key back from {kept.location}",
            Safety.UNSAFE,
            partial(add_lines, client=facts.client, name=account.name, lines=(line,)),
            weakens=f"a key that was removed on purpose opens {account.name} again",
        )
    yield Repair(
        "run this again with --key FILE, where FILE is your public key (usually ~/.ssh/id_ed25519.pub)", Safety.MANUAL
    )


def _copy(facts: Facts, account: Account, last: LastLogin) -> AuthorizedKey | None:
    """The key, where an old copy of the file has it. Without options: with those it may not have been meant for all."""
    facts.tree.require(*places(facts, account))
    for found in facts.key_files(account):
        folder, name = found.path.parent, found.path.name
        for beside in facts.tree.children(folder):
            if beside != name and beside in {f"{name}{end}" for end in COPIES}:
                try:
                    keys = read_key_file(facts.tree, folder / beside).keys
                except ReadError:
                    continue
                for key in keys:
                    if key.fingerprint == last.fingerprint and not key.options:
                        return key
    return None

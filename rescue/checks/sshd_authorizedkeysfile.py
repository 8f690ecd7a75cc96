"""sshd looks for keys in other files than the one that has them.

Symptom: "me@SERVER: Permission denied (publickey)." although the key is in ~/.ssh/authorized_keys.

Cause: AuthorizedKeysFile names other files: a misspelt word, a path without the user in it, or a central directory
(/etc/ssh/keys/%u) to which the keys were never copied. There "~" means root's home; use %h for the user's home, or a
path without a leading slash.

Repair: add .ssh/authorized_keys, which has the keys, to the line that wins. The files named there stay.

See: sshd_config(5) on AuthorizedKeysFile and TOKENS.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS, each_login, unless_elsewhere
from rescue.logins.key_files import overlooked
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit

STEP = Step.KEY
READS = SSHD_READS

USUAL = ".ssh/authorized_keys"


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from each_login(facts, lambda account: _judged(facts, account), meant=False)


def _judged(facts: Facts, account: Account) -> Finding | None:
    found = overlooked(facts, account)
    setting = facts.effective(account).setting("AuthorizedKeysFile")
    if found is None or setting.location is None:
        return None
    named = " and ".join(str(each.path) for each in facts.key_files(account)) or "no file"
    if setting.words == ("none",):
        change = partial(edit.set_value, location=setting.location, value=USUAL)
    else:
        change = partial(edit.add_words, location=setting.location, words=(USUAL,))
    finding = Finding(
        check="sshd-authorizedkeysfile",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"sshd looks for the keys of {account.name} in {named}, but they are in {found.path}.",
        symptom=Symptom.DENIED,
        locations=(setting.location,),
        repairs=(
            Repair(
                f"make sshd read {USUAL} too ({setting.location})",
                Safety.UNSAFE,
                change,
                weakens="keys in every user's home will work too",
            ),
        ),
        subject=account.name,
    )
    return unless_elsewhere(facts, account, finding)

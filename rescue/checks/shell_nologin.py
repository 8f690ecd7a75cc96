"""The login shell is nologin or false.

Symptom: the key is accepted, then "This account is currently not available." and "Connection to SERVER closed.", or
the connection closes without a word.

Cause: the account's shell in /etc/passwd is nologin or false. That is right for service accounts. It locks out a person
who set it for safety, or whose account was made with useradd --system or tidied up by a script.

Repair: give the account a shell again (bash if it is installed, else sh).

See: nologin(8), passwd(5), usermod(8) on --shell.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.accounts.lines import SHELL, with_passwd_field
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.tree import Read

STEP = Step.SESSION
SHELLS = ("/bin/bash", "/bin/sh")
READS = (*SSHD_READS, *(Read(shell, depth=0, content=False) for shell in SHELLS))

UPLOADS = "internal-sftp"


def find(facts: Facts) -> Iterator[Finding]:
    """A finding only for the named user: whether another account belongs to a person is not known."""
    if facts.client.user is None or facts.sshd.fatal:
        return
    for account in facts.logins:
        if not account.has_login_shell:
            yield _finding(facts, account)


def _finding(facts: Facts, account: Account) -> Finding:
    uploads = UPLOADS in facts.effective(account).words("ForceCommand")
    shell = next((path for path in SHELLS if facts.tree.entry(path) is not None), SHELLS[-1])
    edit = partial(with_passwd_field, name=account.name, field=SHELL, value=shell)
    service = account.uid < 1000 and account.uid != 0
    return Finding(
        check="shell-nologin",
        step=STEP,
        severity=Severity.DOUBTFUL if uploads else Severity.BROKEN,
        message=f"The login shell of {account.name} is {account.shell}, which exits at once ({account.location}).",
        symptom=Symptom.CLOSED,
        locations=(account.location,),
        repairs=(
            Repair(
                f"give {account.name} the login shell {shell}",
                Safety.UNSAFE if service or uploads else Safety.SAFE,
                edit,
                weakens=f"{account.name} can run programs on the server",
                lets_in=True,
            ),
        ),
        subject=account.name,
        reason="the account is only for uploads, which work" if uploads else "",
    )

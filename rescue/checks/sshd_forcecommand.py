"""ForceCommand runs a fixed command instead of a shell.

Symptom: the key is accepted, then the command's own text, or nothing, and the connection closes; "This service allows
sftp connections only."

Cause: ForceCommand in sshd_config, most often in a Match block for users who may only upload files, also applies to
you: the block's condition matches more people than intended, or the line is outside of every block.

Repair: comment out the line; it may be meant for you, so this needs your consent.

See: sshd_config(5) on ForceCommand and Match.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.logins.each_login import SSHD_READS
from rescue.logins.forced import only_says, starts_nothing, where_nobody_else_gets_a_shell
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit

STEP = Step.SESSION
READS = SSHD_READS

UPLOADS = "internal-sftp"
LONGEST = 100


def find(facts: Facts) -> Iterator[Finding]:
    if not facts.sshd.fatal:
        yield from where_nobody_else_gets_a_shell(facts, lambda account: _judged(facts, account))


def _judged(facts: Facts, account: Account) -> Finding | None:
    effective = facts.effective(account)
    setting = effective.setting("ForceCommand")
    if setting.location is None or setting.words in ((), ("none",)) or not account.has_login_shell:
        return None
    if effective.words("ChrootDirectory") not in ((), ("none",)):
        return None  # an account for uploads, set up as the manual says
    command = " ".join(setting.words)
    uploads = command.split()[0].rpartition("/")[2] in (UPLOADS, "sftp-server")
    gone = starts_nothing(facts, command)
    certain = bool(gone) or only_says(command)
    shown = command if len(command) <= LONGEST else command[:LONGEST] + "..."
    what = "uploads and downloads work, a shell does not" if uploads else "the command may be meant for you"
    return Finding(
        check="sshd-forcecommand",
        step=STEP,
        severity=Severity.BROKEN if certain else Severity.DOUBTFUL,
        message=f"ForceCommand runs instead of a shell for {account.name} ({setting.location}): {shown}"
        + (f", and {gone}" if gone else ""),
        symptom=Symptom.CLOSED,
        locations=(setting.location,),
        repairs=(
            Repair(
                f"comment out ForceCommand ({setting.location})",
                Safety.UNSAFE,
                partial(edit.comment_out, location=setting.location),
                weakens="everybody to whom the line applies will get a shell",
            ),
        ),
        subject=account.name,
        reason="" if certain else what,
    )

"""PermitRootLogin blocks root, whatever the key.

Symptom: "root@SERVER: Permission denied (publickey)." although the key is in /root/.ssh/authorized_keys; with
forced-commands-only "Connection closed by SERVER port 22" or "client_loop: send disconnect: Broken pipe".

Cause: PermitRootLogin is "no" (or "forced-commands-only", which gives no shell) in the line that wins. The first line
wins, and on Debian, Ubuntu and Red Hat sshd reads the files in /etc/ssh/sshd_config.d before sshd_config itself, so a
change in sshd_config may have no effect. A matching Match block overrides both.

Repair: set the line that wins to "prohibit-password": root can log in with a key, but not with a password. rescue
offers this only if you ask for root, or if no other account is set up for a login.

See: sshd_config(5) on PermitRootLogin; auth_root_allowed in auth.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.logins.each_login import depends_on_where_from
from rescue.logins.forced import keys_of
from rescue.logins.login_policy import POLICY_READS, LoginStanding, standings
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.sshd import edit

STEP = Step.ACCOUNT
READS = POLICY_READS

CHECK = "sshd-permitrootlogin"
KEYS_ONLY = "prohibit-password"
FORCED = "forced-commands-only"


def find(facts: Facts) -> Iterator[Finding]:
    found = standings(facts)
    others = any(each.account.uid != 0 for each in found)
    for each in found:
        # If people have their own accounts, blocking root is good practice, not a fault.
        if each.account.uid != 0 or (facts.client.user is None and others):
            continue
        if each.root.allowed is False:
            forced = each.root.refusals[0].pattern == FORCED
            # A key with its own command gets in; that it gives no shell is another check's finding.
            if not (forced and any(key.option("command") is not None for key in keys_of(facts, each.account))):
                yield _refused(each)
        elif each.root.allowed is None:
            yield depends_on_where_from(facts, CHECK, STEP, each.account, each.root.locations, each.root.reason)


def _refused(standing: LoginStanding) -> Finding:
    refusal = standing.root.refusals[0]
    name = standing.account.name
    what = "blocks root" if refusal.pattern == "no" else "gives root no shell"
    change = partial(edit.set_value, location=refusal.location, value=KEYS_ONLY)
    return Finding(
        check=CHECK,
        step=STEP,
        severity=Severity.BROKEN,
        message=f"PermitRootLogin {refusal.pattern} {what} ({refusal.location}): {name} is refused with any key.",
        # With forced-commands-only sshd's two processes disagree, and the connection closes (monitor.c).
        symptom=Symptom.CLOSED if refusal.pattern == FORCED else Symptom.DENIED,
        locations=(refusal.location,),
        repairs=(
            Repair(
                f"set PermitRootLogin {KEYS_ONLY} ({refusal.location})",
                Safety.SAFE,
                change,
                weakens="root can log in over SSH with a key, but not with a password",
                lets_in=True,
            ),
            Repair(
                "log in as another user and become root from there",
                Safety.MANUAL,
                steps="check that user with --user NAME first",
            ),
        ),
        subject=name,
    )

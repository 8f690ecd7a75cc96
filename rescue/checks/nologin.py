"""The file /etc/nologin blocks everybody but root.

Symptom: "Connection closed by SERVER port 22", often with the file's text before it, after the key was accepted.

Cause: while /etc/nologin exists only root can log in: pam_nologin, in PAM's rules for SSH, refuses everybody else, and
without PAM sshd itself does. Somebody created it by hand, or a backup or maintenance script or an old shutdown did.
Unlike /run/nologin it survives a reboot since systemd 254; an older systemd (Debian 12, Ubuntu 22.04) removes it at
boot, so there it blocks you only until then, and the finding is doubtful.

Repair: remove the file. root could log in all along, and nothing else changes.

See: nologin(5), pam_nologin(8), systemd-user-sessions.service(8), do_nologin in session.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.accounts.database import Account
from rescue.facts import Facts
from rescue.formats.packages import PACKAGE_READS, systemd_version
from rescue.logins import pam
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.services.units import UNIT_READS
from rescue.tree import Read, Tree

STEP = Step.ACCOUNT
READS = (Read("/etc/nologin", depth=0), *pam.READS, *PACKAGE_READS, *UNIT_READS)

NOLOGIN = "/etc/nologin"

KEPT_SINCE = 254
"""The first systemd release that no longer removes the file at boot (user-sessions.c)."""


def find(facts: Facts) -> Iterator[Finding]:
    if facts.tree.entry(NOLOGIN) is None:
        return
    kept_out = [account.name for account in facts.logins if account.uid != 0 and _asked(facts, account)]
    if not kept_out and facts.client.user is not None:
        return
    reason = _doubt(facts, kept_out)
    who = " and ".join(kept_out[:3]) or "everybody else"
    first = next((line for line in (facts.tree.text(NOLOGIN) or "").split("\n") if line.strip()), "")
    yield Finding(
        check="nologin",
        step=STEP,
        severity=Severity.DOUBTFUL if reason else Severity.BROKEN,
        message=f"{NOLOGIN} exists, so only root can log in; it blocks {who}.",
        symptom=Symptom.CLOSED,
        locations=(Location(facts.tree.resolve(NOLOGIN), 1 if first else 0, first[:200]),),
        repairs=(Repair(f"remove {NOLOGIN}", Safety.SAFE, _remove),),
        reason=reason,
        users=tuple(kept_out),
    )


def _asked(facts: Facts, account: Account) -> bool:
    """Whether the file has an effect: without PAM sshd checks it, with PAM only a pam_nologin line does."""
    found = pam.policy(facts, account)
    return found is None or found.service.broken is not None or pam.hangs_on(facts, account, found, "pam_nologin")


def _doubt(facts: Facts, kept_out: list[str]) -> str:
    if not kept_out:
        return "only root is set up for a login, and root gets in"
    if facts.units.unit("systemd-user-sessions.service").started:
        release = systemd_version(facts.tree)
        if release is not None and release < KEPT_SINCE:
            return f"this server's systemd ({release}) removes the file at boot: it blocks people only until then"
    return ""


def _remove(tree: Tree) -> Tree:
    return tree.remove(NOLOGIN)

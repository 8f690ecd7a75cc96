"""A PAM rules file is empty, so PAM lets nobody in.

Symptom: the key is accepted, then "Connection closed by SERVER port 22", for every user; the server's log says "no
modules loaded for `sshd' service" or "Access denied by PAM account configuration".

Cause: /etc/pam.d/common-account (common-session, sshd) was emptied: the disk was full while it was written, a shell's
">" truncated it, or a tool was interrupted. A stack in which no line succeeds refuses.

Repair: restore the file from the copy that a package manager or an editor left next to it, or as pam-auth-update
generates it from the template in /usr/share/pam.

See: pam.conf(5), pam-auth-update(8); _pam_dispatch_aux in pam_dispatch.c of Linux-PAM.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.put_back import put_back
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.pam.stacks import Facility, Service
from rescue.pam.templates import TEMPLATE_READS, blank
from rescue.tree import Read

STEP = Step.ACCOUNT
READS = (*pam.READS, *TEMPLATE_READS, Read("/etc/pam.d", depth=1))

BY_HAND = "On Debian and Ubuntu, pam-auth-update --package --force in rescue shell writes the common files"


def find(facts: Facts) -> Iterator[Finding]:
    """One finding for the server: which accounts get in does not matter."""
    account = next(iter(facts.logins), None)
    found = pam.policy(facts, account) if account is not None else None
    if account is None or found is None or found.service.broken is not None:
        return
    for facility, outcome in ((Facility.ACCOUNT, found.account), (Facility.SESSION, found.session)):
        if outcome.answer not in pam.PASSES and outcome.decided is None:
            yield _finding(facts, facility, found.service)
            return


def _finding(facts: Facts, facility: Facility, service: Service) -> Finding:
    empty = [path for path in service.files if blank(facts.tree.text(path) or "")]
    places = tuple(Location(path) for path in empty) or tuple(Location(path) for path in service.files[:1])
    what = f"{' and '.join(str(path) for path in empty)} is empty" if empty else f"no {facility} line succeeds"
    repairs = [repair for path in empty for repair in put_back(facts, str(path))]
    return Finding(
        check="pam-rules-empty",
        step=STEP if facility is Facility.ACCOUNT else Step.SESSION,
        severity=Severity.BROKEN,
        message=f"PAM rejects everybody after the key is accepted: {what}.",
        symptom=Symptom.CLOSED,
        locations=places,
        repairs=(*repairs, Repair("restore the rules", Safety.MANUAL, steps=BY_HAND)),
        subject=str(facility),
    )

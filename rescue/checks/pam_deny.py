"""PAM's rules end at pam_deny, which rejects everybody.

Symptom: the key is accepted, then "Connection closed by SERVER port 22", for every user; the server's log says "Access
denied by PAM account configuration".

Cause: the lines before pam_deny jump over it on success ("success=1" skips one line). A line was inserted between or
removed, so the jump lands on pam_deny. Or somebody wrote "account required pam_deny.so" on purpose, to close the server
for a while.

Repair: lengthen a jump that is too short by the number of inserted lines. If there is no jump, commenting out the
pam_deny line needs your consent.

See: pam.conf(5), pam_deny(8).
"""

from __future__ import annotations

from collections.abc import Iterator

from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.pam_refused import past_deny
from rescue.model import Finding, Severity, Step, Symptom
from rescue.pam.stacks import Facility, Handler

STEP = Step.ACCOUNT
READS = pam.READS


def find(facts: Facts) -> Iterator[Finding]:
    """One finding for the server: which accounts get in does not matter."""
    account = next(iter(facts.logins), None)
    found = pam.policy(facts, account) if account is not None else None
    if account is None or found is None or found.service.broken is not None:
        return
    for facility in (Facility.ACCOUNT, Facility.SESSION):
        stack = found.service.stack(facility)
        line = pam.denying_line(facts, account, stack)
        if line is not None:
            yield _finding(stack, line)


def _finding(stack: tuple[Handler, ...], line: Handler) -> Finding:
    return Finding(
        check="pam-deny",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"PAM rejects everybody after the key is accepted: its rules end at pam_deny ({line.location}).",
        symptom=Symptom.CLOSED,
        locations=(line.location,),
        repairs=tuple(past_deny(stack, line)),
        subject=str(line.facility),
    )

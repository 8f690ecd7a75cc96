"""A PAM module is missing, so PAM rejects everybody.

Symptom: the key is accepted, then "Connection closed by SERVER port 22", for every user; the server's log says "PAM
unable to dlopen(pam_tally2.so)".

Cause: a line in /etc/pam.d/sshd, or in a file that it includes, requires a module that was removed or renamed (an
upgrade dropped pam_tally2; a second-factor package was purged).

Repair: comment out the line. What the module should check is no longer checked; it could not be checked anyway.

See: pam.conf(5), pam(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.logins import pam
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.pam.stacks import Answer, Handler, StackOutcome, module_present
from rescue.tree import Tree

STEP = Step.ACCOUNT
READS = pam.READS


def find(facts: Facts) -> Iterator[Finding]:
    seen: set[Location] = set()
    for account in facts.logins:
        found = pam.policy(facts, account)
        if found is None:
            continue
        if found.service.broken is not None:
            return  # then none of its lines run
        for outcome in (found.account, found.session):
            handler = _gone(facts, outcome)
            if handler is not None and handler.location not in seen:
                seen.add(handler.location)
                yield _missing(handler)


def _gone(facts: Facts, outcome: StackOutcome) -> Handler | None:
    """The line that refuses the login because its module is missing."""
    handler = outcome.decided
    if outcome.answer in (Answer.SUCCESS, Answer.NEW_AUTHTOK_REQD) or handler is None:
        return None
    return handler if handler.module and not module_present(facts.tree, handler.module) else None


def _missing(handler: Handler) -> Finding:
    place = handler.location
    return Finding(
        check="pam-account-broken",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"PAM rejects everybody: it needs the module {handler.module}, which is missing ({place}).",
        symptom=Symptom.CLOSED,
        locations=(place,),
        repairs=(
            Repair(
                f"comment out {place}",
                Safety.UNSAFE,
                partial(comment_out, location=place),
                weakens=f"what {handler.module} should check is not checked",
            ),
        ),
        subject=handler.module,
    )


def comment_out(tree: Tree, location: Location) -> Tree:
    """The tree with the line commented out. ValueError if it is gone."""
    lines = (tree.text(location.path) or "").split("\n")
    if not 0 < location.line <= len(lines):
        raise ValueError(f"{location}: the line is gone")
    lines[location.line - 1] = f"#{lines[location.line - 1]}"
    return tree.write(location.path, "\n".join(lines))

"""PAM asks a module that is not there, and turns everybody away for it.

Symptom: the key is accepted, then "Connection closed by SERVER port 22", for every user; the server's log says "PAM
unable to dlopen(pam_tally2.so)".

Cause: a line of /etc/pam.d/sshd, or of a file that it includes, names a module that was removed or renamed (pam_tally2
went with an upgrade; a package of a second factor was purged), and the line says that its answer is required.

Repair: the line is commented out. What the module was to check is not checked any more; it could not be, as it is.

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
            return  # then no line of it is asked
        for outcome in (found.account, found.session):
            handler = _gone(facts, outcome)
            if handler is not None and handler.location not in seen:
                seen.add(handler.location)
                yield _missing(handler)


def _gone(facts: Facts, outcome: StackOutcome) -> Handler | None:
    """The line that decided against the login for want of its module."""
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
        message=f"PAM turns everybody away: it asks the module {handler.module}, which is not there ({place}).",
        symptom=Symptom.CLOSED,
        locations=(place,),
        repairs=(
            Repair(
                f"comment out {place}",
                Safety.UNSAFE,
                partial(comment_out, location=place),
                weakens=f"what {handler.module} was to check is not checked",
            ),
        ),
        subject=handler.module,
    )


def comment_out(tree: Tree, location: Location) -> Tree:
    """The tree with a ``#`` before the line. ValueError if it is not there any more."""
    lines = (tree.text(location.path) or "").split("\n")
    if not 0 < location.line <= len(lines):
        raise ValueError(f"{location}: the line is not there any more")
    lines[location.line - 1] = f"#{lines[location.line - 1]}"
    return tree.write(location.path, "\n".join(lines))

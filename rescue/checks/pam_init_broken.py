"""PAM can't read its rules for SSH, and rejects everybody.

Symptom: "Connection closed by SERVER port 22" before any key is asked for, whoever the user is; the server's log says
"PAM: initialisation failed".

Cause: /etc/pam.d/sshd, or a file that it includes, names another file that is missing: common-account was removed or
renamed, or the file was edited on Windows and its lines end in CR LF, so that PAM takes the CR as part of the name.

Repair: convert Windows line endings to Linux ones. Restore a missing file from a copy next to it or from its package's
template; without one you must restore it yourself.

See: pam.conf(5); auth-pam.c of OpenSSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.pam import PASSES, Policy
from rescue.logins.put_back import put_back
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.pam.templates import TEMPLATE_READS
from rescue.tree import Tree

STEP = Step.ACCEPT
READS = (*pam.READS, *TEMPLATE_READS)


def find(facts: Facts) -> Iterator[Finding]:
    found = next((each for account in facts.logins if (each := pam.policy(facts, account)) is not None), None)
    if found is None:
        return
    broken = _broken(found)
    if broken is None:
        return
    place, fault, missing = broken
    yield Finding(
        check="pam-init-broken",
        step=STEP,
        severity=Severity.BROKEN,
        message=f"PAM can't read its own rules and rejects everybody: {fault} ({place}).",
        symptom=Symptom.CLOSED,
        locations=(place,),
        repairs=(*_from_copies(facts, missing), _repair(facts.tree, place)),
    )


def _broken(found: Policy) -> tuple[Location, str, PurePosixPath | None] | None:
    """Where reading the rules fails, for all of PAM or for a stack that every login asks, and which file is missing."""
    service = found.service
    if service.broken is not None:
        return service.broken, service.fault, service.missing
    for outcome in (found.account, found.session):
        line = outcome.decided
        if line is not None and line.fault and line.missing is not None and outcome.answer not in PASSES:
            return line.location, line.fault, line.missing
    return None


def _from_copies(facts: Facts, missing: PurePosixPath | None) -> tuple[Repair, ...]:
    if missing is None or str(missing).endswith("\r"):
        return ()
    return tuple(put_back(facts, str(missing)))


def _repair(tree: Tree, place: Location) -> Repair:
    if "\r\n" in (tree.text(place.path) or ""):
        return Repair(f"convert {place.path} to Linux line endings", Safety.SAFE, partial(as_unix, location=place))
    return Repair(
        f"restore the file that {place} names, or correct its name",
        Safety.MANUAL,
        steps="On Debian and Ubuntu, pam-auth-update --package --force in rescue shell writes common-account.",
    )


def as_unix(tree: Tree, location: Location) -> Tree:
    """The tree where no line of the file ends in CR LF."""
    return tree.write(location.path, (tree.text(location.path) or "").replace("\r\n", "\n"))

"""PAM's rules end at pam_deny, which turns away everybody.

Symptom: the key is accepted, then "Connection closed by SERVER port 22", for every user; the server's log says "Access
denied by PAM account configuration".

Cause: the lines before pam_deny jump over it when all is well ("success=1" jumps over one line). A line that was put
between, or one that was taken out, makes the jump end at pam_deny. Or "account required pam_deny.so" was written on
purpose, to close the server for a while.

Repair: a jump that is too short is made longer by the lines that were put between. Where it is no jump, the line with
pam_deny is commented out, but only if you say so.

See: pam.conf(5), pam_deny(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from re import compile as compile_pattern

from rescue.facts import Facts
from rescue.logins import pam
from rescue.logins.pam_refused import commented, line_of
from rescue.model import Finding, Location, Repair, Safety, Severity, Step, Symptom
from rescue.pam.stacks import Facility, Handler
from rescue.tree import Tree

STEP = Step.ACCOUNT
READS = pam.READS

_JUMP = compile_pattern(r"(\[[^\]]*\bsuccess=)([0-9]+)\b")


def find(facts: Facts) -> Iterator[Finding]:
    """One finding for the server: whom it lets in does not matter."""
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
        message=f"PAM turns everybody away after the key was accepted: its rules end at pam_deny ({line.location}).",
        symptom=Symptom.CLOSED,
        locations=(line.location,),
        repairs=tuple(_repairs(stack, line)),
        subject=str(line.facility),
    )


def _repairs(stack: tuple[Handler, ...], line: Handler) -> Iterator[Repair]:
    at = stack.index(line)
    for index, handler in enumerate(stack[:at]):
        jump = handler.actions.get("success", "")
        if jump.isdigit() and handler.location.path == line.location.path and index + int(jump) < at:
            longer = partial(_longer, location=handler.location, by=at - index - int(jump))
            yield Repair(
                f"let {handler.location} jump over pam_deny, as it used to",
                Safety.UNSAFE,
                longer,
                weakens="the lines between are passed over by whoever pam_unix lets in",
            )
            break
    yield Repair(
        f"comment out {line.location}",
        Safety.UNSAFE,
        partial(commented, location=line.location),
        weakens="whoever was turned away by this line on purpose gets in",
    )


def _longer(tree: Tree, location: Location, by: int) -> Tree:
    lines, at = line_of(tree, location)
    lines[at] = _JUMP.sub(lambda match: f"{match[1]}{int(match[2]) + by}", lines[at], count=1)
    return tree.write(location.path, "\n".join(lines))

"""The path to a login: the steps in order, each with its state, made from findings and from what was not judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from rescue.model import Finding, Gap, Location, Severity, Step, Symptom

ON_PURPOSE = "refused-on-purpose"
"""The gap of an account that sshd's settings keep out, which is no fault as long as nobody asks for it."""


class State(StrEnum):
    """Whether a step holds. OK: everything that decides the step was read and holds. NOT_JUDGED: something was not
    judged (`Gap`), or a broken step before it hides the result."""

    OK = "ok"
    BROKEN = "broken"
    DOUBTFUL = "doubtful"
    NOT_JUDGED = "not judged"


class Verdict(StrEnum):
    """The state of the whole path. INCOMPLETE: no fault was found, but something decisive was not judged."""

    CLEAR = "clear"
    BROKEN = "broken"
    DOUBTFUL = "doubtful"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """One step of the path with its findings, broken ones first, and its gaps: what was not judged."""

    step: Step
    state: State
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class UserVerdict:
    """The verdict for one account: the findings that block its login, and what was not judged on its path."""

    user: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]

    @property
    def refused_at(self) -> Location | None:
        """The line that keeps the account out, probably on purpose; None for any other account."""
        return next((each.locations[0] for each in self.gaps if each.check == ON_PURPOSE), None)


@dataclass(frozen=True, slots=True)
class LoginPath:
    """Every step, in order, and a verdict for each account that was judged."""

    steps: tuple[StepVerdict, ...]
    users: tuple[UserVerdict, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in the order of the steps."""
        return tuple(finding for step in self.steps for finding in step.findings)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Everything that was not judged, in the order of the steps."""
        return tuple(gap for step in self.steps for gap in step.gaps)

    @property
    def verdict(self) -> Verdict:
        """Broken if a step is broken, else doubtful if one is; incomplete if one is not judged, or if no
        account was judged completely; else clear."""
        states = {step.state for step in self.steps}
        if State.BROKEN in states:
            return Verdict.BROKEN
        if State.DOUBTFUL in states:
            return Verdict.DOUBTFUL
        whole = not self.users or any(each.verdict is Verdict.CLEAR for each in self.users)
        return Verdict.CLEAR if whole and State.NOT_JUDGED not in states else Verdict.INCOMPLETE

    @property
    def first(self) -> Finding | None:
        """The finding that the client notices: the first broken one, else the first doubtful one, in the steps' order.

        With two exceptions. A login hangs only after everything else has succeeded, so any rejection shows up first.
        And PAM comes after the key (auth-pam.c of OpenSSH): if no key is accepted, what would close the connection
        later does not show up.
        """
        for wanted in (Severity.BROKEN, Severity.DOUBTFUL):
            found = [finding for finding in self.findings if finding.severity is wanted]
            if found:
                return _seen_first(found)
        return None

    @property
    def symptom(self) -> Symptom:
        """What the client sees."""
        first = self.first
        return first.symptom if first else Symptom.OK


def _seen_first(found: list[Finding]) -> Finding:
    first = next((finding for finding in found if finding.symptom is not Symptom.HANGS), found[0])
    if first.symptom is Symptom.CLOSED and first.step.order >= Step.ACCOUNT.order:
        return next((finding for finding in found if finding.symptom is Symptom.DENIED), first)
    return first


def login_path(
    findings: Iterable[Finding],
    looked_at: Iterable[Step],
    gaps: Iterable[Gap] = (),
    users: Iterable[str] = (),
) -> LoginPath:
    """Build the path from `findings` and `gaps`.

    looked_at: the steps that have at least one check; the others are not judged. users: the names of the judged
    accounts. A gap of a single account leaves a step ok if it was judged completely for another account.
    """
    names = tuple(dict.fromkeys(users))
    found = [_of_user(each, names) for each in findings]
    known = set(looked_at)
    missing = [*gaps, *(Gap(each.check, step, HIDDEN.format(each.check)) for each in found for step in each.hides)]
    missing += [Gap("", step, "this was not looked at") for step in Step if step not in known]
    steps = []
    for step in Step:
        here = tuple(_sorted(each for each in found if each.step is step))
        unknown = tuple(dict.fromkeys(gap for gap in missing if gap.step is step))
        steps.append(StepVerdict(step, _state(here, unknown, names), here, unknown))
    return LoginPath(tuple(steps), tuple(_of(name, steps) for name in names))


HIDDEN = "nothing can be said before {} is mended"


def _of_user(finding: Finding, names: tuple[str, ...]) -> Finding:
    """The finding with the account that it blocks, which is the subject of most findings of the later steps."""
    if finding.users or finding.step.order < Step.ACCOUNT.order or finding.subject not in names:
        return finding
    return replace(finding, users=(finding.subject,))


def _state(findings: tuple[Finding, ...], gaps: tuple[Gap, ...], users: tuple[str, ...]) -> State:
    if any(finding.severity is Severity.BROKEN for finding in findings):
        return State.BROKEN
    if findings:
        return State.DOUBTFUL
    with_gaps = {gap.user for gap in gaps}
    if "" in with_gaps or (with_gaps and with_gaps >= set(users)):
        return State.NOT_JUDGED
    return State.OK


def _of(name: str, steps: list[StepVerdict]) -> UserVerdict:
    findings = tuple(each for step in steps for each in step.findings if not each.users or name in each.users)
    gaps = tuple(each for step in steps for each in step.gaps if each.user in ("", name))
    if any(finding.severity is Severity.BROKEN for finding in findings):
        verdict = Verdict.BROKEN
    elif findings:
        verdict = Verdict.DOUBTFUL
    else:
        verdict = Verdict.INCOMPLETE if gaps else Verdict.CLEAR
    return UserVerdict(name, verdict, findings, gaps)


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda each: (each.severity is not Severity.BROKEN, each.check, each.subject))

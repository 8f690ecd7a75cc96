"""The path to a login: the links in order, each with its state, made from findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rescue.model import Finding, Link, Severity, Symptom


class State(StrEnum):
    """Whether a link holds. UNKNOWN: nothing was found, and that is not enough to tell (see `Link.partly_judged`), or
    it was not looked at."""

    HOLDS = "holds"
    BROKEN = "broken"
    DOUBTFUL = "doubtful"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """The whole path's state."""

    CLEAR = "clear"
    BROKEN = "broken"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Step:
    """One link of the path with its findings, broken ones first."""

    link: Link
    state: State
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class LoginPath:
    """Every link, in order."""

    steps: tuple[Step, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in the order of the links."""
        return tuple(finding for step in self.steps for finding in step.findings)

    @property
    def verdict(self) -> Verdict:
        """Broken if one link is, else doubtful if one is, else clear. A link nobody looks at does not count."""
        states = {step.state for step in self.steps}
        if State.BROKEN in states:
            return Verdict.BROKEN
        return Verdict.DOUBTFUL if State.DOUBTFUL in states else Verdict.CLEAR

    @property
    def first(self) -> Finding | None:
        """The finding that the outside sees: the first broken one, else the first doubtful one, in the links' order.

        With two exceptions. A login that hangs does so when everything else is through, so whatever turns the client
        away is seen before. And PAM is asked after the key (auth-pam.c of OpenSSH): where no key is taken, what would
        close the connection later is not seen.
        """
        for wanted in (Severity.BROKEN, Severity.DOUBTFUL):
            found = [finding for finding in self.findings if finding.severity is wanted]
            if found:
                return _seen_first(found)
        return None

    @property
    def symptom(self) -> Symptom:
        """What the outside sees."""
        first = self.first
        return first.symptom if first else Symptom.OK


def _seen_first(found: list[Finding]) -> Finding:
    first = next((finding for finding in found if finding.symptom is not Symptom.HANGS), found[0])
    if first.symptom is Symptom.CLOSED and first.link.order >= Link.ACCOUNT.order:
        return next((finding for finding in found if finding.symptom is Symptom.DENIED), first)
    return first


def login_path(findings: Iterable[Finding], looked_at: Iterable[Link]) -> LoginPath:
    """The path that `findings` leave, where `looked_at` are the links that have at least one check.

    A link that a finding hides, or that is never judged whole, is unknown where nothing was found.
    """
    by_link: dict[Link, list[Finding]] = {link: [] for link in Link}
    known = set(looked_at)
    for finding in findings:
        by_link[finding.link].append(finding)
        known.difference_update(finding.hides)
    known -= {link for link in Link if link.partly_judged}
    return LoginPath(
        tuple(Step(link, _state(found, link in known), tuple(_sorted(found))) for link, found in by_link.items())
    )


def _state(findings: list[Finding], looked_at: bool) -> State:
    if any(finding.severity is Severity.BROKEN for finding in findings):
        return State.BROKEN
    if findings:
        return State.DOUBTFUL
    return State.HOLDS if looked_at else State.UNKNOWN


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda each: (each.severity is not Severity.BROKEN, each.check, each.subject))

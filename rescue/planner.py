"""Turn findings into changes, tested on the snapshot before anything is written.

The planner applies repairs to the tree in the order of the path to a login and examines it after each one. A repair
is kept only if its own finding is gone and it breaks no earlier step. Findings that appear on the way (a wrong port
behind a configuration that did not load) are planned for as well, so that nobody reboots twice. What is written is the
difference between two trees; `Tree.since` puts what frees space first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rescue.checks import Check
from rescue.examine import Examination, examine
from rescue.model import Client, Finding, Repair, Safety, Severity, Step
from rescue.tree import Change, NotCaptured, Tree

PACKAGED, OWN = ("/usr/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/bin/", "/sbin/"), ("/usr/local/",)
"""Directories of packaged files, and exceptions: the next update reverts changes there."""

MAX_ROUNDS = 8
"""How many rounds plan for new findings. Each round needs a finding that was never seen before."""

Choose = Callable[[Finding, Tree], Repair | None]
"""Chooses the repair for a finding, given the planned tree so far; None to leave it."""


@dataclass(frozen=True, slots=True)
class Mend:
    """A finding, the repair taken for it, and what that repair changes."""

    finding: Finding
    repair: Repair
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """A finding that the plan does not repair, and why, as text for the user."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The tested repairs, the trees before and after them, and what is left unrepaired."""

    before: Examination
    after: Examination
    mends: tuple[Mend, ...]
    left: tuple[Left, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes, in the order of writing."""
        return self.after.facts.tree.since(self.before.facts.tree)

    @property
    def irreversible(self) -> bool:
        """True if undo can't restore everything, because logs or caches are deleted."""
        return any(not change.reversible for change in self.changes)


UNCERTAIN_AND_FAR_REACHING = frozenset({Step.BOOT, Step.DISK, Step.NETWORK})
"""Steps at which repairing something that may not be a fault could block every login."""


def taken_unasked(finding: Finding, repair: Repair) -> bool:
    """Whether ``--yes`` takes the repair: it only restores the login, and weakens nothing except that you are let in.

    For a doubtful finding, which may not be a fault, it must weaken nothing, and not touch what every login needs.
    """
    if repair.edit is None or repair.safety is not Safety.SAFE or repair.irreversible:
        return False
    if finding.severity is Severity.DOUBTFUL:
        return not repair.weakens and finding.step not in UNCERTAIN_AND_FAR_REACHING
    return repair.lets_in or not repair.weakens


def safe_repairs(finding: Finding, tree: Tree) -> Repair | None:
    """The first repair that is taken without asking: what ``--yes`` takes."""
    return next((each for each in finding.repairs if taken_unasked(finding, each)), None)


def any_repairs(finding: Finding, tree: Tree) -> Repair | None:
    """What ``--yes --unsafe`` takes: the first repair taken without asking, else the first safe one, else the first."""
    possible = [each for each in finding.repairs if each.edit is not None and each.safety is not Safety.MANUAL]
    return (
        safe_repairs(finding, tree)
        or next((each for each in possible if each.safety is Safety.SAFE), None)
        or next(iter(possible), None)
    )


Demanded = Iterable[tuple[Finding, Repair]]
"""Edits that the person asks for whatever is found, each with a finding that names it."""


def make_plan(
    tree: Tree,
    client: Client,
    choose: Choose = safe_repairs,
    checks: Iterable[Check] | None = None,
    demanded: Demanded = (),
) -> Plan:
    """The plan for `tree`, by every check (or `checks`). Pure; raises `NotCaptured` if something is missing.

    demanded: made first; what they bring to light is planned for, too. One that can't be made is left, with the reason.
    """
    asked = None if checks is None else tuple(checks)
    before = now = examine(tree, client, asked)
    mends: list[Mend] = []
    reasons: dict[tuple[str, str], str] = {}
    failed: list[Left] = []
    for finding, wanted in demanded:
        assert wanted.edit is not None, "a demanded edit is one"
        try:
            edited = wanted.edit(now.facts.tree)
        except (ValueError, OSError) as problem:
            failed.append(Left(finding, f"it can't be done: {problem}"))
            continue
        mends.append(Mend(finding, wanted, edited.since(now.facts.tree)))
        now = examine(edited, client, asked)
    for _ in range(MAX_ROUNDS):
        new = [finding for finding in now.findings if finding.key not in reasons]
        if not new:
            break
        for finding in new:
            reasons[finding.key] = ""
            if finding.key not in {each.key for each in now.findings}:
                continue  # an earlier repair fixed it too
            repair = choose(finding, now.facts.tree)
            if repair is None or repair.edit is None:
                reasons[finding.key] = _why_not(finding)
                continue
            attempt = _attempt(now, finding, repair, {each.finding.key for each in mends}, asked)
            if isinstance(attempt, str):
                reasons[finding.key] = attempt
                continue
            mends.append(Mend(finding, repair, attempt.facts.tree.since(now.facts.tree)))
            now = attempt
    if mends:
        now = examine(now.facts.tree, client, asked)
    left = tuple(
        Left(finding, reasons.get(finding.key) or "it was found too late to plan for") for finding in now.findings
    )
    return Plan(before, now, tuple(mends), (*failed, *left))


def _attempt(
    now: Examination,
    finding: Finding,
    repair: Repair,
    mended: set[tuple[str, str]],
    checks: tuple[Check, ...] | None,
) -> Examination | str:
    """The examination after `repair`, or why the repair is dropped."""
    assert repair.edit is not None
    tree = now.facts.tree
    try:
        edited = repair.edit(tree)
    except NotCaptured:
        raise
    except (ValueError, OSError) as problem:
        return f"the repair can't be made: {problem}"
    changes = edited.since(tree)
    if not changes:
        return "the repair would change nothing"
    packaged = next((change.path for change in changes if _is_packaged(change)), None)
    if packaged is not None:
        return f"it would change {packaged}, a package's own file, which the next update overwrites"
    after = examine(edited, now.facts.client, checks, evidence=False)
    if any(each.key == finding.key for each in after.findings):
        return "the repair would not fix it"
    known = {each.key for each in now.findings}
    for each in after.findings:
        if each.key in known or each.severity is not Severity.BROKEN:
            continue
        if each.step.order < finding.step.order or each.key in mended:
            return f"the repair would break another step ({each.step}): {each.check}"
    return after


def _is_packaged(change: Change) -> bool:
    """Whether the content of a packaged file would change. Owners, modes and labels may be restored."""
    path = str(change.path)
    if not path.startswith(PACKAGED) or path.startswith(OWN):
        return False
    before, after = change.before, change.after
    if after is not None and (after.is_dir or after.is_link) and (before is None or before.kind is after.kind):
        return False  # a directory or a link of the package that is recreated
    return before is None or after is None or not before.same_content(after)


def _why_not(finding: Finding) -> str:
    safeties = {each.safety for each in finding.repairs}
    if any(taken_unasked(finding, each) for each in finding.repairs):
        return "its repair was not chosen"
    if Safety.SAFE in safeties and finding.severity is Severity.DOUBTFUL:
        return "it is not certain: choose its repair yourself, or add --unsafe"
    if Safety.SAFE in safeties or Safety.UNSAFE in safeties:
        return "its only repair weakens security or deletes data: allow it with --unsafe"
    if Safety.MANUAL in safeties:
        return "only a person can do this: " + next(
            each.title for each in finding.repairs if each.safety is Safety.MANUAL
        )
    return "no repair is known for it"

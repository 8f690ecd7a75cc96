"""``rescue fix``: inspect, plan, show the changes, ask, apply, inspect again."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from rescue.apply import Applied, apply_changes, damaged, history, interrupted, recover
from rescue.checks import all_checks
from rescue.examine import Examination
from rescue.login_path import Verdict
from rescue.model import Finding, Repair, Safety, Severity
from rescue.plan import Plan, any_repairs, make_plan, safe_repairs
from rescue.status import Status
from rescue.survey import complete, survey
from rescue.targets.bundle.target import refused
from rescue.targets.protocol import BUNDLE, Target
from rescue.text.numbers import natural
from rescue.text.safe import cut, safe
from rescue.tree import Change, NotCaptured, Tree
from rescue.ui import document
from rescue.ui.prompts import Cancelled, Nobody, NobodyToAsk
from rescue.ui.report import Report, command
from rescue.verbs.add_key import Adding, Outcome, adding, outcome
from rescue.verbs.request.last_target import remember, resolved
from rescue.verbs.request.session import Session, UsageError
from rescue.verbs.request.undo_log_place import store_for

FindingKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which findings to repair: by the number that inspect gives them, by cause, or (neither) all."""

    numbers: frozenset[int] = frozenset()
    causes: frozenset[str] = frozenset()

    def keys(self, examination: Examination) -> frozenset[FindingKey] | None:
        """The findings meant; None for all, those that come to light included. UsageError for one that isn't there."""
        if not self.numbers and not self.causes:
            return None
        findings = examination.findings
        for number in sorted(self.numbers):
            if not 1 <= number <= len(findings):
                raise UsageError(f"there is no finding {number}", f"rescue inspect numbers them: {len(findings)} now.")
        return frozenset(
            finding.key
            for number, finding in enumerate(findings, 1)
            if number in self.numbers or finding.check in self.causes
        )


def run(session: Session) -> Status:
    """One fix, from the command line."""
    session, spec, selection = _wanted(session)
    options = session.options
    key = adding(session)
    attended = not options.yes and not options.dry_run
    if attended and session.json:
        raise UsageError("--json asks nothing", "Add --yes to take every safe repair, or --dry-run to see the changes.")
    if attended and isinstance(session.asker, Nobody):
        raise NobodyToAsk("fix")
    # With --yes the target is opened once, for writing. A person is asked first, while it is only read.
    with session.target(spec, write=options.yes and not options.dry_run) as target:
        if attended and target.method == BUNDLE:
            raise refused(target.name)  # before anything is asked
        remember(spec, vars(options))
        _name_damaged(session, target)
        if not options.dry_run and not attended:
            _recover(session, target)
        fix = _plan(session, target, selection, key)
        if options.yes and not options.dry_run:
            return _apply(session, target, spec, fix)
        _say_interrupted(session, target)
        if options.dry_run or not fix.plan.changes:
            return _proposed(session, target, fix)
        if not _agreed(session, target, fix.plan):
            raise Cancelled
    with session.target(spec, write=True) as target:
        _recover(session, target)
        return _apply(session, target, spec, fix)


@dataclass(frozen=True, slots=True)
class Fix:
    """A plan with what it was made from."""

    tree: Tree
    plan: Plan
    examination: Examination
    key: Outcome | None = None

    @property
    def own(self) -> dict[str, object]:
        """What the document has beside the plan."""
        return {} if self.key is None else {"key": self.key.document()}


def _wanted(session: Session) -> tuple[Session, str, Selection]:
    """The target and the findings that the words on the command line mean."""
    words: list[str] = list(session.options.what)
    known = {check.id for check in all_checks()}

    def chooses(word: str) -> bool:
        return word.isdecimal() or word.lower().replace("_", "-") in known

    named = words.pop(0) if words and not chooses(words[0]) else None
    chosen = [*words, *session.options.only]
    for word in chosen:
        if not chooses(word):
            raise UsageError(f"there is no cause called {cut(repr(word), 60)}", _nearest(word, known))
    if named is not None and "/" not in named and get_close_matches(named, known) and not Path(named).exists():
        raise UsageError(f"{named} is neither here nor a cause", _nearest(named, known))
    numbers = {_number(word) for word in chosen if word.isdecimal()}
    causes = {word.lower().replace("_", "-") for word in chosen if not word.isdecimal()}
    session, spec = resolved(session, named)
    return session, spec, Selection(frozenset(numbers), frozenset(causes))


def _nearest(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word.lower().replace("_", "-"), known)
    return f"Did you mean {' or '.join(near)}?" if near else "`rescue explain` lists them all."


def _number(word: str) -> int:
    """A finding's number. UsageError for one that is longer than any number of findings."""
    number = natural(word)
    if number is None:
        raise UsageError(f"there is no finding {cut(word, 30)}", "rescue inspect numbers them.")
    return number


def _plan(session: Session, target: Target, selection: Selection, key: Adding | None) -> Fix:
    tree, examination = survey(target, session.client)
    wanted = selection.keys(examination)
    added: frozenset[FindingKey] = key.findings if key is not None else frozenset()
    if key is not None:
        key.check(examination)
    chooser = Chooser(session, wanted, [finding.key for finding in examination.findings], added)
    if not session.json:
        session.report.heading(examination, target.name, target.method, target.notes)
        session.report.path(examination)
    tree, plan = complete(target, tree, lambda enlarged: make_plan(enlarged, session.client, chooser))
    return Fix(tree, plan, examination, outcome(key, plan) if key is not None else None)


@dataclass
class Chooser:
    """Says which repair to take for a finding, asking a person where one is there. Asks each question once.

    wanted: the findings meant; None for all. known: the findings in the order in which inspect numbers them; what
    comes to light is numbered after them. added: those that --add-key asks to be repaired.
    """

    session: Session
    wanted: frozenset[FindingKey] | None
    known: list[FindingKey]
    added: frozenset[FindingKey] = frozenset()
    answers: dict[FindingKey, str | None] = field(default_factory=dict)

    def __call__(self, finding: Finding, tree: Tree) -> Repair | None:
        options = self.session.options
        if finding.key in self.added:
            return self._asked_for(finding, tree)
        if self.wanted is not None and finding.key not in self.wanted:
            return None
        if options.yes or options.dry_run:
            return any_repairs(finding, tree) if options.unsafe else safe_repairs(finding, tree)
        # The tree may have grown since the answer was given, and the repair with it: the title tells which it was.
        ways = [each for each in finding.repairs if each.edit is not None]
        if finding.key not in self.answers:
            self.answers[finding.key] = self._ask(finding, ways, tree)
        return next((each for each in ways if each.title == self.answers[finding.key]), None)

    def _asked_for(self, finding: Finding, tree: Tree) -> Repair | None:
        """The repair that the command line asks for by name. It is shown once where a person looks on."""
        repair = safe_repairs(finding, tree)
        options = self.session.options
        if repair is not None and not (options.yes or options.dry_run) and finding.key not in self.answers:
            self.answers[finding.key] = repair.title
            self.session.report.line(f"{safe(repair.title)}:", "bold")
            self.session.report.changes(_preview(repair, tree))
            self.session.report.line()
        return repair

    def _ask(self, finding: Finding, ways: Sequence[Repair], tree: Tree) -> str | None:
        report = self.session.report
        preview = _preview(ways[0], tree) if ways else ()
        if finding.key not in self.known:
            self.known.append(finding.key)
        report.finding(self.known.index(finding.key) + 1, finding)
        if not ways:
            return None
        report.line(f"{safe(ways[0].title)}:", "bold")
        report.changes(preview)
        report.line()
        options = [f"{safe(each.title)}{' (cannot be undone)' if each.irreversible else ''}" for each in ways]
        # Enter alone takes nothing that may be no fault, weakens anything or deletes data.
        sure = finding.severity is Severity.BROKEN and not ways[0].weakens and ways[0].safety is Safety.SAFE
        preselected = 0 if sure and not ways[0].irreversible else len(ways)
        taken = self.session.asker.choose(
            "What shall be done?", [*options, "leave it as it is"], preselected=preselected
        )
        report.line()
        return ways[taken].title if taken < len(ways) else None


def _preview(repair: Repair, tree: Tree) -> Sequence[Change]:
    """What the repair alone would change; () where it can't be made, of which the plan will tell."""
    if repair.edit is None:
        return ()
    try:
        return repair.edit(tree).since(tree)
    except NotCaptured:
        raise
    except (ValueError, OSError):
        return ()


def _agreed(session: Session, target: Target, plan: Plan) -> bool:
    """The last question, after each repair was chosen: whether all of them together shall be written."""
    report = session.report
    report.left(plan.left)
    report.line("To be written:", "bold")
    report.paths([(change.action, change.path) for change in plan.changes])
    report.line()
    return session.asker.confirm(f"Write this to {safe(target.name)}?")


def _show_whole(session: Session, plan: Plan) -> None:
    report = session.report
    report.line("Proposed changes (tested on an in-memory copy):", "bold")
    for number, mend in enumerate(plan.mends, 1):
        report.mend(number, mend)
    report.line()
    report.changes(plan.changes)
    report.line()
    report.left(plan.left)


def _proposed(session: Session, target: Target, fix: Fix) -> Status:
    """A dry run's end, or that of a fix with nothing to write."""
    plan = fix.plan
    if session.json:
        made = document.fix(
            plan, target.name, target.method, applied=False, journal=None, after=plan.after, notes=target.notes
        )
        document.write({**made, **fix.own}, sys.stdout)
    elif not plan.before.findings:
        session.report.findings(plan.before)
        _say_key(session, fix, written=False)
    else:
        _say_key(session, fix, written=False)
        if plan.changes:
            _show_whole(session, plan)
            session.report.line("Nothing was written (--dry-run).", "bold")
        else:
            session.report.left(plan.left)
            session.report.line("Nothing was written.", "bold")
    return Status.CLEAR if plan.before.path.verdict is Verdict.CLEAR else Status.BROKEN


def _apply(session: Session, target: Target, spec: str, fix: Fix) -> Status:
    plan = fix.plan
    if not plan.changes:
        return _proposed(session, target, fix)
    if not session.json and session.options.yes:
        _show_whole(session, plan)
    # Where the output can't be written, nothing is: nobody would know of the fix.
    sys.stdout.flush()
    titles = [f"{mend.finding.check}: {mend.repair.title}" for mend in plan.mends]
    applied = apply_changes(target, plan.changes, titles, store=store_for(session.options.journal, target))
    _, after = survey(target, session.client, again=fix.tree)
    if session.json:
        made = document.fix(
            plan, target.name, target.method, applied=True, journal=applied.record.id, after=after, notes=target.notes
        )
        document.write({**made, **fix.own}, sys.stdout)
    else:
        _done(session, spec, applied, fix, after)
    return Status.CLEAR if after.path.verdict is Verdict.CLEAR else Status.BROKEN


def _done(session: Session, spec: str, applied: Applied, fix: Fix, after: Examination) -> None:
    report = session.report
    report.line("Done. The disk was inspected again:", "bold")
    report.path(after)
    _say_key(session, fix, written=True)
    if after.findings:
        report.left(fix.plan.left)
    elif after.path.verdict is Verdict.CLEAR:
        report.line("All checks pass now.", "bold green")
    else:
        report.line("Nothing wrong is left that could be found. Not everything could be judged:", "bold")
        report.line()
        report.missing(after)
    if session.options.yes:
        _say_accepted(report, fix.plan)
    report.line(f"Recorded as {applied.record.id} in {applied.journal}. To take it back:")
    where = ["--journal", session.options.journal] if session.options.journal else []
    report.exact(command("undo", spec, *session.opening_words(), *where), "bold", 2)
    if applied.not_restorable:
        report.line(f"(not the {len(applied.not_restorable)} deleted or shortened logs and caches)", indent=2)
    if after.findings:
        report.line("Not everything is repaired yet. What is left, and what to do about it:")
        report.exact(command("inspect", spec, *session.client_words()), "bold", 2)
    elif spec != "/":
        port = after.facts.dialled
        how = f", and log in with ssh -p {port}." if port != 22 else ", and log in."
        report.line(f"Now leave the rescue system: boot the server from its own disk{how}")
    else:
        report.line("The running services still have their old settings until they are restarted, or the server is.")


def _say_accepted(report: Report, plan: Plan) -> None:
    """Which security notes nobody was asked about."""
    notes = dict.fromkeys(mend.repair.weakens for mend in plan.mends if mend.repair.weakens)
    if notes:
        report.line("Security notes that --yes accepted:")
        for note in notes:
            report.line(safe(note), "yellow", 2, 2)


def _say_key(session: Session, fix: Fix, *, written: bool) -> None:
    if fix.key is not None:
        session.report.line(fix.key.words(written=written), "" if fix.key.state != "missing" else "yellow")


def _name_damaged(session: Session, target: Target) -> None:
    """Fixes that can't be undone any more are named before another one is made."""
    for record in damaged(history(target, store_for(session.options.journal, target))):
        session.tell(f"{record.problem}. Its folder is left as it is; it can't be undone with rescue.")


def _say_interrupted(session: Session, target: Target) -> None:
    """A reader can't end an interrupted fix, but says that there is one."""
    record = interrupted(target, store_for(session.options.journal, target))
    if record is not None:
        told = f"An earlier fix ({record.id}) was interrupted. The next fix or undo ends it before anything else."
        session.tell(told)


def _recover(session: Session, target: Target) -> None:
    for each in recover(target, store_for(session.options.journal, target)):
        session.tell(f"{each.words}.")

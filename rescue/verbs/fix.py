"""``rescue fix``: inspect, plan, show the changes, ask, apply, inspect again."""

from __future__ import annotations

import sys
from dataclasses import replace

from rescue import library
from rescue.apply import Applied, damaged, interrupted
from rescue.errors import UsageError
from rescue.examine import Examination
from rescue.login_path import Verdict
from rescue.status import Status
from rescue.targets.bundle.target import refused
from rescue.targets.protocol import BUNDLE, Target
from rescue.ui.page.inspection import Written, fix_page
from rescue.ui.prompts import Cancellation, NobodyToAsk, NoTerminal
from rescue.ui.report import command
from rescue.verbs import fix_screens as screens
from rescue.verbs import page
from rescue.verbs.add_key import adding, outcome
from rescue.verbs.fix_choice import Chooser
from rescue.verbs.fix_screens import PlannedFix
from rescue.verbs.fix_selection import FindingKey, Selection, selected
from rescue.verbs.request.last_target import remember, resolved
from rescue.verbs.request.options import FixOptions
from rescue.verbs.request.session import Session
from rescue.verbs.way_in.set_password import day_of, new_password
from rescue.verbs.way_in.set_password import outcome as password_outcome


def run(session: Session, options: FixOptions) -> Status:
    """One fix. A person is asked while the target is only read; with --yes it is opened once, for writing."""
    named, selection = selected(options)
    session.request = replace(session.request, spec=named or session.request.spec)
    fixing = Fixing(session, options, resolved(session), selection)
    if options.dry_run:
        return fixing.tried()
    if options.yes:
        return fixing.made_at_once()
    return fixing.made_as_agreed()


class Fixing:
    """One run of the verb. Made where the command line asks for what can be done."""

    def __init__(self, session: Session, options: FixOptions, spec: str, selection: Selection) -> None:
        self.session = session
        self.options = options
        self.spec = spec
        self.selection = selection
        self.key = adding(session)
        self.password = new_password(options.set_password, options.password_file)

    def tried(self) -> Status:
        """Plan, and say what would be written."""
        with self.session.target(self.spec, write=False) as target:
            self._begin(target)
            fix = self._plan(target)
            self._say_interrupted(target)
            return self._proposed(fix)

    def made_at_once(self) -> Status:
        """Plan and write, without a question."""
        with self.session.target(self.spec, write=True) as target:
            self._begin(target)
            self._recover(target)
            return self._write(self._plan(target))

    def made_as_agreed(self) -> Status:
        """Plan with the person, and write what they agree to."""
        self._refuse_unasked()
        with self.session.target(self.spec, write=False) as target:
            if target.method == BUNDLE:
                raise refused(target.name)  # before anything is asked
            self._begin(target)
            fix = self._plan(target)
            self._say_interrupted(target)
            if not fix.plan.changes:
                return self._proposed(fix)
            if not screens.agreed(self.session, fix):
                raise Cancellation
        with self.session.target(self.spec, write=True) as target:
            self._recover(target)
            return self._write(replace(fix, target=target))

    def _refuse_unasked(self) -> None:
        """Raise UsageError where a question would be due and can't be asked."""
        if self.session.json:
            hint = "Add --yes to take every safe repair, or --dry-run to see the changes."
            raise UsageError("--json asks nothing", hint)
        if isinstance(self.session.asker, NoTerminal):
            raise NobodyToAsk("fix")

    def _begin(self, target: Target) -> None:
        """Remember the target, and name the fixes that can't be undone any more before another one is made."""
        remember(self.session.request)
        for record in damaged(library.history(target, undo_log=self.options.journal)):
            self.session.tell(f"{record.problem}. Its folder is left as it is; it can't be undone with rescue.")

    def _plan(self, target: Target) -> PlannedFix:
        """Inspect, and choose a repair for each finding that is meant."""
        session, key = self.session, self.key
        found = library.inspect(target, session.client)
        examination = found.examination
        wanted = self.selection.keys(examination)
        added: frozenset[FindingKey] = key.findings if key is not None else frozenset()
        if key is not None:
            key.check(examination)
        known = [finding.key for finding in examination.findings]
        chooser = Chooser(session, self.options, wanted, known, added)
        screens.found(session, target, examination)
        password = self.password
        demanded = [password.demanded(day_of(examination))] if password is not None else []
        plan = library.plan(target, found, choose=chooser, demanded=demanded)
        fix = PlannedFix(self.spec, target, plan, outcome(key, plan) if key is not None else None)
        if password is None:
            return fix
        set_to = password_outcome(password, plan)
        screens.warned(session, set_to)
        return replace(fix, password=set_to)

    def _proposed(self, fix: PlannedFix) -> Status:
        screens.proposed(self.session, fix)
        self._page(fix, fix.plan.after)
        return _status(fix.plan.before)

    def _write(self, fix: PlannedFix) -> Status:
        """Carry the plan out, inspect again, and say what came of it."""
        plan, target = fix.plan, fix.target
        if not plan.changes:
            return self._proposed(fix)
        if self.options.yes and not self.session.json:
            screens.show_whole(self.session, plan)
        # Where the output can't be written, nothing is: nobody would know of the fix.
        sys.stdout.flush()
        fixed = library.fix(target, plan, undo_log=self.options.journal)
        assert fixed.applied is not None, "a plan with changes was applied"
        after = fixed.after.examination
        screens.done(self.session, self.options, fixed.applied, fix, after)
        self._page(fix, after, fixed.applied)
        return _status(after)

    def _page(self, fix: PlannedFix, after: Examination, applied: Applied | None = None) -> None:
        """The page of ``--html``. after: the second inspection, or the plan's where nothing was written."""
        name, session, target = self.options.html, self.session, fix.target
        if name is None:
            return
        shown = page.gathered(session, target, after if applied is not None else fix.plan.before)
        undo = command(*screens.undo_words(session, self.options, fix)) if applied is not None else ""
        written = Written(fix.plan, after, applied.record.id if applied is not None else None, undo)
        page.write(session, fix_page(written, page.server_of(session, target, fix.spec), shown), name)

    def _say_interrupted(self, target: Target) -> None:
        """A reader can't end an interrupted fix, but says that there is one."""
        record = interrupted(target, library.store_for(target, self.options.journal))
        if record is not None:
            told = f"An earlier fix ({record.id}) was interrupted. The next fix or undo ends it before anything else."
            self.session.tell(told)

    def _recover(self, target: Target) -> None:
        """End what a killed fix or undo has left."""
        for each in library.recover(target, undo_log=self.options.journal):
            self.session.tell(f"{each.words}.")


def _status(examination: Examination) -> Status:
    return Status.CLEAR if examination.path.verdict is Verdict.CLEAR else Status.BROKEN

"""Which repair is taken for a finding: the person's choice, or that of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rescue.model import Finding, Repair, Safety, Severity
from rescue.planner import any_repairs, safe_repairs
from rescue.text.safe import safe
from rescue.tree import Tree
from rescue.verbs.fix_selection import FindingKey
from rescue.verbs.page import preview
from rescue.verbs.request.options import FixOptions
from rescue.verbs.request.session import Session


@dataclass
class Chooser:
    """Says which repair to take for a finding, asking a person where one is there. Asks each question once.

    wanted: the findings meant; None for all. known: the findings in the order in which inspect numbers them; what
    comes to light is numbered after them. added: those that --add-key asks to be repaired.
    """

    session: Session
    options: FixOptions
    wanted: frozenset[FindingKey] | None
    known: list[FindingKey]
    added: frozenset[FindingKey] = frozenset()
    answers: dict[FindingKey, str | None] = field(default_factory=dict)

    def __call__(self, finding: Finding, tree: Tree) -> Repair | None:
        if finding.key in self.added:
            return self._asked_for(finding, tree)
        if self.wanted is not None and finding.key not in self.wanted:
            return None
        if not self.options.attended:
            return any_repairs(finding, tree) if self.options.unsafe else safe_repairs(finding, tree)
        # The tree may have grown since the answer was given, and the repair with it: the title tells which it was.
        ways = [each for each in finding.repairs if each.edit is not None]
        if finding.key not in self.answers:
            self.answers[finding.key] = self._ask(finding, ways, tree)
        return next((each for each in ways if each.title == self.answers[finding.key]), None)

    def _asked_for(self, finding: Finding, tree: Tree) -> Repair | None:
        """The repair that the command line asks for by name. It is shown once where a person looks on."""
        repair = safe_repairs(finding, tree)
        if repair is not None and self.options.attended and finding.key not in self.answers:
            self.answers[finding.key] = repair.title
            self.session.report.line(f"{safe(repair.title)}:", "bold")
            self.session.report.changes(preview(repair, tree))
            self.session.report.line()
        return repair

    def _ask(self, finding: Finding, ways: Sequence[Repair], tree: Tree) -> str | None:
        report = self.session.report
        proposed = preview(ways[0], tree) if ways else ()
        if finding.key not in self.known:
            self.known.append(finding.key)
        report.finding(self.known.index(finding.key) + 1, finding)
        if not ways:
            return None
        report.line(f"{safe(ways[0].title)}:", "bold")
        report.changes(proposed)
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

"""What every check's test says: exactly these findings, exactly this diff, and then silence."""

from __future__ import annotations

from collections.abc import Iterable

from rescue.examine import examine
from rescue.model import Client, Finding, Safety
from rescue.plan import Choose, Plan, any_repairs, make_plan, safe_repairs
from rescue.redaction.files import without_secrets
from rescue.tree import Tree
from rescue.ui.document import finding


def causes(tree: Tree, client: Client | None = None) -> list[str]:
    """The ids of all findings, in the order of the path."""
    findings = examine(tree, client or Client()).findings
    honest(findings)
    return [finding.check for finding in findings]


def honest(findings: Iterable[Finding]) -> None:
    """A safe repair weakens nothing but that somebody is let in, and loses nothing; an unsafe one says why."""
    for each in findings:
        for repair in each.repairs:
            said = f"{each.check}: {repair.title}: {repair.weakens}"
            assert (repair.edit is None) == (repair.safety is Safety.MANUAL), said
            if repair.safety is Safety.SAFE:
                assert repair.lets_in == bool(repair.weakens), said
                assert not repair.irreversible, said
            elif repair.safety is Safety.UNSAFE:
                assert repair.weakens, said


def only_finding(tree: Tree, check: str, client: Client | None = None) -> Finding:
    """The one finding, which is of `check`."""
    findings = examine(tree, client or Client()).findings
    honest(findings)
    assert [finding.check for finding in findings] == [check]
    return findings[0]


def mended(tree: Tree, client: Client | None = None, choose: Choose = safe_repairs) -> Plan:
    """The plan that mends everything: a second examination is silent, a second plan empty, undo gives all back.

    What is found in the tree is found in a support bundle of it, too, whose secrets were left out.
    """
    who = client or Client()
    assert told(without_secrets(tree), who) == told(tree, who)
    plan = make_plan(tree, who, choose)
    assert plan.left == (), plan.left
    repaired = plan.after.facts.tree
    assert examine(repaired, who).findings == ()
    assert make_plan(repaired, who, choose).changes == ()
    assert undone(repaired, plan).since(tree) == ()
    return plan


def mended_if_agreed(tree: Tree, client: Client | None = None) -> Plan:
    """The same where ``--yes`` alone leaves something: a repair weakens something, or a finding is a doubt."""
    assert make_plan(tree, client or Client()).left
    return mended(tree, client, any_repairs)


def told(tree: Tree, client: Client) -> list[dict[str, object]]:
    """All that is found, as a program is told it."""
    findings = examine(tree, client).findings
    honest(findings)
    return [finding(each) for each in findings]


def undone(repaired: Tree, plan: Plan) -> Tree:
    """The repaired tree with the inverse changes applied, last one first."""
    return repaired.with_entries({str(change.path): change.before for change in reversed(plan.changes)})


def changed_paths(plan: Plan) -> list[str]:
    """Every path that the plan would write."""
    return [str(change.path) for change in plan.changes]


def lines(tree: Tree, path: str) -> list[str]:
    """A file's lines."""
    text = tree.text(path)
    assert text is not None, path
    return text.split("\n")


def diff(plan: Plan, path: str) -> tuple[list[str], list[str]]:
    """The lines that go and the lines that come in the file at `path`, in order."""
    before = lines(plan.before.facts.tree, path) if plan.before.facts.tree.entry(path) else []
    after = lines(plan.after.facts.tree, path) if plan.after.facts.tree.entry(path) else []
    return _without(before, after), _without(after, before)


def _without(these: Iterable[str], those: list[str]) -> list[str]:
    left = list(those)
    found = []
    for line in these:
        if line in left:
            left.remove(line)
        else:
            found.append(line)
    return found

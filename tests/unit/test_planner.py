"""The planner: what mends is kept, what does not is dropped with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from rescue.checks import Check
from rescue.facts import Facts
from rescue.model import Client, Finding, Repair, Safety, Severity, Step, Symptom
from rescue.planner import Plan, any_repairs, make_plan, safe_repairs
from rescue.tree import Entry, Tree, file, symlink

pytestmark = pytest.mark.unit

Edit = Callable[[Tree], Tree]


def put(path: str, text: str, tree: Tree) -> Tree:
    return tree.write(path, text)


def check(
    name: str,
    link: Step,
    edit: Edit | None,
    *,
    safety: Safety = Safety.SAFE,
    severity: Severity = Severity.BROKEN,
    marker: str | None = None,
) -> Check:
    """A check that finds fault while the file /NAME says "bad"; `marker` names another file to look at."""

    def find(facts: Facts) -> Iterator[Finding]:
        if facts.tree.text(f"/{marker or name}") == "bad":
            repairs = (Repair(f"mend {name}", safety, edit),)
            yield Finding(name, link, severity, f"{name} is bad", Symptom.REFUSED, repairs=repairs)

    return Check(name, link, (), find, f"{name}.")


def plan(tree: Tree, *checks: Check, unsafe: bool = False) -> Plan:
    return make_plan(tree, Client(), any_repairs if unsafe else safe_repairs, checks)


def test_a_repair_that_mends_its_finding_is_kept() -> None:
    tree = Tree.of({"/one": "bad"})
    made = plan(tree, check("one", Step.SERVICE, partial(put, "/one", "good")))
    assert [mend.repair.title for mend in made.mends] == ["mend one"]
    assert [str(change.path) for change in made.changes] == ["/one"]
    assert made.left == ()
    assert made.after.findings == ()


def test_a_repair_that_mends_nothing_is_dropped() -> None:
    tree = Tree.of({"/one": "bad"})
    made = plan(tree, check("one", Step.SERVICE, partial(put, "/elsewhere", "x")))
    assert made.changes == ()
    assert [left.reason for left in made.left] == ["the repair would not fix it"]


def test_a_repair_that_changes_nothing_is_dropped() -> None:
    made = plan(Tree.of({"/one": "bad"}), check("one", Step.SERVICE, lambda tree: tree))
    assert [left.reason for left in made.left] == ["the repair would change nothing"]


def test_a_repair_that_breaks_an_earlier_link_is_dropped() -> None:
    tree = Tree.of({"/one": "bad", "/two": "good"})
    made = plan(
        tree,
        check("one", Step.KEY, lambda tree: tree.write("/one", "good").write("/two", "bad")),
        check("two", Step.DISK, None),
    )
    assert made.changes == ()
    assert [left.reason for left in made.left] == ["the repair would break another step (disk): two"]


def test_a_repair_that_cannot_be_made_says_why() -> None:
    def cannot(tree: Tree) -> Tree:
        raise ValueError("the line is not there")

    made = plan(Tree.of({"/one": "bad"}), check("one", Step.SERVICE, cannot))
    assert [left.reason for left in made.left] == ["the repair can't be made: the line is not there"]


def test_one_repair_that_mends_two_findings_is_made_once() -> None:
    tree = Tree.of({"/one": "bad"})
    mend = partial(put, "/one", "good")
    made = plan(tree, check("first", Step.SERVICE, mend, marker="one"), check("second", Step.KEY, mend, marker="one"))
    assert [mend.finding.check for mend in made.mends] == ["first"]
    assert made.left == ()


def test_what_comes_to_light_is_mended_as_well() -> None:
    tree = Tree.of({"/one": "bad", "/two": "good"})
    made = plan(
        tree,
        check("one", Step.SERVICE, lambda tree: tree.write("/one", "good").write("/two", "bad")),
        check("two", Step.LISTEN, partial(put, "/two", "good")),
    )
    assert [mend.finding.check for mend in made.mends] == ["one", "two"]
    assert [str(change.path) for change in made.changes] == ["/one"]
    assert made.after.findings == ()


def test_what_comes_to_light_and_cannot_be_mended_is_said() -> None:
    tree = Tree.of({"/one": "bad", "/two": "good"})
    made = plan(
        tree,
        check("one", Step.SERVICE, lambda tree: tree.write("/one", "good").write("/two", "bad")),
        check("two", Step.LISTEN, None, safety=Safety.MANUAL),
    )
    assert [left.reason for left in made.left] == ["only a person can do this: mend two"]


def test_repairs_that_undo_each_other_come_to_an_end() -> None:
    tree = Tree.of({"/one": "bad", "/two": "good"})
    made = plan(
        tree,
        check("one", Step.SERVICE, lambda tree: tree.write("/one", "good").write("/two", "bad")),
        check("two", Step.SERVICE, lambda tree: tree.write("/two", "good").write("/one", "bad")),
    )
    assert [mend.finding.check for mend in made.mends] == ["one"]
    assert [(left.finding.check, left.reason) for left in made.left] == [
        ("two", "the repair would break another step (service): one")
    ]


def test_unsafe_repairs_are_taken_only_when_asked_for() -> None:
    tree = Tree.of({"/one": "bad"})
    one = check("one", Step.SERVICE, partial(put, "/one", "good"), safety=Safety.UNSAFE)
    assert plan(tree, one).changes == ()
    assert plan(tree, one).left[0].reason == "its only repair weakens security or deletes data: allow it with --unsafe"
    assert [str(change.path) for change in plan(tree, one, unsafe=True).changes] == ["/one"]


def test_what_is_only_doubtful_may_be_mended_too() -> None:
    tree = Tree.of({"/one": "bad"})
    one = check("one", Step.SERVICE, partial(put, "/one", "good"), severity=Severity.DOUBTFUL)
    assert plan(tree, one).after.findings == ()


def test_a_second_plan_is_empty() -> None:
    one = check("one", Step.SERVICE, partial(put, "/one", "good"))
    made = plan(Tree.of({"/one": "bad"}), one)
    assert plan(made.after.facts.tree, one).changes == ()


def test_space_is_freed_before_anything_is_written() -> None:
    tree = Tree.of({"/one": "bad", "/log": "bad"})
    made = plan(
        tree,
        check("log", Step.DISK, lambda tree: tree.remove("/log")),
        check("one", Step.SERVICE, partial(put, "/one", "good")),
    )
    assert [(str(change.path), str(change.action)) for change in made.changes] == [
        ("/log", "remove"),
        ("/one", "replace"),
    ]


def _edit_of(path: str) -> Callable[[Tree], Tree]:
    return lambda tree: tree.write(path, "other\n")


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/etc/a", True), ("/usr/local/a", True), ("/usr/lib/a", False), ("/lib/a", False), ("/etc/linked", False),
        ("/usr/lib/new", False),
    ],
)  # fmt: skip
def test_no_repair_lands_in_a_packages_own_file(path: str, kept: bool) -> None:
    entries: dict[str, Entry | str] = {
        "/etc/a": "a\n", "/usr/local/a": "a\n", "/usr/lib/a": "a\n", "/lib": symlink("usr/lib"),
        "/etc/linked": symlink("/usr/lib/a"),
    }  # fmt: skip
    tree = Tree.of(entries)
    before = tree.text(path)

    def find(facts: Facts) -> Iterator[Finding]:
        if facts.tree.text(path) == before:
            repair = Repair("change it", Safety.SAFE, _edit_of(path))
            yield Finding("x", Step.KEY, Severity.BROKEN, "m", Symptom.DENIED, repairs=(repair,))

    plan = make_plan(tree, Client(), checks=[Check("x", Step.KEY, (), find, "")])
    assert bool(plan.changes) is kept
    assert kept or "package's own file" in plan.left[0].reason


def test_modes_below_usr_may_be_put_back() -> None:
    tree = Tree.of({"/usr/bin/sh": file("ELF", 0o644)})

    def find(facts: Facts) -> Iterator[Finding]:
        entry = facts.tree.entry("/usr/bin/sh")
        if entry is not None and entry.mode == 0o644:
            repair = Repair("chmod", Safety.SAFE, lambda tree: tree.set_mode("/usr/bin/sh", mode=0o755))
            yield Finding("x", Step.KEY, Severity.BROKEN, "m", Symptom.DENIED, repairs=(repair,))

    assert make_plan(tree, Client(), checks=[Check("x", Step.KEY, (), find, "")]).left == ()

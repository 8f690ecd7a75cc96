"""What is taken without asking: only repairs that restore the login and weaken nothing else, whatever the check.

`tests.checking.honest` holds the same of each finding that a check's own tests make; here every place in the code of
the checks where a repair is made is read, so that one which no test reaches is held to it as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rescue import checks
from rescue.model import Finding, Repair, Safety, Severity, Step, Symptom
from rescue.planner import any_repairs, safe_repairs, taken_unasked
from rescue.tree import Tree

pytestmark = pytest.mark.unit

ROOM = Path(checks.__file__).parent


def made() -> Iterator[tuple[str, dict[str, ast.expr]]]:
    """Each call of Repair in the checks: where it is, and its arguments by name."""
    names = tuple(Repair.__dataclass_fields__)
    for path in sorted(ROOM.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Repair":
                given = dict(zip(names, node.args, strict=False))
                given |= {each.arg: each.value for each in node.keywords if each.arg is not None}
                yield f"{path.name}:{node.lineno}", given


REPAIRS = dict(made())


def says(given: dict[str, ast.expr], name: str) -> str:
    return ast.unparse(given[name]) if name in given else ""


def test_every_repair_is_seen() -> None:
    assert len(REPAIRS) > 120


@pytest.mark.parametrize("place", REPAIRS)
def test_a_safe_repair_has_no_note_but_that_somebody_is_let_in(place: str) -> None:
    safety, weakens = says(REPAIRS[place], "safety"), says(REPAIRS[place], "weakens")
    lets_in = says(REPAIRS[place], "lets_in") == "True"
    if safety == "Safety.SAFE":
        assert bool(weakens) == lets_in
        assert says(REPAIRS[place], "irreversible") in ("", "False")
    elif safety == "Safety.UNSAFE":
        assert weakens
    elif safety == "Safety.MANUAL":
        assert not weakens
    elif weakens and not lets_in:
        # The note and the safety hang on the same condition, which the check's own tests try both ways.
        assert "Safety.UNSAFE" in safety or safety.startswith("_safety(")


def finding(repair: Repair, severity: Severity = Severity.BROKEN, link: Step = Step.ACCOUNT) -> Finding:
    return Finding("cause", link, severity, "", Symptom.DENIED, repairs=(repair,))


def unchanged(tree: Tree) -> Tree:
    return tree


SAFE = Repair("mend it", Safety.SAFE, unchanged)


def test_what_only_restores_the_login_is_taken() -> None:
    assert taken_unasked(finding(SAFE), SAFE)
    opening = replace(SAFE, weakens="anybody may connect", lets_in=True)
    assert taken_unasked(finding(opening), opening)


@pytest.mark.parametrize(
    "repair",
    [
        replace(SAFE, weakens="the second factor is gone"),
        replace(SAFE, irreversible=True),
        replace(SAFE, safety=Safety.UNSAFE, weakens="anybody may connect", lets_in=True),
        replace(SAFE, safety=Safety.MANUAL, edit=None),
    ],
)
def test_what_costs_more_is_not_taken(repair: Repair) -> None:
    assert not taken_unasked(finding(repair), repair)
    assert safe_repairs(finding(repair), Tree.of({})) is None
    assert any_repairs(finding(repair), Tree.of({})) is (repair if repair.edit is not None else None)


@pytest.mark.parametrize("link", list(Step))
def test_of_a_doubt_nothing_is_taken_that_weakens_or_that_every_login_hangs_on(link: Step) -> None:
    taken = taken_unasked(finding(SAFE, Severity.DOUBTFUL, link), SAFE)
    assert taken == (link not in (Step.BOOT, Step.DISK, Step.NETWORK))
    opening = replace(SAFE, weakens="anybody may connect", lets_in=True)
    assert not taken_unasked(finding(opening, Severity.DOUBTFUL, link), opening)

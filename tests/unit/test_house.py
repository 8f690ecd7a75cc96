"""The rules of the house: every check has its manual and its test, and the README names what is there."""

from __future__ import annotations

import re
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path

import pytest

from rescue.checks import Check, all_checks
from rescue.cli import parser
from rescue.evidence import Evidence, all_evidence
from rescue.labs.lessons.scenario import Scenario, all_scenarios
from rescue.login_path import State, Verdict, login_path
from rescue.man import pages
from rescue.model import Gap, Step
from tests import readme

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PARTS = ("Symptom:", "Cause:", "Repair:", "See:")


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_a_check_has_a_whole_manual(check: Check) -> None:
    paragraphs = check.manual.strip().split("\n\n")
    assert check.title
    assert len(" ".join(paragraphs[0].split())) <= 160
    assert [part for part in PARTS if any(each.startswith(part) for each in paragraphs)] == list(PARTS)


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_a_check_has_a_test_of_its_own(check: Check) -> None:
    name = check.id.replace("-", "_")
    text = (REPOSITORY / "tests" / "unit" / "checks" / f"test_{name}.py").read_text(encoding="utf-8")
    assert "def test_" in text


@pytest.mark.parametrize("each", all_evidence(), ids=lambda each: each.id)
def test_what_may_stay_unjudged_has_a_manual_and_a_test(each: Evidence) -> None:
    paragraphs = each.manual.strip().split("\n\n")
    parts = ("Decides:", "Not judged:", "Supply:")
    assert len(" ".join(paragraphs[0].split())) <= 160
    assert [part for part in parts if any(text.startswith(part) for text in paragraphs)] == list(parts)
    name = each.id.replace("-", "_")
    text = (REPOSITORY / "tests" / "unit" / "evidence" / f"test_{name}.py").read_text(encoding="utf-8")
    assert "def test_" in text


def test_the_page_of_evidence_is_what_the_code_says() -> None:
    """scripts/update-readme writes it."""
    assert readme.EVIDENCE.read_text(encoding="utf-8") == readme.evidence()


def test_no_step_is_ok_without_its_evidence() -> None:
    for each in all_evidence():
        path = login_path([], Step, [Gap(each.id, each.step, "x")])
        assert {step.step for step in path.steps if step.state is not State.OK} == {each.step}
        assert path.verdict is Verdict.INCOMPLETE


def test_no_step_is_ok_that_no_check_reads_anything_for() -> None:
    judged = {check.step for check in all_checks()}
    assert judged == set(Step)
    for link in Step:
        states = {step.step: step.state for step in login_path([], judged - {link}).steps}
        assert states[link] is State.NOT_JUDGED


def test_the_readme_lists_every_cause_with_its_title() -> None:
    listed = dict(re.findall(r"^\| `([a-z][a-z0-9-]+)` \| (.+?) \|$", README, re.MULTILINE))
    assert listed == {check.id: check.title for check in all_checks()}


def test_the_readme_names_every_verb_and_option() -> None:
    told = parser().format_help()
    verbs = re.findall(r"^    ([a-z]+) ", told, re.MULTILINE)
    assert verbs
    assert [verb for verb in verbs if f"`rescue {verb}" not in README] == []
    options = {
        word
        for verb in verbs
        for action in _verb(verb)._actions
        for word in action.option_strings
        if word.startswith("--") and word != "--help"
    }
    assert sorted(option for option in options if option not in README) == []


def test_the_changelog_counts_causes_and_labs() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"{len(all_checks())} causes" in text
    assert f"{len(all_scenarios())} real servers" in text


def test_a_page_says_in_its_first_line_what_it_is_about() -> None:
    assert all(text.partition("\n")[0].strip().endswith(".") for text in pages().values())


def _verb(name: str) -> ArgumentParser:
    verbs = next(action for action in parser()._actions if isinstance(action, _SubParsersAction))
    found: ArgumentParser = verbs._name_parser_map[name]
    return found


@pytest.mark.parametrize("scenario", all_scenarios(), ids=lambda each: each.id)
def test_the_readme_has_figures_of_every_scenario(scenario: Scenario) -> None:
    row = re.search(rf"^\| {scenario.id} \| ([a-z ]+) \| ([a-z0-9, -]+) \|", README, re.MULTILINE)
    assert row, f"{scenario.id} is missing: RESCUE_FIGURES=FILE scripts/test system vm"
    named = f"waiting for {', '.join(scenario.waiting)}" if scenario.waiting else ", ".join(sorted(scenario.causes))
    assert row.groups() == (str(scenario.symptom), named)

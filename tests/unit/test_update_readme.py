"""scripts/update-readme: what is written from the code, and that --check finds what is out of date."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from rescue.checks import all_checks
from rescue.facts import Facts
from rescue.labs.lessons.scenario import all_scenarios
from scripts.developer import architecture
from tests import readme

pytestmark = pytest.mark.unit

FILES = (
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/causes.md", "docs/evidence.md",
    "docs/figures.md", "docs/inspect.svg",
)  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The texts alone, as they have to be."""
    (tmp_path / "docs").mkdir()
    for name in FILES:
        shutil.copy(readme.REPOSITORY / name, tmp_path / name)
    assert readme.main([], tmp_path) == 0
    return tmp_path


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_was_just_written_is_up_to_date(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert readme.main(["--check"], repository) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("docs/causes.md", f"| `{all_checks()[0].id}` | {all_checks()[0].title} |\n", ""),
        ("docs/figures.md", f"| {all_scenarios()[0].id} | ", "| no-such-scenario | "),
        (
            "docs/figures.md",
            f"| {all_scenarios()[0].id} | {all_scenarios()[0].symptom} ",
            f"| {all_scenarios()[0].id} | ok ",
        ),
        ("docs/figures.md", f"{len(all_scenarios())} scenarios of", "3 scenarios of"),
        ("README.md", f"{len(all_checks())} causes in ten", "7 causes in ten"),
        ("docs/inspect.svg", "PermitRotLogin", "PermitRootLogin"),
        ("docs/figures.md", "wait for a check: 0", "wait for a check: 1"),
        ("CHANGELOG.md", f"{len(all_checks())} causes in", "7 causes in"),
        ("CHANGELOG.md", f"{len(all_scenarios())} real servers that lock", "7 real servers that lock"),
        ("CONTRIBUTING.md", "| `facts.release` | ", "| `facts.releases` | "),
        ("docs/evidence.md", f"- `{all_checks()[0].id}`: ", "- `other`: "),
        ("docs/architecture.md", "|  cli          | ", "|  clo          | "),
        ("docs/architecture.md", "| `ruamel.yaml` |", "| `yaml` |"),
    ],
)
def test_what_is_out_of_date_is_shown_with_the_command_and_mended_by_it(
    repository: Path, name: str, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = (repository / name).read_text()
    replaced(repository / name, old, new)
    bad = (repository / name).read_text()
    capsys.readouterr()
    assert readme.main(["--check"], repository) == 1
    assert (repository / name).read_text() == bad
    said = capsys.readouterr().out
    assert said.endswith(f"Out of date: {name}. Run: scripts/update-readme\n")
    assert f"--- {name}" in said
    assert readme.main([], repository) == 0
    if "no-such" not in new and "| ok " not in new:
        assert (repository / name).read_text() == good
    assert readme.main(["--check"], repository) == 0


def test_a_scenario_without_figures_is_not_measured_and_is_not_counted(repository: Path) -> None:
    found = sum(1 for each in all_scenarios() if not each.waiting)
    replaced(
        repository / "docs/figures.md", f"| {all_scenarios()[0].id} | {all_scenarios()[0].symptom} | ", "| gone | "
    )
    before = (repository / "docs/figures.md").read_text().count("| not measured |")
    readme.main([], repository)
    text = (repository / "docs/figures.md").read_text()
    first = all_scenarios()[0]
    assert f"| {first.id} | {first.symptom} | {', '.join(first.causes)} | not measured | - | - |\n" in text
    assert f"in {found - before - 1} of {found}" in text
    figures = repository / "figures"
    figures.write_text(f"| {first.id} | {first.symptom} | {', '.join(first.causes)} | yes | none | 3.3 |\n")
    readme.main([str(figures)], repository)
    assert figures.read_text() in (repository / "docs/figures.md").read_text()


@pytest.mark.parametrize(
    ("name", "gone", "said"),
    [
        ("CONTRIBUTING.md", "<!-- end of facts -->", "end of facts"),
        ("CHANGELOG.md", " real servers that lock", "real servers"),
        ("docs/causes.md", "| cause |", "no table that begins"),
    ],
)
def test_a_place_that_is_gone_is_named(repository: Path, name: str, gone: str, said: str) -> None:
    replaced(repository / name, gone, "")
    with pytest.raises(SystemExit, match=said):
        readme.main(["--check"], repository)


def test_an_unknown_option_is_said(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert readme.main(["--chek"], repository) == 2
    assert "'--chek'" in capsys.readouterr().err


def test_every_question_to_facts_says_what_it_answers() -> None:
    public = [name for name in vars(Facts) if not name.startswith("_")]
    told = readme.facts()
    assert [name for name in public if f"| `facts.{name}" not in told] == []


def test_the_picture_shows_every_room_on_a_screen_of_80_columns() -> None:
    lines = architecture.picture().split("\n")
    assert {len(line) for line in lines} == {80}
    drawn = {line[3:].split()[0] for line in lines if line.startswith("| ") and line[3] != " "}
    assert set(architecture.rooms()) <= drawn


def test_what_every_library_is_for_is_said() -> None:
    project = tomllib.loads((readme.REPOSITORY / "pyproject.toml").read_text())["project"]
    named = {each.partition(">")[0] for each in project["dependencies"]} | {"guestfs", "subprocess"}
    assert named <= architecture.USED_FOR.keys()


def test_imports_are_those_of_the_code() -> None:
    assert architecture.imports("login_path") == {"model"}
    assert "labs" in architecture.imports("verbs")
    assert architecture.users_of("guestfs") == ["targets/appliance"]

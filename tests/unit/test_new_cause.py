"""scripts/new-cause: what it writes works at once, and stays red until it is filled in."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import rescue.checks
from rescue.labs.lessons.scenario import Scenario, load
from scripts.developer import new_cause
from tests.unit.test_house import PARTS, unfinished

pytestmark = pytest.mark.unit

CHECK, TEST = "rescue/checks/door_painted.py", "tests/unit/checks/test_door_painted.py"
SCENARIO = "rescue/labs/scenarios/painted-by-me"
SCRIPTS = (f"{SCENARIO}/break.sh", f"{SCENARIO}/solve.sh")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which the templates were written out; the new check is one of all."""
    assert new_cause.main(["door-painted", "--scenario", "painted-by-me"], tmp_path) == 0
    monkeypatch.setattr(rescue.checks, "__path__", [*rescue.checks.__path__, str(tmp_path / "rescue/checks")])
    rescue.checks.all_checks.cache_clear()
    yield tmp_path
    sys.modules.pop("rescue.checks.door_painted", None)
    rescue.checks.all_checks.cache_clear()


def module_of(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_new_check_works_with_its_test(written: Path) -> None:
    (check,) = [each for each in rescue.checks.all_checks() if each.id == "door-painted"]
    paragraphs = check.manual.strip().split("\n\n")
    assert [part for part in PARTS if any(each.startswith(part) for each in paragraphs)] == list(PARTS)
    test = module_of(written / TEST)
    test.test_the_line_is_found_and_removed()
    for text in (None, "", "# locked = yes\n", "locked = no\n"):
        test.test_what_must_not_alarm(text)


def test_a_check_that_finds_nothing_or_mends_nothing_does_not_pass_its_test(written: Path) -> None:
    for old, new in (('WRONG = "locked = yes"', 'WRONG = "locked = no"'), ("lines[number + 1 :]", "lines[number:]")):
        text = (written / CHECK).read_text()
        assert old in text
        (written / CHECK).write_text(text.replace(old, new))
        rescue.checks.all_checks.cache_clear()
        sys.modules.pop("rescue.checks.door_painted", None)
        with pytest.raises(AssertionError):
            module_of(written / TEST).test_the_line_is_found_and_removed()
        (written / CHECK).write_text(text)


def test_the_test_is_red_until_it_is_filled_in(written: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"TODO: fill in {CHECK}"):
        module_of(written / TEST).test_it_is_finished()


def test_the_house_names_what_is_to_be_filled_in(written: Path) -> None:
    assert set(unfinished(written)) == {CHECK, f"{SCENARIO}/scenario.toml", *SCRIPTS}
    for path in (written / name for name in unfinished(written)):
        path.write_text(path.read_text().replace("TODO: ", ""))
    assert unfinished(written) == []


def test_the_new_scenario_can_be_loaded_and_does_nothing_yet(written: Path) -> None:
    made: Scenario = load(written / SCENARIO)
    assert (made.causes, made.waiting, len(made.hints)) == (("door-painted",), (), 3)
    for name in SCRIPTS:
        done = subprocess.run(["sh", written / name], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("TODO: ")


def test_nothing_is_written_over(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (written / TEST).read_bytes()
    (written / CHECK).unlink()
    rescue.checks.all_checks.cache_clear()
    assert new_cause.main(["door-painted"], written) == 1
    assert TEST in capsys.readouterr().err
    assert (written / TEST).read_bytes() == before
    assert not (written / CHECK).exists()


def test_a_scenario_of_a_known_cause_comes_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new_cause.main(["nologin", "--scenario", "painted-by-me"], tmp_path) == 0
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "break.sh",
        "scenario.toml",
        "solve.sh",
    ]
    assert 'causes = ["nologin"]' in (tmp_path / SCENARIO / "scenario.toml").read_text()
    assert "sudo scripts/test painted-by-me" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Door"], "'Door' is no name"),
        (["door_painted"], "is no name"),
        (["../door"], "is no name"),
        (["door-"], "is no name"),
        (["d" * 41], "is no name"),
        (["nologin"], "there is a cause 'nologin' already"),
        (["key-unknown"], "is a page of rescue explain"),
        (["target"], "is a page of rescue explain"),
        (["door", "--scenario", "sshd-disabled"], "there is a scenario 'sshd-disabled' already"),
        (["door", "--scenario", "a b"], "'a b' is no name"),
    ],
)
def test_a_name_that_can_not_be_is_explained(
    tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new_cause.main(words, tmp_path) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

"""The list, the choice and the words of `rescue lab`, where no server is needed."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from rescue import cli
from rescue.labs.lessons import paths
from rescue.labs.lessons.scenario import Difficulty, ScenarioError, all_scenarios
from rescue.labs.lessons.session import Lab, Passed, Phase, Store
from rescue.status import Status
from rescue.verbs.lab import chosen

pytestmark = pytest.mark.unit

ID = "ufw-enable-without-ssh"
LAB = Lab(ID, "namespaces", began=1000.0, phase=Phase.LOCKED_OUT, disk="/nowhere/server.raw", ready=1010.0)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A state directory of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return Store(tmp_path / "rescue" / "lab")


Said = pytest.CaptureFixture[str]


def document(capsys: Said, *words: str, status: int = 0) -> dict[str, object]:
    assert cli.main(["lab", *words, "--json"]) == status
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_the_list_has_every_scenario_once_the_easy_ones_first(capsys: Said) -> None:
    labs = document(capsys, "list")["labs"]
    assert isinstance(labs, list)
    assert [lab["number"] for lab in labs] == list(range(1, len(all_scenarios()) + 1))
    ranks = [list(Difficulty).index(lab["difficulty"]) for lab in labs]
    assert ranks == sorted(ranks)


def test_the_list_fits_the_console(capsys: Said) -> None:
    assert cli.main(["lab", "list"]) == 0
    shown = capsys.readouterr().out
    assert all(each.id in shown for each in all_scenarios())
    assert [line for line in shown.split("\n") if len(line) > 80 or line != line.rstrip()] == []


def test_the_list_marks_what_was_passed(capsys: Said, store: Store) -> None:
    store.note_passed(ID, Passed(1.0, 60.0, 1, False))
    labs = document(capsys, "list")["labs"]
    assert isinstance(labs, list)
    assert [lab["id"] for lab in labs if lab["passed"]] == [ID]
    cli.main(["lab", "list"])
    line = next(line for line in capsys.readouterr().out.split("\n") if ID in line)
    assert line.split()[1] == "+"


def test_the_list_of_one_difficulty_keeps_the_numbers(capsys: Said) -> None:
    labs = document(capsys, "list", "--difficulty", "first-steps")["labs"]
    assert isinstance(labs, list)
    assert {lab["difficulty"] for lab in labs} == {"first steps"}
    assert all(all_scenarios()[lab["number"] - 1].id == lab["id"] for lab in labs)


def test_a_scenario_is_found_by_its_number_and_by_its_name() -> None:
    number = [each.id for each in all_scenarios()].index(ID) + 1
    assert chosen(str(number)) is chosen(ID) is chosen("UFW_enable_without_ssh")


@pytest.mark.parametrize("word", ["0", "9999"])
def test_a_number_that_is_none_says_which_there_are(word: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        chosen(word)
    assert str(len(all_scenarios())) in caught.value.hint


def test_a_misspelt_name_brings_the_near_ones(capsys: Said) -> None:
    assert cli.main(["lab", "start", "ufw-enabled-without-ssh"]) == Status.USAGE
    assert ID in capsys.readouterr().err


@pytest.mark.parametrize("action", ["hint", "check", "solve", "reset"])
def test_without_a_lab_the_next_step_is_the_list(capsys: Said, action: str) -> None:
    assert cli.main(["lab", action]) == Status.USAGE
    assert "rescue lab list" in capsys.readouterr().err


def test_stopping_nothing_is_no_fault(capsys: Said) -> None:
    assert document(capsys, "stop") == {"schema": 2, "stopped": False}


def test_alone_it_is_the_list_and_then_the_status(capsys: Said, store: Store) -> None:
    assert "labs" in document(capsys)
    store.save(LAB)
    assert "lab" in document(capsys)


def test_the_status_says_what_is_left_to_do(capsys: Said, store: Store) -> None:
    store.save(LAB)
    assert cli.main(["lab", "status"]) == 0
    shown = capsys.readouterr().out
    assert f"rescue fix {LAB.disk}" in shown
    assert [line for line in shown.split("\n") if len(line) > 80] == []


def test_hints_come_one_by_one_and_are_counted(capsys: Said, store: Store) -> None:
    store.save(LAB)
    hints = chosen(ID).hints
    for number, text in enumerate(hints, 1):
        told = document(capsys, "hint")["hint"]
        assert told == {"number": number, "text": text, "left": len(hints) - number}
    assert document(capsys, "hint")["hint"] is None
    lab = store.load()
    assert lab is not None
    assert lab.hints == len(hints)


def test_a_hidden_cause_stays_hidden_until_it_is_passed(capsys: Said, store: Store) -> None:
    store.save(Lab(ID, "namespaces", 1.0, Phase.LOCKED_OUT, "/d", 2.0, hidden=True))
    shown = json.dumps(document(capsys, "status"))
    assert ID not in shown
    assert chosen(ID).title not in shown
    store.save(Lab(ID, "namespaces", 1.0, Phase.PASSED, "/d", 2.0, 3.0, hidden=True))
    assert ID in json.dumps(document(capsys, "status"))


def test_a_hidden_cause_is_not_on_the_screen(capsys: Said, store: Store) -> None:
    store.save(Lab(ID, "namespaces", 1.0, Phase.LOCKED_OUT, "/d", 2.0, hidden=True))
    cli.main(["lab", "status"])
    shown = capsys.readouterr().out
    assert ID not in shown
    assert chosen(ID).title not in shown


def test_a_start_that_was_interrupted_says_how_to_go_on(capsys: Said, store: Store) -> None:
    store.save(Lab(ID, "namespaces", 1.0))
    for action in ("status", "check", "reset"):
        assert cli.main(["lab", action]) == Status.USAGE
        told = capsys.readouterr().err
        assert f"rescue lab start {ID}" in told
        assert "rescue lab stop" in told
    assert document(capsys, "stop") == {"schema": 2, "stopped": True}


def test_a_broken_record_is_no_traceback_and_can_be_stopped(capsys: Said, store: Store) -> None:
    store.save(LAB)
    (store.directory / "lab.json").write_text("{")
    assert cli.main(["lab"]) == Status.FAILED
    assert "rescue lab stop" in capsys.readouterr().err
    assert cli.main(["lab", "stop"]) == 0
    assert store.load() is None


def test_a_second_lab_does_not_replace_the_first_unasked(
    capsys: Said, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescue.labs.lessons.namespace_lab.NamespaceLab.hindrance", lambda self, scenario: "")
    store.save(LAB)
    assert cli.main(["lab", "start", "sshd-disabled", "--with", "namespaces"]) == Status.USAGE
    told = capsys.readouterr().err
    assert ID in told
    assert "--yes" in told
    assert store.load() == LAB


def test_the_solution_is_shown_and_noted_without_being_applied(capsys: Said, store: Store) -> None:
    store.save(LAB)
    told = document(capsys, "solve")
    assert told["solution"] == chosen(ID).solve_script
    assert told["applied"] is False
    lab = store.load()
    assert lab is not None
    assert lab.shown


@pytest.mark.parametrize(
    "words", [("hint", "x"), ("check", "--random"), ("stop", "--with", "qemu"), ("start", "x", "--random")]
)
def test_an_option_in_the_wrong_place_is_told(capsys: Said, words: tuple[str, ...]) -> None:
    assert cli.main(["lab", *words]) == Status.USAGE
    assert capsys.readouterr().err


def test_without_the_checkout_it_says_where_to_get_it(
    capsys: Said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "RECIPES", tmp_path)
    assert cli.main(["lab", "start", ID]) == Status.FAILED
    assert "git clone" in capsys.readouterr().err


def test_a_disk_that_is_gone_is_said_with_the_way_back(capsys: Said, store: Store) -> None:
    store.save(LAB)
    assert cli.main(["lab", "check"]) == Status.FAILED
    assert "rescue lab reset" in capsys.readouterr().err


def test_chance_takes_what_was_not_passed_yet(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from rescue.labs.lessons.lab import Practice
    from rescue.verbs.lab import _drawn
    from rescue.verbs.request.session import session_of

    monkeypatch.setattr("rescue.labs.lessons.namespace_lab.NamespaceLab.hindrance", lambda self, scenario: "")
    easy = [each for each in all_scenarios() if each.difficulty is Difficulty.FIRST_STEPS]
    for each in easy[1:]:
        store.note_passed(each.id, Passed(1.0, 1.0, 0, False))
    options = ["lab", "start", "--random", "--difficulty", "first-steps", "--with", "namespaces"]
    random.seed(0)
    drawn = {_drawn(session_of(cli.parser().parse_args(options)), Practice(store)).id for _ in range(20)}
    assert drawn == {easy[0].id}

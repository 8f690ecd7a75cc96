"""The record of the lab that is going on: whole or not there, and said when it can't be read."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from rescue.labs.lessons.session import Lab, LabBusy, LabStore, Passed, Phase, RecordError

pytestmark = pytest.mark.unit

LAB = Lab("sshd-disabled", "namespaces", began=1000.0, phase=Phase.LOCKED_OUT, disk="/d", ready=1010.0, hints=2)


@pytest.fixture
def store(tmp_path: Path) -> LabStore:
    return LabStore(tmp_path / "lab")


def test_no_lab_is_going_on_at_first(store: LabStore) -> None:
    assert store.load() is None
    assert not store.at_work


def test_a_lab_is_read_as_it_was_saved(store: LabStore) -> None:
    store.save(LAB)
    assert store.load() == LAB


def test_saving_replaces_the_record_and_leaves_nothing_beside_it(store: LabStore) -> None:
    store.save(LAB)
    store.save(replace(LAB, phase=Phase.PASSED))
    assert store.load() == replace(LAB, phase=Phase.PASSED)
    assert [path.name for path in store.directory.iterdir()] == ["lab.json"]


def test_only_its_owner_may_look_in(store: LabStore) -> None:
    store.save(LAB)
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '"lab"',
        "{}",
        '{"format": 2}',
        '{"format": 1, "scenario": "x"}',
        b"\xff\xfe".decode("latin-1"),
    ],
)
def test_a_broken_record_is_told_with_the_way_out(store: LabStore, text: str) -> None:
    store.save(LAB)
    (store.directory / "lab.json").write_text(text)
    with pytest.raises(RecordError) as caught:
        store.load()
    assert "rescue lab stop" in caught.value.hint


@pytest.mark.parametrize(("name", "value"), [("phase", "lost"), ("hints", "two"), ("began", None), ("disk", 7)])
def test_a_record_with_a_wrong_value_is_a_broken_one(store: LabStore, name: str, value: object) -> None:
    store.save(LAB)
    path = store.directory / "lab.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(RecordError):
        store.load()


def test_clearing_removes_the_disks_and_what_an_interrupted_copy_left(store: LabStore) -> None:
    store.save(LAB)
    store.note_passed("nologin", Passed(1.0, 2.0, 0, False))
    for path in (store.disk, store.broken, store.directory / "server.raw.new", store.directory / "trial.raw"):
        path.write_text("disk")
    store.clear()
    assert [path.name for path in store.directory.iterdir()] == ["passed.json"]
    assert store.load() is None


def test_clearing_where_nothing_is_does_no_harm(store: LabStore) -> None:
    store.clear()
    assert not store.directory.exists()


def test_a_second_command_is_sent_away_while_one_is_at_work(store: LabStore) -> None:
    with store.held():
        assert store.at_work
        with pytest.raises(LabBusy), store.held():
            pass
    assert not store.at_work
    with store.held():
        pass


def test_what_was_passed_is_remembered(store: LabStore) -> None:
    store.note_passed("nologin", Passed(1.0, 60.0, 1, False))
    store.note_passed("sshd-disabled", Passed(2.0, 30.0, 0, True))
    assert LabStore(store.directory).passed() == {
        "nologin": Passed(1.0, 60.0, 1, False),
        "sshd-disabled": Passed(2.0, 30.0, 0, True),
    }


def test_a_pass_with_the_solution_does_not_replace_one_without(store: LabStore) -> None:
    store.note_passed("nologin", Passed(1.0, 60.0, 0, False))
    store.note_passed("nologin", Passed(2.0, 5.0, 0, True))
    assert not store.passed()["nologin"].shown
    store.note_passed("nologin", Passed(3.0, 50.0, 0, False))
    assert store.passed()["nologin"].when == 3.0


@pytest.mark.parametrize("text", ["", "[1]", '{"x": 3}', '{"x": {"when": 1}}'])
def test_a_broken_list_of_passed_ones_counts_for_nothing(store: LabStore, text: str) -> None:
    store.save(LAB)
    (store.directory / "passed.json").write_text(text)
    assert store.passed() == {}

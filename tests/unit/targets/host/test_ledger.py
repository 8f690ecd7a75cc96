"""What a killed run leaves open is noted, and closed by the next one; what a living one has open is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rescue.targets.host import ledger
from rescue.targets.host.ledger import Ledger, Process, close_what_is_left, left_behind, myself, started

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ledger, "run_directory", lambda: tmp_path)
    return tmp_path / "open"


def commands(ran: list[tuple[str, ...]]) -> Callable[..., str]:
    def run(*words: str) -> str:
        ran.append(words)
        return ""

    return run


def gone(path: Path) -> Path:
    """The list as that of a process that is no more: its number lives on, with another start."""
    lines = path.read_text().split("\n")
    lines[0] = json.dumps(["owner", os.getpid(), 1])
    path.write_text("\n".join(lines))
    return path


def test_a_process_is_known_by_its_start() -> None:
    assert myself().lives
    assert not Process(os.getpid(), started(os.getpid()) + 1).lives
    ended = subprocess.Popen([sys.executable, "-c", ""])
    was = Process(ended.pid, started(ended.pid))
    ended.wait()
    assert not was.lives


def test_what_a_living_process_has_open_is_left_alone(own_run: Path) -> None:
    kept = Ledger()
    kept.note("command", "true")
    assert left_behind() == ()
    ran: list[tuple[str, ...]] = []
    assert close_what_is_left(commands(ran)) == ()
    assert ran == []
    kept.close()
    assert list(own_run.iterdir()) == []


def test_what_is_left_is_closed_in_reverse_order(own_run: Path) -> None:
    kept = Ledger()
    kept.note("command", "vgchange", "-an", "vg0")
    kept.note("command", "cryptsetup", "close", "secret")
    gone(next(own_run.iterdir()))
    ran: list[tuple[str, ...]] = []
    assert close_what_is_left(commands(ran)) == ("cryptsetup close secret", "vgchange -an vg0")
    assert ran == [("cryptsetup", "close", "secret"), ("vgchange", "-an", "vg0")]
    assert list(own_run.iterdir()) == []


def test_a_helper_that_was_left_is_ended_and_a_later_one_with_its_number_is_not(own_run: Path) -> None:
    helper, other = (subprocess.Popen(["sleep", "600"]) for _ in range(2))
    try:
        kept = Ledger()
        kept.note("process", helper.pid, started(helper.pid))
        kept.note("process", other.pid, started(other.pid) - 1)
        gone(next(own_run.iterdir()))
        assert close_what_is_left(commands([])) == (f"ended process {helper.pid}",)
        assert helper.wait() != 0
        assert other.poll() is None
    finally:
        for each in (helper, other):
            each.kill()
            each.wait()


def test_only_folders_of_ours_are_removed(own_run: Path, tmp_path: Path) -> None:
    ours, others = tmp_path / "rescue-abc", tmp_path / "precious"
    for path in (ours, others):
        path.mkdir()
        (path / "file").touch()
    kept = Ledger()
    kept.note("directory", str(ours))
    kept.note("directory", str(others))
    gone(next(own_run.iterdir()))
    close_what_is_left(commands([]))
    assert not ours.exists()
    assert (others / "file").exists()


@pytest.mark.parametrize("line", ["", "[", "{}", "[]", "[1.5]", '["what", "is this"]', "\x00", '[["mount"]]'])
def test_a_damaged_line_is_passed_over(own_run: Path, line: str) -> None:
    kept = Ledger()
    kept.note("command", "first")
    path = gone(next(own_run.iterdir()))
    path.write_text(path.read_text() + line + "\n" + json.dumps(["command", "last"]) + "\n")
    ran: list[tuple[str, ...]] = []
    close_what_is_left(commands(ran))
    assert ran == [("last",), ("first",)]

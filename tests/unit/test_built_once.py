"""What tests need is made once and whole; what could not be made fails them."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from tests.machines.built import NotMade, called, got, once

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESCUE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_two_who_ask_at_once_get_one_that_was_made_once(cache: Path) -> None:
    made, found = [], []
    both = threading.Barrier(2, timeout=60)

    def make(building: Path) -> None:
        made.append(building)
        building.mkdir()
        (building / "last").touch()

    def ask() -> None:
        both.wait()
        found.append(once("root", "last", make))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [cache / "root"] * 2
    assert len(made) == 1
    assert sorted(path.name for path in cache.iterdir()) == ["root", "root.lock"]


def test_a_piece_of_an_older_build_is_made_anew(cache: Path) -> None:
    (cache / "root/half").mkdir(parents=True)
    (cache / "root.building/more").mkdir(parents=True)

    def make(building: Path) -> None:
        (building / "last").mkdir(parents=True)

    assert [path.name for path in once("root", "last", make).iterdir()] == ["last"]


def failing(building: Path) -> None:
    building.mkdir()
    called("sh", "-c", "echo no way out; exit 25", at=building)


def without_its_proof(building: Path) -> None:
    building.mkdir()


def test_what_can_not_be_made_leaves_nothing_and_fails_the_test(cache: Path) -> None:
    for make, why in ((failing, "sh ended with status 25:\nno way out"), (without_its_proof, "without last")):
        with pytest.raises(NotMade, match=why):
            once("root", "last", make)
        with pytest.raises(pytest.fail.Exception, match=f"root could not be got: .*{why}"):
            got("root", "last", make, "sh")
        assert [path.name for path in cache.iterdir()] == ["root.lock"]


def test_where_its_program_is_not_installed_the_test_is_skipped_with_the_name() -> None:
    assert shutil.which("no-such-program") is None
    with pytest.raises(pytest.skip.Exception, match="not installed: no-such-program"):
        got("root", "last", failing, "sh", "no-such-program")

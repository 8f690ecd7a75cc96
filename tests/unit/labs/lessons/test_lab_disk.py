"""The disk of a lab's server: room for it, its copies, and what is said where it can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescue.labs.errors import LabError
from rescue.labs.lessons.lab_disk import check_free, check_room, replace_disk
from rescue.labs.lessons.paths import lab_directory, recipes_directory

pytestmark = pytest.mark.unit


def test_without_room_it_says_how_much_is_missing_and_where_else_to_go(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="EiB") as caught:
        check_room(tmp_path, 1 << 62)
    assert "XDG_STATE_HOME" in caught.value.hint


def test_a_disk_that_is_gone_can_be_given_back(tmp_path: Path) -> None:
    with pytest.raises(LabError) as caught:
        check_free(tmp_path / "server.raw")
    assert "rescue lab reset" in caught.value.hint


def test_a_disk_that_nobody_uses_is_free(tmp_path: Path) -> None:
    disk = tmp_path / "server.raw"
    disk.write_bytes(bytes(1 << 20))
    check_free(disk)


def test_a_disk_is_replaced_as_a_whole_over_what_an_interrupted_copy_left(tmp_path: Path) -> None:
    source, disk = tmp_path / "broken.raw", tmp_path / "server.raw"
    source.write_bytes(b"broken")
    disk.write_bytes(b"changed")
    (tmp_path / "server.raw.new").write_bytes(b"half")
    replace_disk(source, disk)
    assert disk.read_bytes() == source.read_bytes() == b"broken"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.raw", "server.raw"]


def test_the_recipes_lie_in_the_checkout() -> None:
    assert (recipes_directory() / "debian12.toml").is_file()


def test_the_lab_is_kept_where_state_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert lab_directory() == tmp_path / "rescue" / "lab"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/alice")
    assert lab_directory() == Path("/home/alice/.local/state/rescue/lab")

"""Boxes: which can be built, what their name says of their content, what is told when one can't be built."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rescue.labs.images.recipe import load_recipe
from rescue.labs.vagrant import box
from rescue.labs.vagrant.box import BoxError, boxes, ensure_box, find_box, last_lines, libraries
from rescue.targets.host.cache import cache_directory
from tests.conftest import RECIPES

pytestmark = pytest.mark.unit


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the recipes that may be changed, and a cache of its own with a key in it."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "lab_key.pub").write_text("ssh-ed25519 AAAA lab\n")
    monkeypatch.setenv("RESCUE_CACHE", str(cache))
    shutil.copytree(RECIPES, tmp_path / "images")
    shutil.copy(RECIPES.parent / "pyproject.toml", tmp_path)
    return tmp_path / "images"


def built(recipes: Path, name: str) -> Path:
    """What ensure_box() would leave in the cache."""
    made = box._box(recipes, name).file
    made.write_bytes(b"")
    return made


def test_there_is_a_box_of_the_server_and_one_of_the_rescue_system() -> None:
    assert {"debian12", "rescue"} <= set(boxes(RECIPES))


def test_a_box_has_the_boot_loader_the_agent_and_rsync() -> None:
    for name in boxes(RECIPES):
        assert {"grub-pc-bin", "qemu-guest-agent", "rsync"} <= set(load_recipe(RECIPES, f"box-{name}").packages)


def test_the_server_and_the_rescue_system_never_have_one_file_system_uuid() -> None:
    uuids = [load_recipe(RECIPES, f"box-{name}").uuid for name in boxes(RECIPES)]
    assert len(set(uuids)) == len(uuids)


def test_a_box_is_found_until_something_that_goes_into_it_changes(recipes: Path) -> None:
    file = built(recipes, "debian12")
    found = find_box(recipes, "debian12")
    assert found is not None
    assert found.file == file
    assert found.known_as == file.stem
    hook = recipes / "boxes" / "customize"
    hook.write_text(hook.read_text() + "# changed\n")
    assert find_box(recipes, "debian12") is None


def test_only_the_rescue_system_s_box_depends_on_what_rescue_imports(recipes: Path) -> None:
    built(recipes, "debian12")
    built(recipes, "rescue")
    project = recipes.parent / "pyproject.toml"
    project.write_text(project.read_text().replace('"rich>=13",', '"rich>=13.1",'))
    assert "rich>=13.1" in libraries(recipes)
    assert find_box(recipes, "debian12") is not None
    assert find_box(recipes, "rescue") is None


def test_a_half_built_box_is_never_used(recipes: Path) -> None:
    half = cache_directory() / "box-debian12.x1.building"
    half.mkdir()
    (half / "packed.box").write_bytes(b"half")
    assert find_box(recipes, "debian12") is None


def test_a_box_that_nobody_knows_is_an_error_that_names_those_there_are(recipes: Path) -> None:
    with pytest.raises(BoxError) as raised:
        ensure_box(recipes, "beos")
    assert "'beos'" in str(raised.value)
    assert "debian12, rescue" in raised.value.hint


def test_a_serial_line_s_last_words_can_not_command_a_terminal(tmp_path: Path) -> None:
    log = tmp_path / "serial.log"
    log.write_bytes(b"first\r\n\n\x1b[31mKernel panic\r\n")
    assert last_lines(log) == ["first", "?[31mKernel panic"]
    assert last_lines(log, 1) == ["?[31mKernel panic"]
    assert last_lines(tmp_path / "none") == ["(there is no log)"]

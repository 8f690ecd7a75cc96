"""Recipes of the lab's servers."""

from pathlib import Path

import pytest

from rescue.labs.recipe import HOOKS, RecipeError, load_recipe, recipes

pytestmark = pytest.mark.unit

IMAGES = Path(__file__).resolve().parents[3] / "images"
KEY = "ssh-ed25519 AAAA lab"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for hook in HOOKS:
        (tmp_path / hook).write_text("#!/bin/sh\n")
    (tmp_path / "plain.toml").write_text('suite = "bookworm"\nsize = "2G"\npackages = ["openssh-server", "ufw"]\n')
    return tmp_path


def test_the_projects_own_recipes_can_be_read() -> None:
    for name in recipes(IMAGES):
        recipe = load_recipe(IMAGES, name)
        assert "openssh-server" in recipe.packages
        assert len(set(recipe.packages)) == len(recipe.packages)


def test_a_recipe_may_say_how_it_differs_from_another(directory: Path) -> None:
    (directory / "other.toml").write_text('base = "plain"\nadd = ["nftables"]\nremove = ["ufw"]\n')
    other, plain = load_recipe(directory, "other"), load_recipe(directory, "plain")
    assert other.packages == ("openssh-server", "nftables")
    assert (other.suite, other.size) == (plain.suite, plain.size)
    assert other.uuid != plain.uuid
    assert other.machine_id != plain.machine_id


def test_the_key_changes_with_everything_that_changes_the_image(directory: Path) -> None:
    recipe = load_recipe(directory, "plain")
    keys = {recipe.key(KEY), recipe.key(KEY + "2")}
    (directory / "customize").write_text("#!/bin/sh\necho more\n")
    keys.add(recipe.key(KEY))
    (directory / "plain.toml").write_text('suite = "trixie"\nsize = "2G"\npackages = ["openssh-server", "ufw"]\n')
    keys.add(load_recipe(directory, "plain").key(KEY))
    assert len(keys) == 4


def test_the_key_stays_where_nothing_changes(directory: Path) -> None:
    assert load_recipe(directory, "plain").key(KEY) == load_recipe(directory, "plain").key(KEY)


def test_a_recipe_that_is_not_there_names_those_that_are(directory: Path) -> None:
    with pytest.raises(RecipeError, match="there are: plain"):
        load_recipe(directory, "nosuch")


@pytest.mark.parametrize("text", ['suite = "bookworm"\n', "suite = \n", 'base = "nosuch"\n'])
def test_a_recipe_that_says_too_little_or_nonsense_is_refused(directory: Path, text: str) -> None:
    (directory / "bad.toml").write_text(text)
    with pytest.raises(RecipeError):
        load_recipe(directory, "bad")

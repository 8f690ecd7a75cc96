"""Recipes of the lab's servers."""

from pathlib import Path

import pytest

from rescue.labs.images.recipe import HOOKS, RecipeError, UnknownRecipe, load_recipe, parse_size, recipes

pytestmark = pytest.mark.unit

IMAGES = Path(__file__).resolve().parents[4] / "images"
KEY = "ssh-ed25519 AAAA lab"

PLAIN = 'purpose = "a server"\nsuite = "bookworm"\nsize = "2G"\npackages = ["openssh-server", "ufw"]\n'
OTHER = 'purpose = "another"\nbase = "plain"\n'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for hook in HOOKS:
        (tmp_path / hook).write_text("#!/bin/sh\n")
    (tmp_path / "plain.toml").write_text(PLAIN)
    return tmp_path


def write(directory: Path, text: str) -> str:
    """The key of the recipe "other" with this text."""
    (directory / "other.toml").write_text(text)
    return load_recipe(directory, "other").key(KEY)


def test_the_projects_own_recipes_can_be_read() -> None:
    for name in recipes(IMAGES):
        recipe = load_recipe(IMAGES, name)
        assert "openssh-server" in recipe.packages
        assert len(set(recipe.packages)) == len(recipe.packages)
        assert recipe.purpose


def test_no_two_of_them_have_one_purpose_or_one_disk() -> None:
    all_of_them = [load_recipe(IMAGES, name) for name in recipes(IMAGES)]
    for what in ("name", "uuid", "machine_id"):
        assert len({getattr(each, what) for each in all_of_them}) == len(all_of_them)
    assert len({(each.suite, each.purpose) for each in all_of_them}) == len(all_of_them)


def test_a_recipe_may_say_how_it_differs_from_another(directory: Path) -> None:
    write(directory, OTHER + 'add = ["nftables"]\nremove = ["ufw"]\n')
    other, plain = load_recipe(directory, "other"), load_recipe(directory, "plain")
    assert other.packages == ("openssh-server", "nftables")
    assert (other.suite, other.size, other.layout, other.hostname) == ("bookworm", "2G", plain.layout, "server")
    assert other.base == plain
    assert other.uuid != plain.uuid
    assert other.machine_id != plain.machine_id


def test_the_key_changes_with_everything_that_changes_the_image(directory: Path) -> None:
    variants = (
        'add = ["nftables"]',
        'remove = ["ufw"]',
        'size = "1536M"',
        'layout = "xfs"',
        'hostname = "rescue"',
        'enable = ["ssh.socket"]',
        'disable = ["ssh.socket"]',
        '[files]\n"/etc/motd" = "hello"',
        '[files]\n"/etc/motd" = "good bye"',
    )
    keys = {write(directory, OTHER), *(write(directory, f"{OTHER}{each}\n") for each in variants)}
    keys.add(load_recipe(directory, "other").key(KEY + "2"))
    (directory / "customize").write_text("#!/bin/sh\necho more\n")
    keys.add(load_recipe(directory, "other").key(KEY))
    (directory / "plain.toml").write_text(PLAIN.replace("bookworm", "trixie"))
    keys.add(load_recipe(directory, "other").key(KEY))
    assert len(keys) == len(variants) + 4


def test_the_key_stays_where_nothing_changes_what_is_built(directory: Path) -> None:
    before = write(directory, OTHER)
    assert write(directory, "# a remark\n" + OTHER.replace("another", "in other words")) == before


def test_a_recipe_that_is_not_there_names_those_that_are(directory: Path) -> None:
    with pytest.raises(UnknownRecipe, match="no recipe 'nosuch'") as caught:
        load_recipe(directory, "nosuch")
    assert caught.value.hint == "There are: plain."


def test_a_misspelt_recipe_is_guessed(directory: Path) -> None:
    with pytest.raises(UnknownRecipe) as caught:
        load_recipe(directory, "pliain")
    assert caught.value.hint.startswith("Did you mean plain?")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("suite = \n", "Invalid value"),
        ('suite = "bookworm"\n', "'packages' is missing|'purpose' is missing|is missing"),
        (PLAIN.replace('purpose = "a server"\n', ""), "'purpose' is missing"),
        (PLAIN.replace("packages", "pakages"), "'pakages' is unknown here; did you mean 'packages'"),
        (PLAIN.replace('"2G"', '"2T"'), "'size' can't be '2T'"),
        (PLAIN.replace('"2G"', "2"), "'size' has to be a text"),
        (PLAIN.replace('"ufw"', '"ufw; reboot"'), "'packages' can't hold 'ufw; reboot'"),
        (PLAIN.replace('"ufw"', "3"), "'packages' has to be a list of texts"),
        (PLAIN.replace('"ufw"', '"openssh-server"'), "names openssh-server twice"),
        (PLAIN.replace('"bookworm"', '"--help"'), "'suite' can't be"),
        (PLAIN + 'layout = "zfs"\n', "no layout 'zfs': ext4, btrfs, xfs, lvm"),
        (PLAIN + 'hostname = "a b"\n', "'hostname' can't be"),
        (PLAIN + 'enable = ["ssh"]\n', "'enable' can't hold 'ssh'"),
        (PLAIN + 'files = "x"\n', "'files' has to be a table"),
        (PLAIN + '[files]\n"/../etc/passwd" = "x"\n', "without '..'"),
        (PLAIN + '[files]\n"etc/passwd" = "x"\n', "absolute path"),
        (PLAIN + '[files]\n"/etc/passwd" = 3\n', "has to be a text"),
        (OTHER.replace("plain", "nosuch"), "no recipe 'nosuch'"),
        (OTHER.replace("plain", "bad"), "its own base: bad -> bad"),
        (OTHER + 'remove = ["telnetd"]\n', "telnetd: can't be removed, plain does not ask for it"),
        (OTHER + 'suite = "trixie"\n', "'suite' is unknown here"),
    ],
)
def test_a_broken_recipe_is_refused_with_its_reason(directory: Path, text: str, said: str) -> None:
    (directory / "bad.toml").write_text(text)
    with pytest.raises(RecipeError, match=said) as caught:
        load_recipe(directory, "bad")
    assert caught.value.hint


def test_bytes_that_are_no_text_are_refused(directory: Path) -> None:
    (directory / "bad.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match=r"bad\.toml"):
        load_recipe(directory, "bad")


def test_sizes_are_read_as_mke2fs_reads_them() -> None:
    assert (parse_size("1536M"), parse_size("2G")) == (1536 << 20, 2 << 30)

"""One line changes, and every other byte stays."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.model import Location
from rescue.sshd import edit
from rescue.sshd.language.syntax import parse
from rescue.tree import Tree, file, symlink
from tests.unit.sshd.configs import MAIN, reading, tree_of

pytestmark = pytest.mark.unit

PATH = PurePosixPath(MAIN)


def at(text: str, number: int) -> Location:
    return Location(PATH, number, parse(text, (9, 2))[number - 1].text)


def after(tree: Tree) -> str:
    text = tree.text(MAIN)
    assert text is not None
    return text


def test_a_line_is_commented_out_with_its_indentation_and_line_end() -> None:
    text = "Port 22\r\n\tFoo bar \r\nUsePAM yes"
    assert after(edit.comment_out(tree_of(text), at(text, 2))) == "Port 22\r\n\t#Foo bar \r\nUsePAM yes"


def test_a_value_is_replaced_and_its_comment_stays() -> None:
    text = 'PermitRootLogin\t= "no"  # policy\n'
    assert after(edit.set_value(tree_of(text), at(text, 1), "yes")) == "PermitRootLogin\t= yes  # policy\n"


def test_words_are_added_before_a_comment() -> None:
    text = "AllowUsers bob 'c d' # team\r\n"
    assert after(edit.add_words(tree_of(text), at(text, 1), ("alice",))) == "AllowUsers bob 'c d' alice # team\r\n"


def test_a_word_with_a_blank_is_quoted() -> None:
    text = "AllowGroups wheel"
    assert after(edit.add_words(tree_of(text), at(text, 1), ("domain users",))) == 'AllowGroups wheel "domain users"'


def test_a_second_name_is_added_to_a_line_that_was_lengthened() -> None:
    text = "AllowUsers bob\n"
    once = edit.add_words(tree_of(text), at(text, 1), ("alice",))
    assert after(edit.add_words(once, at(text, 1), ("carol",))) == "AllowUsers bob alice carol\n"


@pytest.mark.parametrize(
    ("word", "left"),
    [("a", "DenyUsers b c # x\n"), ("b", "DenyUsers a c # x\n"), ("c", "DenyUsers a b # x\n")],
)
def test_one_word_is_taken_out(word: str, left: str) -> None:
    text = "DenyUsers a b c # x\n"
    assert after(edit.remove_word(tree_of(text), at(text, 1), word)) == left


def test_the_only_word_takes_its_line_with_it() -> None:
    text = "Port 22\nDenyUsers alice\n"
    assert after(edit.remove_word(tree_of(text), at(text, 2), "alice")) == "Port 22\n#DenyUsers alice\n"


def test_a_word_is_corrected_in_place() -> None:
    text = "  PermitRootLogn no # x\n"
    location = at(text, 1)
    assert after(edit.replace_word(tree_of(text), location, "permitrootlogn", "PermitRootLogin")) == (
        "  PermitRootLogin no # x\n"
    )


def test_a_line_is_moved_before_the_first_block_and_its_comment() -> None:
    text = "UsePAM yes\n\n# for bob\nMatch User bob\n  X11Forwarding no\nPort 2222\n"
    moved = edit.move_to_global(tree_of(text), at(text, 6))
    assert after(moved) == "UsePAM yes\n\nPort 2222\n# for bob\nMatch User bob\n  X11Forwarding no\n"


def test_a_line_that_no_block_precedes_has_no_better_place() -> None:
    with pytest.raises(ValueError, match="before every Match"):
        edit.move_to_global(tree_of("Port 22\n"), at("Port 22\n", 1))


def test_a_whole_block_is_commented_out_and_the_next_one_stays() -> None:
    text = "Match Usr bob\n  X11Forwarding no\n# note\n\nMatch all\nPort 23\n"
    assert after(edit.comment_out_block(tree_of(text), at(text, 1))) == (
        "#Match Usr bob\n  #X11Forwarding no\n# note\n\nMatch all\nPort 23\n"
    )


def test_a_global_line_goes_to_its_commented_sample() -> None:
    text = "#Port 22\n#AddressFamily any\nMatch all\n"
    assert after(edit.insert_global(tree_of(text), PATH, "Port 22", "Port 23")) == (
        "#Port 22\nPort 22\nPort 23\n#AddressFamily any\nMatch all\n"
    )


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", "Port 23\n"),
        ("UsePAM yes\n", "UsePAM yes\nPort 23\n"),
        ("UsePAM yes", "UsePAM yes\nPort 23\n"),
        ("UsePAM yes\r\n", "UsePAM yes\r\nPort 23\r\n"),
        ("UsePAM yes\nMatch all\n", "UsePAM yes\nPort 23\nMatch all\n"),
        ("MATCH all", "Port 23\nMATCH all"),
    ],
)
def test_a_global_line_never_lands_in_a_block(text: str, result: str) -> None:
    tree = edit.insert_global(tree_of(text), PATH, "Port 23")
    assert after(tree) == result
    assert [line.words for line in reading(after(tree)).globals("Port")] == [("23",)]


def test_a_line_that_moved_is_found_by_its_text() -> None:
    text = "Foo bar\nPort 22\nPort 22\n"
    location = at(text, 3)
    shifted = edit.comment_out(tree_of("# new\n# new\n" + text), location)
    assert after(shifted) == "# new\n# new\nFoo bar\n#Port 22\nPort 22\n"


def test_a_line_that_is_gone_is_an_error() -> None:
    with pytest.raises(ValueError, match="not there"):
        edit.comment_out(tree_of("Port 22\n"), Location(PATH, 1, "Port 23"))


def test_a_byte_order_mark_is_removed() -> None:
    assert after(edit.remove_mark(tree_of("\ufeffPort 22\n"), PATH)) == "Port 22\n"


def test_owner_and_mode_and_other_bytes_stay() -> None:
    tree = Tree.of({MAIN: file(b"# caf\xe9\nPort 22\n", 0o600, 5, 6)})
    changed = edit.comment_out(tree, Location(PATH, 2, "Port 22")).entry(MAIN)
    assert changed is not None
    assert (changed.data, changed.mode, changed.uid, changed.gid) == (b"# caf\xe9\n#Port 22\n", 0o600, 5, 6)


LINES = ["Port 22", "# x", "", "AllowUsers a b", "Match User x", "  UsePAM yes\r"]


@given(lines=st.lists(st.sampled_from(LINES), max_size=6))
def test_inserting_a_global_line_keeps_every_other_line(lines: list[str]) -> None:
    text = "\n".join(lines)
    changed = after(edit.insert_global(tree_of(text), PATH, "Port 99")).split("\n")
    inserted = next(index for index, line in enumerate(changed) if line.rstrip("\r") == "Port 99")
    del changed[inserted]
    assert [line.rstrip("\r") for line in changed if line] == [line.rstrip("\r") for line in lines if line]


def test_a_link_into_the_systems_own_files_becomes_a_file() -> None:
    """The packages' file stays: the next upgrade would take the change away, or ask about it."""
    tree = tree_of("").with_entries({MAIN: symlink("/usr/share/x"), "/usr/share/x": file("A b\nC d\n", 0o600, 5, 6)})
    after = edit.set_value(tree, Location(PATH, 2, "C d"), "e")
    assert after.text("/usr/share/x") == "A b\nC d\n"
    made = after.lentry(MAIN)
    assert made is not None
    assert (made.data, made.mode, made.uid, made.gid) == (b"A b\nC e\n", 0o600, 5, 6)


def test_a_link_elsewhere_is_followed() -> None:
    tree = tree_of("").with_entries({MAIN: symlink("/etc/mine"), "/etc/mine": file("C d\n")})
    after = edit.set_value(tree, Location(PATH, 1, "C d"), "e")
    assert after.text("/etc/mine") == "C e\n"
    assert after.lentry(MAIN) == symlink("/etc/mine")


def test_a_folder_that_leads_there_is_not_written_to() -> None:
    folder = str(PATH.parent)
    tree = Tree.of({folder: symlink("/usr/share/ssh"), f"/usr/share/ssh/{PATH.name}": file("C d\n")})
    with pytest.raises(ValueError, match="for packages"):
        edit.set_value(tree, Location(PATH, 1, "C d"), "e")

"""A line is changed only where it still says what was seen."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from rescue.model import Location
from rescue.text.line_edit import commented, with_line
from rescue.tree import Tree

pytestmark = pytest.mark.unit

PATH = "/etc/x"
TREE = Tree.of({PATH: "one\n  two   words\nthree\n"})


def test_a_line_is_commented_out_and_blanks_do_not_count() -> None:
    place = Location(PurePosixPath(PATH), 2, "two words")
    assert commented(TREE, place).text(PATH) == "one\n#  two   words\nthree\n"
    assert with_line(TREE, place, "2").text(PATH) == "one\n2\nthree\n"


@pytest.mark.parametrize(("number", "text"), [(1, "two words"), (0, "one"), (9, "one"), (3, "four")])
def test_a_line_that_is_another_now_is_left_alone(number: int, text: str) -> None:
    with pytest.raises(ValueError, match="the line is gone"):
        commented(TREE, Location(PurePosixPath(PATH), number, text))

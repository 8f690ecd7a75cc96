import pytest

from rescue.formats.append_line import ended, with_last_line
from rescue.tree import Tree

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("text", "expected"), [("", ""), ("a", "a\n"), ("a\n", "a\n"), ("a\n\n", "a\n\n")])
def test_ended(text: str, expected: str) -> None:
    assert ended(text) == expected


def test_a_line_is_added_behind_one_that_lacks_its_newline() -> None:
    assert with_last_line(Tree.of({"/list": "alice"}), "/list", "bob").text("/list") == "alice\nbob\n"
    with pytest.raises(ValueError, match="/list is not there"):
        with_last_line(Tree.of({}), "/list", "bob")

"""A fact is computed once, and so is the answer that the snapshot is too small."""

from __future__ import annotations

import pytest

from rescue.cached_fact import fact
from rescue.tree import NotCaptured, Tree

pytestmark = pytest.mark.unit


class Pages:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.asked = 0

    @fact
    def text(self) -> str | None:
        """The text of one file."""
        self.asked += 1
        return self.tree.text("/page")


def test_a_value_is_computed_once() -> None:
    pages = Pages(Tree.of({"/page": "one"}))
    assert [pages.text, pages.text, pages.asked] == ["one", "one", 1]


def test_a_snapshot_that_is_too_small_is_asked_once() -> None:
    pages = Pages(Tree({}))
    for _ in range(2):
        with pytest.raises(NotCaptured) as found:
            _ = pages.text
        assert [read.path for read in found.value.reads] == ["/page"]
    assert pages.asked == 1


def test_other_objects_have_their_own() -> None:
    with pytest.raises(NotCaptured):
        _ = Pages(Tree({})).text
    assert Pages(Tree.of({"/page": "two"})).text == "two"

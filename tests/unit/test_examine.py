"""Every check is asked before the snapshot is called too small: one enlargement serves them all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rescue.checks import Check
from rescue.examine import examine
from rescue.facts import Facts
from rescue.model import Client, Finding, Step
from rescue.tree import NotCaptured, Tree

pytestmark = pytest.mark.unit


def wanting(*paths: str) -> Check:
    def find(facts: Facts) -> Iterator[Finding]:
        for path in paths:
            facts.tree.text(path)
        yield from ()

    return Check("wanting", Step.DISK, (), find, "It wants files.")


def test_what_all_checks_miss_is_asked_for_at_once() -> None:
    with pytest.raises(NotCaptured) as found:
        examine(Tree({}), Client(), [wanting("/a", "/b"), wanting("/c"), wanting("/a")])
    assert sorted(read.path for read in found.value.reads) == ["/a", "/c"]


def test_nothing_is_asked_for_where_nothing_is_missing() -> None:
    examination = examine(Tree.of({"/a": "", "/c": ""}), Client(), [wanting("/a"), wanting("/c")])
    assert examination.findings == ()

"""Every manual fits a console of 80 columns, and is found under its name."""

from __future__ import annotations

from io import StringIO

import pytest

from rescue.labs.lessons.by_hand import by_hand
from rescue.ui.report import Report, console
from rescue.verbs.explain import manual, manuals

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", sorted(manuals()))
def test_a_manual_fits_the_console(name: str) -> None:
    out = StringIO()
    manual(Report(console(out)), f"{manuals()[name]}\n\n{by_hand(name)}")
    shown = out.getvalue()
    assert shown.isascii()
    assert [line for line in shown.split("\n") if len(line) > 80 or line != line.rstrip()] == []


def test_lists_and_blocks_keep_their_lines_and_paragraphs_are_wrapped() -> None:
    out = StringIO()
    manual(Report(console(out)), "one two\nthree\n\n    a    b\n    c    d\n\n- x\n- y\n")
    assert out.getvalue() == "one two three\n\n    a    b\n    c    d\n\n- x\n- y\n\n"

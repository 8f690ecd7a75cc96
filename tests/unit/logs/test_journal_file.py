"""Journal files: the newest entry of a message, and files of a stranger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.logs.journal_file import JournalFile
from tests.journals import journal

pytestmark = pytest.mark.unit

OLD, NEW = b"a" * 16, b"b" * 16


@pytest.mark.parametrize("compact", [True, False])
def test_the_newest_entry_of_a_message_counts(compact: bool) -> None:
    said = [("up", OLD), ("down", OLD), ("up", OLD), ("up", NEW), ("the end", NEW)]
    read = JournalFile(journal(said, compact=compact))
    assert read.last_boot == NEW
    assert {(each.text, each.boot) for each in read.messages(rb"up|down", 10)} == {("up", NEW), ("down", OLD)}
    assert {each.text: each.realtime for each in read.messages(rb"up", 10)} == {"up": 1_700_000_000_000_000 + 3_000_000}


def test_no_more_than_asked_for() -> None:
    assert len(list(JournalFile(journal([("a1", OLD), ("a2", OLD)])).messages(rb"a", 1))) == 1


@pytest.mark.parametrize("data", [b"", b"LPKSHHRH", b"x" * 300])
def test_what_is_no_journal_is_said(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a journal"):
        JournalFile(data)


@given(st.data())
def test_a_damaged_one_is_read_without_an_error(data: st.DataObject) -> None:
    made = bytearray(journal([("up", OLD), ("up", NEW), ("down", OLD)], compact=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 20))):
        made[data.draw(st.integers(8, len(made) - 1))] = data.draw(st.sampled_from([0, 1, 6, 8, 16, 255]))
    cut = data.draw(st.integers(208, len(made)))
    list(JournalFile(bytes(made[:cut])).messages(rb"\w+", 100))

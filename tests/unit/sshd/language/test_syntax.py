from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescue.sshd.language.syntax import UnbalancedQuotes, next_word, parse, simple_words, split_arguments

pytestmark = pytest.mark.unit

NEW, OLD = (9, 2), (8, 4)


@given(text=st.text())
def test_the_lines_of_any_text_give_the_text_back(text: str) -> None:
    assert "\n".join(line.raw for line in parse(text, NEW)) == text
    assert "\n".join(line.raw for line in parse(text, OLD)) == text


def test_one_equals_sign_separates_like_a_blank() -> None:
    for text in ("Port 22", "Port=22", "Port = 22", "Port\t22", '"Port" 22', "=Port 22", "  Port 22\r"):
        line = parse(text, NEW)[0]
        assert (line.keyword, line.rest) == ("Port", "22"), text


def test_comments_and_blank_lines_say_nothing() -> None:
    assert [line.keyword for line in parse("# a\n\n   \n\t#b\n\r\n", NEW)] == [""] * 6


def test_a_keyword_with_an_open_quote_is_ignored() -> None:
    assert parse('"Port 22', NEW)[0].keyword == ""


def test_a_nul_byte_joins_the_next_line() -> None:
    lines = parse("Po\0junk\nrt 22\nUsePAM yes", NEW)
    assert [(line.number, line.keyword) for line in lines] == [(1, ""), (2, "Port"), (3, "UsePAM")]


def test_a_nul_byte_on_the_last_line_only_cuts_it() -> None:
    assert [(line.keyword, line.rest) for line in parse("Port\x0022", NEW)] == [("Port", None)]


def test_old_versions_cut_at_any_number_sign() -> None:
    assert parse("Banner /a#b", OLD)[0].rest == "/a"
    assert parse("Banner /a#b", NEW)[0].rest == "/a#b"


def test_new_arguments_know_both_quotes_and_escapes() -> None:
    assert split_arguments("a 'b c' \"d e\" f\\ g h#i # rest") == ("a", "b c", "d e", "f g", "h#i")
    assert split_arguments('"a\\"b" \\x') == ('a"b', "\\x")
    assert split_arguments("''") == ("",)


def test_an_open_quote_in_the_arguments_is_an_error() -> None:
    with pytest.raises(UnbalancedQuotes):
        split_arguments("a 'b")


def test_old_words_end_silently_at_an_open_quote() -> None:
    assert simple_words('alice "bob') == ("alice",)
    assert simple_words('a "b c" d') == ("a", "b c", "d")


@given(text=st.text(alphabet=" \t=\"'#\\ab\r", max_size=12))
def test_words_are_found_in_any_text(text: str) -> None:
    word, rest = next_word(text)
    assert word is not None or rest is None
    simple_words(text)

"""Nothing that came from a disk drives the terminal."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rescue.text.numbers import plural, size
from rescue.text.safe import cut, safe

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "text, shown",
    [
        ("Port 22", "Port 22"),
        ("Größe 日本 é", "Größe 日本 é"),
        ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb\r", "a\\nb\\r"),
        ("a\x00b\x7f", "a\\x00b\\x7f"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("a\u2066b\u200bc\ufeff", "a\\u2066b\\u200bc\\ufeff"),
        ("a\u2028b\u0085", "a\\u2028b\\x85"),
        ("\udcff\udc80", "\\xff\\x80"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("root\u3164", "root\\u3164"),
        ("a\tb", "a       b"),
    ],
)
def test_what_draws_nothing_by_itself_is_made_visible(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_a_letter_does_not_carry_a_tower_of_marks() -> None:
    assert safe("a" + "\u0301" * 4) == "a" + "\u0301" * 4
    assert safe("a" + "\u0301" * 6) == "a" + "\u0301" * 4 + "\\u0301" * 2


@given(st.text(st.characters(exclude_categories=())))
@example("\t\n\t")
@example("a\u0301\u0301\u0301\u0301\u0301\u0301")
def test_the_result_is_one_printable_line_that_stays_as_it_is(text: str) -> None:
    shown = safe(text)
    assert {unicodedata.category(each) for each in shown}.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    assert safe(shown) == shown
    shown.encode()


@given(st.binary())
def test_any_bytes_of_a_disk_can_be_printed(raw: bytes) -> None:
    safe(raw.decode("utf-8", "surrogateescape")).encode()


@pytest.mark.parametrize(
    "count, shown",
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1048575, "1 MiB"),
        (314572800, "300 MiB"),
        (1288490189, "1.2 GiB"),
        (1 << 40, "1 TiB"),
        (1 << 63, "8 EiB"),
        (1 << 80, "1048576 EiB"),
        (-1536, "-1.5 KiB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_fits(count: int, shown: str) -> None:
    assert size(count) == shown


def test_one_is_not_many() -> None:
    assert [plural(0, "file"), plural(1, "file"), plural(2, "file")] == ["0 files", "1 file", "2 files"]
    assert plural(2, "directory", "directories") == "2 directories"


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abc..."

"""What programs need, read from headers that may say anything."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rescue.formats.elf import ElfError, read_elf
from tests.programs import elf

pytestmark = pytest.mark.unit


def test_libraries_and_interpreter() -> None:
    found = read_elf(elf("liba.so.1", "libb.so.2", interpreter="/lib/ld.so"))
    assert (found.needed, found.interpreter, found.machine) == (("liba.so.1", "libb.so.2"), "/lib/ld.so", 62)


def test_names_and_versions() -> None:
    found = read_elf(elf("libc.so.6", name="liba.so.1", versions=("A_1", "A_2"), wants={"libc.so.6": ("G_1", "G_2")}))
    assert (found.name, found.versions) == ("liba.so.1", ("A_1", "A_2"))
    assert found.wants == (("libc.so.6", "G_1"), ("libc.so.6", "G_2"))


@example(39, 128, 58)
@given(st.integers(0, 700), st.integers(0, 255), st.integers(0, 800))
def test_a_damaged_file_is_read_or_refused(at: int, value: int, end: int) -> None:
    wants = {"liba.so.1": ("A_1", "A_2")}
    data = bytearray(elf("liba.so.1", "libb.so.2", interpreter="/lib/ld.so", versions=("X_1", "X_2"), wants=wants))
    data[at % len(data)] = value
    with suppress(ElfError):
        assert len(read_elf(bytes(data[:end])).needed) <= end


@given(st.binary(max_size=300))
def test_junk_is_no_program(data: bytes) -> None:
    with suppress(ElfError):
        assert read_elf(b"\x7fELF" + data).bits in (32, 64)

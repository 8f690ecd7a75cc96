"""Shortening keeps the end of a file, on any file system, and cuts at a line's start where it may choose."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rescue.targets.files import collapse_head
from rescue.targets.files.collapse_head import shorten_file

pytestmark = pytest.mark.unit


def shortened(path: Path, data: bytes, keep: int) -> bytes:
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDWR)
    try:
        shorten_file(descriptor, keep)
    finally:
        os.close(descriptor)
    return path.read_bytes()


@pytest.fixture
def without_fallocate(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that has neither way of giving back a part of a file."""

    def refuse(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(collapse_head, "fallocate", refuse)


@given(lines=st.lists(st.binary(max_size=30), max_size=60), repeat=st.integers(1, 400), keep=st.integers(0, 40_000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_end_is_kept(tmp_path: Path, lines: list[bytes], repeat: int, keep: int) -> None:
    data = b"\n".join(lines) * repeat
    left = shortened(tmp_path / "log", data, keep)
    assert data.endswith(left)
    assert min(keep, len(data)) <= len(left) < keep + 8192


@pytest.mark.usefixtures("without_fallocate")
def test_without_help_it_is_cut_at_a_lines_start(tmp_path: Path) -> None:
    data = b"".join(b"line %d\n" % number for number in range(1_000))
    left = shortened(tmp_path / "log", data, 100)
    assert data.endswith(b"\n" + left)
    assert 100 <= len(left) < 110


@pytest.mark.usefixtures("without_fallocate")
def test_a_line_without_end_is_cut_where_asked(tmp_path: Path) -> None:
    assert shortened(tmp_path / "log", b"x" * 100_000, 1_000) == b"x" * 1_000


@pytest.mark.usefixtures("without_fallocate")
def test_more_than_half_is_moved_over_itself(tmp_path: Path) -> None:
    data = bytes(range(256)).replace(b"\n", b" ") * 16_384
    assert shortened(tmp_path / "log", data, len(data) - 5_000) == data[5_000:]

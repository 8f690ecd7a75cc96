"""--console FILE: the text, however the person's computer saved it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescue.errors import UsageError
from rescue.verbs.request.client import ClientOptions, client_of

pytestmark = pytest.mark.unit

TEXT = "Linux version 6.1.0\r\nKernel panic - not syncing: VFS: caf\u00e9\r\n"


@pytest.mark.parametrize("kind", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_text_of_any_encoding(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "console.txt"
    path.write_bytes(TEXT.encode(kind))
    assert "Kernel panic - not syncing: VFS: caf\u00e9" in client_of(ClientOptions(console=str(path))).console


@pytest.mark.parametrize("data", [b"\0\xff" * 5000, bytes(range(256)) * 50, b"\xff\xfe\xff"])
def test_bytes_that_are_no_text_are_no_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "console.bin"
    path.write_bytes(data)
    assert client_of(ClientOptions(console=str(path))).console


def test_an_empty_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "console.txt"
    path.write_bytes(b" \n")
    with pytest.raises(UsageError, match="is empty"):
        client_of(ClientOptions(console=str(path)))

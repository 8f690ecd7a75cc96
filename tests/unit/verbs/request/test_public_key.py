"""Key files of this machine: what is taken, and what a person is told of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescue.errors import UsageError
from rescue.verbs.request.public_key import comment_of, key_to_add, read_public_key
from tests.trees import HOST_KEY, KEY

pytestmark = pytest.mark.unit

PPK = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 2\nAAAA\nPrivate-Lines: 1\nAAAA\n"


def file(folder: Path, content: str | bytes) -> str:
    path = folder / "id.pub"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize("text", [KEY, f"{KEY} me@laptop\n", f"\n# mine\n{KEY} me@laptop\r\n", f"\ufeff{KEY}\n"])
def test_a_public_key_is_read_with_its_fingerprint(tmp_path: Path, text: str) -> None:
    key = key_to_add(file(tmp_path, text))
    assert key.public == KEY
    assert key.fingerprint == "SHA256:3NlRZOYLFK1UoohHD1LIjLdZF0okBJmrPkHfZ8M3SUM"


@pytest.mark.parametrize(
    "content, told",
    [
        (HOST_KEY, "private key"),
        (PPK, "private key"),
        ("", "no public key"),
        (b"\x7fELF\0\xff\x1b[2J", "no public key"),
        (KEY[:-9], "no public key"),
        (KEY.replace("ssh-ed25519", "SSH-ED25519"), "small letters"),
        (f'from="192.0.2.1" {KEY}', "options"),
        (f"{KEY}\n{KEY} other\n", "2 lines"),
        (f"{KEY}\njunk\n", "2 lines"),
    ],
)
def test_whatever_is_no_single_public_key_is_refused_in_words(tmp_path: Path, content: str | bytes, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        key_to_add(file(tmp_path, content))


def test_a_file_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: No such file"):
        read_public_key(str(tmp_path / "nowhere"), "--key")


def test_a_comment_can_not_drive_a_terminal(tmp_path: Path) -> None:
    key = key_to_add(file(tmp_path, f"{KEY} me\x1b]0;owned\x07@\u202elaptop {'x' * 500}"))
    comment = comment_of(key)
    assert comment.startswith("me?]0;owned?@?laptop x")
    assert len(comment) <= 200

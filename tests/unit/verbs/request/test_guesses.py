"""What the rescue system knows of the person: an address, a key, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from rescue.errors import UsageError
from rescue.verbs.request import guesses
from rescue.verbs.request.client import ClientOptions, client_of
from tests.trees import KEY

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("given", "guess"),
    [
        ("203.0.113.7 50000 10.0.0.1 22", "203.0.113.7"),
        ("2001:db8::7 50000 2001:db8::1 22", "2001:db8::7"),
        ("::ffff:203.0.113.7 1 ::1 22", "203.0.113.7"),
        ("", None),
        ("UNKNOWN 65535 UNKNOWN 65535", None),
        ("0.0.0.0 1 10.0.0.1 22", None),
    ],
)
def test_the_address_of_this_session(given: str, guess: str | None) -> None:
    assert guesses.address({"SSH_CONNECTION": given}) == guess
    assert guesses.address({}) is None


def test_the_keys_that_open_the_rescue_system(tmp_path: Path) -> None:
    assert guesses.keys(tmp_path) == ()
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/authorized_keys").write_text(f"# provider\n\xff\n{KEY} me@laptop\n" + f"{KEY} more\n" * 9)
    found = guesses.keys(tmp_path)
    assert [each.comment for each in found] == ["me@laptop", "more", "more", "more", "more"]
    assert found[0].public == KEY


def test_a_pasted_key_is_taken_as_it_is() -> None:
    assert client_of(ClientOptions(key=f" {KEY} me@laptop ")).key == KEY
    assert client_of(ClientOptions(add_key=f"{KEY} me@laptop")).comment == "me@laptop"


@pytest.mark.parametrize("words", ["ssh-ed25519", "ssh-ed25519 AAAA", "my key.pub", "ssh-key AAAAB3Nz"])
def test_what_is_no_key_is_not_taken_for_one(words: str) -> None:
    with pytest.raises(UsageError):
        client_of(ClientOptions(key=words))

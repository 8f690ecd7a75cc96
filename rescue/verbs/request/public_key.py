"""The client's public key, from a file of this machine, or pasted: for ``--key`` and ``--add-key``."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from rescue.errors import UsageError
from rescue.keys.authorized_keys import AuthorizedKey, parse_keys

LIMIT = 64 << 10
"""Bytes of a key file that are read: a public key is a line."""

MAX_COMMENT = 200
"""Characters of a comment that go into authorized_keys: the name of a person or a machine is shorter."""

SECRETS = ("PRIVATE KEY", "PuTTY-User-Key-File")


def read_public_key(path: str, option: str) -> AuthorizedKey:
    """The one public key in the file that `option` names. Raises UsageError where it holds none, or more."""
    text = _text(path, option)
    if any(mark in text for mark in SECRETS):
        raise UsageError(
            f"{option} {path} is a private key, which nobody else needs to see",
            f"Give the public one beside it: {option} {path.removesuffix('.ppk')}.pub",
        )
    lines = parse_keys(text.removeprefix("\ufeff"), PurePosixPath(path))
    keys = [line.key for line in lines if line.key is not None]
    if not keys:
        why = next((f": {line.problem}" for line in lines if line.problem), "")
        raise UsageError(
            f"{option} {path} holds no public key in OpenSSH's form{why}",
            "It is one line such as 'ssh-ed25519 AAAA... me@laptop', in a file whose name ends in .pub.",
        )
    return keys[0]


def key_to_add(path: str) -> AuthorizedKey:
    """The key that ``--add-key`` is to add: one key, alone in its file. Raises UsageError."""
    key = read_public_key(path, "--add-key")
    others = [line for line in parse_keys(_text(path, "--add-key"), PurePosixPath(path)) if line.number]
    if len(others) > 1:
        raise UsageError(
            f"--add-key {path} holds {len(others)} lines, and one key is added at a time",
            "Put the line of the key that you log in with into a file of its own.",
        )
    if key.options:
        raise UsageError(
            f"--add-key {path} holds options before the key, and so is no public key file",
            "It is one line such as 'ssh-ed25519 AAAA... me@laptop', in a file whose name ends in .pub.",
        )
    return key


def comment_of(key: AuthorizedKey) -> str:
    """The comment as it may go into a file that others read on their terminals: printable, and not too long."""
    return "".join(letter if letter.isprintable() else "?" for letter in key.comment[:MAX_COMMENT]).strip()


def is_pasted(words: str) -> bool:
    """Whether it is a key itself, in place of its file's name."""
    first, _, rest = words.strip().partition(" ")
    return first.startswith(("ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")) and rest.strip().startswith("AAAA")


def _text(path: str, option: str) -> str:
    if is_pasted(path):
        return path.strip()
    try:
        with Path(path).expanduser().open("rb") as stream:
            return stream.read(LIMIT).decode("utf-8", "replace")
    except OSError as problem:
        raise UsageError(
            f"{option} {path}: {problem.strerror}", "Your public keys are in ~/.ssh, in files whose names end in .pub."
        ) from problem

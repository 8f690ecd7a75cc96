"""What a fix changes, for people: a unified diff of text, words for the rest, and nothing of a secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import unified_diff
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.tree import Action, Change, Entry

SECRET_NAMES = (
    "*shadow",
    "*shadow-",
    "opasswd*",
    "*_key",
    "id_rsa",
    "id_dsa",
    "id_ecdsa*",
    "id_ed25519*",
    "*.key",
    "*.pem",
    "*.keytab",
    "*secret*",
    "*.nmconnection",
    "*password*",
)
"""Names of files that hold private keys, password hashes or pass phrases; never those of public keys."""

SECRET_CONTENT = compile_pattern(
    rb"PRIVATE KEY|PuTTY-User-Key-File|PrivateKey\s*=|PresharedKey\s*=|(?i:\b(?:psk|passwd|pass)\s*=|password\s*[:=])"
    rb"|\$(?:1|2[abxy]?|5|6|7|y|gy|md5|sha1|argon2[a-z]*)\$[^\s:]"
    rb"|(?m:^[^\s:#]+:[./0-9A-Za-z]{13}:)"
)
"""Marks of a private key, of a pass phrase in a configuration, and of hashes as in crypt(5), DES among them."""

LONGEST_DIFF = 128 << 10
"""Bytes of a file that are still compared line by line; difflib takes quadratic time."""


def changes_diff(changes: Iterable[Change]) -> str:
    """The whole text, ASCII and newlines only: what is on a hostile disk can't drive a terminal from here."""
    return "".join(f"{_escaped(line)}\n" for change in changes for line in _lines(change))


def is_secret(path: PurePosixPath, *entries: Entry | None) -> bool:
    """True if the content of the file at `path`, of which `entries` are versions, is not for other eyes."""
    name = path.name
    if not name.endswith(".pub") and any(fnmatchcase(name, pattern) for pattern in SECRET_NAMES):
        return True
    return any(entry is not None and entry.data and SECRET_CONTENT.search(entry.data) for entry in entries)


def _lines(change: Change) -> Iterator[str]:
    before, after = change.before, change.after
    yield f"# {change.action} {change.path}"
    yield from _metadata(before, after)
    if before is not None and after is not None and before.same_content(after):
        return
    if change.action is Action.SHORTEN and before is not None and after is not None:
        yield f"# {before.size} bytes become {after.size}: the oldest go, for good"
        return
    if before is not None and before.is_file and before.data is None:
        yield f"# {before.size} bytes are removed for good"
        return
    if not any(entry is not None and entry.is_file for entry in (before, after)):
        return
    if is_secret(change.path, before, after):
        yield "# its content is not shown: it may hold a secret"
        return
    yield from _unified(change.path, before, after)


def _metadata(before: Entry | None, after: Entry | None) -> Iterator[str]:
    for mark, entry in (("-", before), ("+", after)):
        if entry is None:
            continue
        labels = " ".join(f"{name}={value!r}" for name, value in entry.xattrs)
        leads = f" -> {entry.link}" if entry.is_link else ""
        yield f"#{mark} {entry.kind} {entry.mode:04o} {entry.uid}:{entry.gid} {labels}".rstrip() + leads


def _unified(path: PurePosixPath, before: Entry | None, after: Entry | None) -> Iterator[str]:
    old, new = (entry.data or b"" if entry is not None else b"" for entry in (before, after))
    if b"\0" in old + new or len(old) + len(new) > LONGEST_DIFF:
        yield f"# {len(old)} bytes become {len(new)}"
        return
    for entry, side in ((before, "before"), (after, "after")):
        if entry is not None and entry.data and not entry.data.endswith(b"\n"):
            yield f"# {side}, the last line does not end in a newline"
    yield from unified_diff(
        _split(old),
        _split(new),
        f"a{path}" if before is not None else "/dev/null",
        f"b{path}" if after is not None else "/dev/null",
        lineterm="",
    )


def _split(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return lines if lines[-1] else lines[:-1]


def _escaped(line: str) -> str:
    raw = line.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(each if " " <= each <= "~" or each == "\t" else _escape(each) for each in raw)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")

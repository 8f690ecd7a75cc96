"""Repairs lines of authorized_keys that were damaged when a key was pasted or saved.

A line is only changed where it is a key afterwards, and where it was none before; every other byte stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.keys.authorized_keys import parse_keys
from rescue.keys.public_keys import BODIES
from rescue.keys.wire import Reader, WireError, decode_base64

MOST_PIECES = 40
"""Lines into which one key may have been broken: an RSA key of 8192 bits has 22 of 64 characters."""

NOWHERE = PurePosixPath("/")
BEGIN, END = "---- BEGIN SSH2 PUBLIC KEY", "---- END SSH2 PUBLIC KEY"

_BOMS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_HEADER = compile_pattern(r"[A-Za-z0-9-]{1,64}: ?(.*)")
_TYPE = compile_pattern("|".join(BODIES).replace(".", r"\."), IGNORECASE)
_QUOTES = ('"', "'", "\u201c", "\u201d", "\u2018", "\u2019")


def mended(data: bytes) -> bytes | None:
    """The file's content with the keys repaired that sshd ignores as they are; None if there are none."""
    before = _text(data)
    lines = before.split("\n")
    made: list[str] = []
    at = 0
    while at < len(lines):
        taken, line = _whole(lines, at)
        made.append(line)
        at += taken
    after = "\n".join(made)
    return after.encode("utf-8", "surrogateescape") if _keys(after) > _keys(data.decode("latin-1")) else None


def _text(data: bytes) -> str:
    """The content as text, with Linux line endings if it has none that sshd knows, and without byte order marks."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding, "replace").replace("\r\n", "\n")
            break
    else:
        text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return text if "\n" in text else text.replace("\r", "\n")


def _keys(text: str) -> int:
    return sum(line.key is not None for line in parse_keys(text, NOWHERE))


def _is_key(line: str) -> bool:
    found = parse_keys(line, NOWHERE)
    return len(found) == 1 and found[0].key is not None


def _whole(lines: list[str], at: int) -> tuple[int, str]:
    """How many lines from `at` on form one key line, and that line."""
    line = lines[at]
    problem = next((each.problem for each in parse_keys(line, NOWHERE)), "")
    if not problem:
        return 1, line
    if line.startswith(BEGIN):
        return _from_rfc4716(lines, at)
    for candidate in _variants(line):
        if _is_key(candidate):
            return 1, candidate
    if _TYPE.search(line):
        for joint in ("", " "):
            joined = line.strip()
            for taken, piece in enumerate(lines[at + 1 : at + MOST_PIECES], start=2):
                if not piece.strip() or _is_key(piece):
                    break
                joined += (joint if taken == 2 else "") + piece.strip()
                if _is_key(joined):
                    return taken, joined
    return 1, line


def _variants(line: str) -> Iterator[str]:
    """The line without what editors, chats and forms add."""
    plain = line.replace("\xa0", " ").strip()
    while plain[:1] in _QUOTES and plain[:1]:
        plain = plain[1:]
    while plain[-1:] in _QUOTES and plain[-1:]:
        plain = plain[:-1]
    yield plain
    yield _TYPE.sub(lambda match: match[0].lower(), plain, count=1)


def _from_rfc4716(lines: list[str], at: int) -> tuple[int, str]:
    """A key as PuTTY and others export it (RFC 4716), as one line."""
    body, comment, goes_on = "", "", False
    for taken, raw in enumerate(lines[at + 1 : at + MOST_PIECES], start=2):
        line = raw.strip()
        if line.startswith(END):
            return (taken, made) if (made := _one_line(body, comment)) else (1, lines[at])
        header = _HEADER.fullmatch(line)
        if goes_on or header is not None:
            if header is not None and line.lower().startswith("comment"):
                comment = header[1].strip('"')
            goes_on = line.endswith("\\")
            continue
        body += line
    return 1, lines[at]


def _one_line(body: str, comment: str) -> str:
    """ "type base64 comment"; "" if the body is not a key."""
    try:
        kind = Reader(decode_base64(body)).name()
    except WireError:
        return ""
    line = f"{kind} {body} {comment}".strip()
    return line if _is_key(line) else ""

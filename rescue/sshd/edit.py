"""Edit one line of an sshd_config and leave every other byte: comments, order, line ends, a missing last one.

Every function takes and returns a tree. A line is found by its text, near its number, so that several edits can follow
each other; ValueError if it no longer exists.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from re import IGNORECASE
from re import compile as compile_pattern

from rescue.model import Location
from rescue.sshd.language.syntax import BLANKS, BOM, unquoted
from rescue.tree import Tree

_MATCH = compile_pattern(r'[ \t\r]*"?match(?=[\s="])', IGNORECASE)
_SPECIAL = frozenset(" \t'\"#\\")


def comment_out(tree: Tree, location: Location) -> Tree:
    """Put a ``#`` before the line."""
    lines, at = _at(tree, location)
    lines[at] = _commented(lines[at])
    return _written(tree, location.path, lines)


def comment_out_block(tree: Tree, location: Location) -> Tree:
    """Comment out a Match line and every line of its block: without the Match, the others would apply to everybody."""
    lines, at = _at(tree, location)
    end = next((index for index in range(at + 1, len(lines)) if _MATCH.match(lines[index])), len(lines))
    for index in range(at, end):
        stripped = lines[index].strip(BLANKS)
        if stripped and not stripped.startswith("#"):
            lines[index] = _commented(lines[index])
    return _written(tree, location.path, lines)


def replace_word(tree: Tree, location: Location, old: str, new: str) -> Tree:
    """Replace the first `old` in the line with `new`, ignoring case."""
    lines, at = _at(tree, location)
    start = lines[at].lower().find(old.lower())
    if start < 0:
        raise ValueError(f"{location}: there is no {old} any more")
    lines[at] = lines[at][:start] + new + lines[at][start + len(old) :]
    return _written(tree, location.path, lines)


def set_value(tree: Tree, location: Location, value: str) -> Tree:
    """Change the value of the line's keyword; the text before it and a comment after it stay."""
    lines, at = _at(tree, location)
    spans = _spans(lines[at])
    if len(spans) < 2:
        raise ValueError(f"{location}: there is no value any more")
    lines[at] = lines[at][: spans[1][0]] + value + lines[at][spans[-1][1] :]
    return _written(tree, location.path, lines)


def add_words(tree: Tree, location: Location, words: tuple[str, ...]) -> Tree:
    """Add words to the end of the line's list, before a comment."""
    lines, at = _near(tree, location)
    end = _spans(lines[at])[-1][1]
    lines[at] = " ".join((lines[at][:end], *(_quoted(word) for word in words))) + lines[at][end:]
    return _written(tree, location.path, lines)


def remove_word(tree: Tree, location: Location, word: str) -> Tree:
    """Remove one word from the line's list; comment out the line if it was the only one."""
    lines, at = _near(tree, location)
    spans = _spans(lines[at])
    values = [span for span in spans[1:] if unquoted(lines[at][span[0] : span[1]]) == word]
    if not values:
        raise ValueError(f"{location}: there is no {word} any more")
    if len(spans) == 2:
        lines[at] = _commented(lines[at])
        return _written(tree, location.path, lines)
    start, end = values[0]
    index = spans.index((start, end))
    if index + 1 < len(spans):
        end = spans[index + 1][0]
    else:
        start = spans[index - 1][1]
    lines[at] = lines[at][:start] + lines[at][end:]
    return _written(tree, location.path, lines)


def insert_after(tree: Tree, location: Location, text: str) -> Tree:
    """Insert a line after the given one."""
    lines, at = _at(tree, location)
    return _written(tree, location.path, _inserted(lines, at + 1, text))


def insert_global(tree: Tree, path: PurePosixPath, *texts: str) -> Tree:
    """Insert lines where they apply to everybody: before the first Match block and its comment, else at the end.

    If the file has the keyword's line as a comment ("#Port 22"), insert them there.
    """
    lines = _lines(tree, path)
    return _written(tree, path, _inserted(lines, _global_place(lines, texts[0]), *texts))


def move_to_global(tree: Tree, location: Location) -> Tree:
    """Move a line before the first Match block of its file. ValueError if there is none."""
    lines = _lines(tree, location.path)
    first = next((index for index, line in enumerate(lines) if _MATCH.match(line)), len(lines))
    at = _nearest(lines, location, first)
    if at is None:
        raise ValueError(f"{location}: the line stands before every Match block of its file")
    text = lines.pop(at).strip(BLANKS)
    return _written(tree, location.path, _inserted(lines, _before_block(lines, first), text))


def remove_mark(tree: Tree, path: PurePosixPath) -> Tree:
    """Remove the byte order mark from the start of a file."""
    text = tree.text(path)
    if text is None or not text.startswith(BOM):
        raise ValueError(f"{path}: there is no byte order mark any more")
    return tree.write(path, text.removeprefix(BOM))


def _lines(tree: Tree, path: PurePosixPath) -> list[str]:
    text = tree.text(path)
    if text is None:
        raise FileNotFoundError(str(path))
    return text.split("\n")


def _at(tree: Tree, location: Location) -> tuple[list[str], int]:
    """The file's lines and the index of the one at `location`: the nearest with that text."""
    lines = _lines(tree, location.path)
    at = _nearest(lines, location, 0)
    if at is None:
        raise ValueError(f"{location}: the line is not there any more")
    return lines, at


def _nearest(lines: list[str], location: Location, start: int) -> int | None:
    """The index of the line with that text, from `start` on, nearest to its former position."""
    places = [index for index in range(start, len(lines)) if lines[index].strip(BLANKS + "\f") == location.text]
    return min(places, key=lambda index: abs(index + 1 - location.line), default=None)


def _near(tree: Tree, location: Location) -> tuple[list[str], int]:
    """Like `_at`; if an earlier edit of the same list changed the line's text, the nearest with the keyword."""
    try:
        return _at(tree, location)
    except ValueError:
        lines = _lines(tree, location.path)
        places = [index for index, line in enumerate(lines) if _keyword(line) == _keyword(location.text)]
        if not places:
            raise
        return lines, min(places, key=lambda index: abs(index + 1 - location.line))


def _keyword(line: str) -> str:
    spans = _spans(line)
    return unquoted(line[spans[0][0] : spans[0][1]]).lower() if spans else ""


def _written(tree: Tree, path: PurePosixPath, lines: list[str]) -> Tree:
    """Set the file's text; if the name is a symbolic link into the system's own files, replace it with a regular
    file: files below /usr belong to packages, not only to this server."""
    text = "\n".join(lines)
    real = tree.resolve(path)
    if real.parts[1:2] not in (("usr",), ("lib",)) or path.parts[1:2] == real.parts[1:2]:
        return tree.write(path, text)
    held = tree.entry(path)
    name = tree.resolve(path, follow_last=False)
    if held is None or name.parts[1:2] == ("usr",):
        raise ValueError(f"{path} lies in {real.parent}, which is for packages: nothing is written there")
    return tree.remove(name).write(name, text, mode=held.mode, uid=held.uid, gid=held.gid)


def _commented(line: str) -> str:
    indent = len(line) - len(line.lstrip(BLANKS))
    return f"{line[:indent]}#{line[indent:]}"


def _inserted(lines: list[str], at: int, *texts: str) -> list[str]:
    """The lines with `texts` before index `at`, with the line ends of the file."""
    end = "\r" if any(line.endswith("\r") for line in lines) else ""
    if at >= len(lines):
        # After the last line, which may or may not end with a line feed.
        last = lines.pop()
        kept = [*lines] if last == "" else [*lines, last if last.endswith("\r") or not end else last + end]
        return [*kept, *(text + end for text in texts), ""]
    return [*lines[:at], *(text + end for text in texts), *lines[at:]]


def _global_place(lines: list[str], text: str) -> int:
    keyword = text.split()[0]
    sample = compile_pattern(rf"[ \t]*#[ \t]?{keyword}[ \t=]", IGNORECASE)
    first = next((index for index, line in enumerate(lines) if _MATCH.match(line)), len(lines))
    for index in range(min(first, len(lines))):
        if sample.match(lines[index]):
            return index + 1
    return _before_block(lines, first) if first < len(lines) else first


def _before_block(lines: list[str], first: int) -> int:
    """The index before a Match line's own comment, directly above it."""
    while first > 0 and lines[first - 1].strip(BLANKS).startswith("#"):
        first -= 1
    return first


def _spans(line: str) -> list[tuple[int, int]]:
    """Where the keyword and each argument begin and end, without comments and blanks."""
    spans: list[tuple[int, int]] = []
    at, end = 0, len(line)
    while at < end:
        if line[at] in BLANKS or (len(spans) == 1 and line[at] == "="):
            at += 1
            continue
        if line[at] == "#":
            break
        start, quote = at, ""
        while at < end and (quote or not (line[at] in BLANKS or (not spans and line[at] == "="))):
            if line[at] == "\\" and at + 1 < end:
                at += 1
            elif line[at] in "'\"" and quote in ("", line[at]):
                quote = "" if quote else line[at]
            at += 1
        spans.append((start, min(at, end)))
    return spans


def _quoted(word: str) -> str:
    if not _SPECIAL & set(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'

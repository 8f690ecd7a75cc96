"""Edits of one setting in a unit file or drop-in: the smallest that changes what systemd takes from it."""

from __future__ import annotations

from rescue.model import Location
from rescue.tree import Tree


def insert_before(tree: Tree, location: Location, text: str) -> Tree:
    """The tree with a new line before the one at `location`. ValueError if that is gone."""
    lines, at = _line(tree, location)
    lines[at:at] = [text + _ending(lines[at])]
    return tree.write(location.path, "\n".join(lines))


def insert_after(tree: Tree, location: Location, text: str) -> Tree:
    """The tree with a new line after the one at `location`, which may be continued on the next ones."""
    lines, at = _line(tree, location)
    end = _end(lines, at)
    lines[end:end] = [text + _ending(lines[at])]
    return tree.write(location.path, "\n".join(lines))


def comment_out(tree: Tree, location: Location) -> Tree:
    """The tree with the line commented out, and those on which it is continued."""
    lines, at = _line(tree, location)
    for number in range(at, _end(lines, at)):
        if lines[number].lstrip()[:1] not in ("#", ";"):
            lines[number] = f"#{lines[number]}"
    return tree.write(location.path, "\n".join(lines))


def replace_value(tree: Tree, location: Location, old: str, new: str) -> Tree:
    """The tree where the line has `new` instead of `old`. ValueError if it does not have that."""
    lines, at = _line(tree, location)
    for number in range(at, _end(lines, at)):
        if old in lines[number]:
            lines[number] = lines[number].replace(old, new, 1)
            return tree.write(location.path, "\n".join(lines))
    raise ValueError(f"{location}: {old} is gone")


def without_word(tree: Tree, location: Location, word: str) -> Tree:
    """The tree where the setting's list lacks the word; a list of that word alone is commented out."""
    lines, at = _line(tree, location)
    for number in range(at, _end(lines, at)):
        head, equals, value = lines[number].partition("=") if number == at else ("", "", lines[number])
        words = value.split()
        if word in words:
            words.remove(word)
            if not [each for each in words if each not in ("\\", "~")] and _end(lines, at) == at + 1:
                return comment_out(tree, location)
            lines[number] = f"{head}{equals}{' '.join(words)}{_ending(lines[number])}"
            return tree.write(location.path, "\n".join(lines))
    raise ValueError(f"{location}: {word} is gone")


def _ending(line: str) -> str:
    return "\r" if line.endswith("\r") else ""


def _end(lines: list[str], at: int) -> int:
    """The number of the first line that does not belong to the setting at line `at`."""
    end = at + 1
    while end < len(lines) and (_continues(lines[end - 1]) or (end - 1 > at and _comment(lines[end - 1]))):
        end += 1
    return end


def _continues(line: str) -> bool:
    bare = line.rstrip("\r")
    return not _comment(bare) and bool((len(bare) - len(bare.rstrip("\\"))) % 2)


def _comment(line: str) -> bool:
    return line.lstrip()[:1] in ("#", ";")


def _line(tree: Tree, location: Location) -> tuple[list[str], int]:
    lines = (tree.text(location.path) or "").split("\n")
    if not 0 < location.line <= len(lines):
        raise ValueError(f"{location}: the line is gone")
    return lines, location.line - 1

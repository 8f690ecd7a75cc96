"""One line of a text file, changed where it still says what was seen there. Pure."""

from __future__ import annotations

from rescue.model import Location
from rescue.tree import Tree


def line_of(tree: Tree, location: Location) -> tuple[list[str], int]:
    """The file's lines, and the index of the given one. ValueError if it no longer says that; blanks do not count."""
    lines = (tree.text(location.path) or "").split("\n")
    at = location.line - 1
    if not 0 <= at < len(lines) or "".join(location.text.split()) not in "".join(lines[at].split()):
        raise ValueError(f"{location}: the line is gone")
    return lines, at


def commented(tree: Tree, location: Location) -> Tree:
    """The tree with the line commented out. ValueError as `line_of`."""
    lines, at = line_of(tree, location)
    lines[at] = f"#{lines[at]}"
    return tree.write(location.path, "\n".join(lines))


def with_line(tree: Tree, location: Location, text: str) -> Tree:
    """The tree where the line is `text`. ValueError as `line_of`."""
    lines, at = line_of(tree, location)
    lines[at] = text
    return tree.write(location.path, "\n".join(lines))

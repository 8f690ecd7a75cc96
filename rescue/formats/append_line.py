"""A line more at a file's end, where the last one may lack its newline."""

from __future__ import annotations

from pathlib import PurePosixPath

from rescue.tree import Tree


def ended(text: str) -> str:
    """`text` with its last line ended; an empty one stays empty."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def with_last_line(tree: Tree, path: str | PurePosixPath, line: str) -> Tree:
    """The tree with `line` appended to the file. ValueError if there is no such file, or it can't be read."""
    text = tree.text(path)
    if text is None:
        raise ValueError(f"{path} is not there, or can't be read")
    return tree.write(path, f"{ended(text)}{line}\n")

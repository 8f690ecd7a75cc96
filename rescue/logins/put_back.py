"""A lost or emptied configuration file, restored from a copy or a template. Shared by checks; no check itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from rescue.facts import Facts
from rescue.model import Repair, Safety
from rescue.pam.templates import sources
from rescue.tree import Tree

MOST = 2


def put_back(facts: Facts, path: str) -> Iterator[Repair]:
    """The repairs that restore the file's content, best source first."""
    for number, source in enumerate(sources(facts.tree, path)):
        if number < MOST:
            edit = partial(written, path=path, text=source.text)
            yield Repair(f"restore {path} from {source.path}", Safety.SAFE, edit)


def written(tree: Tree, path: str, text: str) -> Tree:
    """The tree with that content in the file; a dangling link is replaced, never written through."""
    entry = tree.lentry(path)
    if entry is not None and entry.is_link and tree.entry(path) is None:
        tree = tree.remove(path)
    return tree.write(path, text)

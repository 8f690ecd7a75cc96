"""YAML as a tree of nodes with their lines, read by ruamel.yaml. Pure; nothing is made of a node but text.

Of several documents the first counts, as for programs that use libyaml's yaml_parser_load. Anchors are followed, and
what they lead to is one node: a file that names a thing many times costs no more than one that does so once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LONGEST = 1 << 18
"""Characters that are read: the parser is slow, and settings are short."""
DEEPEST = 100
"""Brackets or indentations within one another: more would use up Python's stack."""


class YamlError(ValueError):
    """The text is not valid YAML. line: from 1, or 0 for the text as a whole; problem: in the parser's words."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


class YamlTooLarge(ValueError):
    """What is not read here, good or bad: it is too long, or too deep."""


_TRAILING = re.compile(r"(?<=[^\s])[ \t]*\t[ \t]*(?=\r?$)", re.MULTILINE)


@dataclass(slots=True)
class Node:
    """A scalar (`text`), a mapping (`pairs`) or a sequence (`items`); kind says which. line: from 1."""

    kind: str
    line: int
    text: str = ""
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    plain: bool = True

    def get(self, *keys: str) -> Node | None:
        """The value under the keys; if a key occurs twice, the last one counts."""
        node: Node | None = self
        for key in keys:
            found = [value for name, value in node.pairs if name.text == key] if node is not None else []
            node = found[-1] if found else None
        return node

    @property
    def null(self) -> bool:
        """Whether nothing was written."""
        return self.kind == "scalar" and self.plain and self.text in ("", "~", "null", "Null", "NULL")


def read_yaml(text: str) -> Node | None:
    """The first document; None where there is none. Raises YamlError and YamlTooLarge."""
    if len(text) > LONGEST or _deep(text):
        raise YamlTooLarge("the file is too long, or too deep")
    # The parser costs a tenth of what the rest of a start does: only where there is something to read.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    # A tab at the end of a line is white space to libyaml, and not always to this parser.
    text = _TRAILING.sub("", text.removeprefix("\ufeff"))
    try:
        composed = next(iter(YAML(pure=True).compose_all(text)), None)
        return None if composed is None else _node(composed, {}, 0)
    except MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        if "':'" in str(problem.problem) and problem.context_mark is not None:
            mark = problem.context_mark  # the key that lacks its colon
        raise YamlError(mark.line + 1 if mark else 0, str(problem.problem or problem.context or "")) from None
    except YAMLError as problem:
        position = getattr(problem, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 0
        raise YamlError(line, str(getattr(problem, "reason", "")) or "it is not YAML") from None
    except RecursionError:
        raise YamlTooLarge("the file is too deep") from None


def _deep(text: str) -> bool:
    """Whether brackets, or dashes on one line, may lie deeper than the parser can follow."""
    if text.count("[") + text.count("{") > DEEPEST and _brackets(text) > DEEPEST:
        return True
    indents = {len(line) - len(line.lstrip(" ")) for line in text.split("\n")}
    return len(indents) > DEEPEST or any(
        line.count("- ") > DEEPEST or line.count("? ") > DEEPEST for line in text.split("\n")
    )


def _brackets(text: str) -> int:
    depth = most = 0
    for char in text:
        if char in "[{":
            depth += 1
            most = max(most, depth)
        elif char in "]}":
            depth = max(0, depth - 1)
    return most


def _node(made: Any, known: dict[int, Node], depth: int) -> Node:
    if id(made) in known:
        return known[id(made)]
    if depth > 2 * DEEPEST:
        raise YamlTooLarge("the file is too deep")
    line = made.start_mark.line + 1
    kind = made.id
    node = known[id(made)] = Node(kind, line)
    if kind == "scalar":
        node.text, node.plain = str(made.value), not made.style
    elif kind == "mapping":
        node.pairs = [(_node(key, known, depth + 1), _node(value, known, depth + 1)) for key, value in made.value]
    else:
        node.items = [_node(each, known, depth + 1) for each in made.value]
    return node


def scalars(node: Node | None) -> Iterator[Node]:
    """The scalars of a sequence, or the scalar itself."""
    if node is not None:
        yield from (each for each in ([node] if node.kind == "scalar" else node.items) if each.kind == "scalar")

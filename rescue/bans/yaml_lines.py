"""Single values of simple YAML files, as CrowdSec ships its own: nested keys by indentation, plain or quoted values.

No parser of YAML: what is written in another way (anchors, flow style, several documents) is not found.
"""

from __future__ import annotations

from re import compile as compile_pattern

_LINE = compile_pattern(r"( *)(- )?([A-Za-z_][\w.-]*) *:(?:\s+(.*))?\s*")
_ITEM = compile_pattern(r" *- (.*)")


def value(text: str, *keys: str) -> str | None:
    """The value under nested `keys`; None if it is not there, "" if it has no plain value. The last one counts."""
    found = None
    path: list[tuple[int, str]] = []
    for line in text.split("\n"):
        match = _LINE.fullmatch(line.rstrip("\r"))
        if match is None or match[2]:
            continue
        indent = len(match[1])
        while path and path[-1][0] >= indent:
            path.pop()
        path.append((indent, match[3]))
        if tuple(key for _, key in path) == keys:
            found = _plain(match[4] or "")
    return found


def items(text: str, key: str) -> tuple[str, ...]:
    """The plain items of a list under a key of the outermost level."""
    found: list[str] = []
    inside = False
    for line in text.split("\n"):
        line = line.rstrip("\r")
        match = _LINE.fullmatch(line)
        item = _ITEM.fullmatch(line)
        if inside and item is not None:
            found.append(_plain(item[1]))
        elif match is not None and not match[1]:
            inside = match[3] == key
    return tuple(found)


def _plain(text: str) -> str:
    text = text.strip()
    if text[:1] in ("'", '"') and text[:1] in text[1:]:
        return text[1 : text.index(text[0], 1)]
    return text.partition(" #")[0].strip() if not text.startswith("#") else ""

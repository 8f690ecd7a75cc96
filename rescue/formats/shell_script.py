"""The command lines of a shell script, and whether each is surely run. Nothing is executed or expanded.

Enough of sh(1) for the small scripts that people write for the boot: conditions, loops and functions are told by their
words, tests for a file are answered by the disk, everything else under a condition counts as perhaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from re import compile as compile_pattern

from rescue.tree import Tree

LONGEST = 5000
"""Lines of a script that are looked at."""

_OPENS = compile_pattern(r"(?:if|case|for|while|until|select)\b|.*\{$|.*\($")
_CLOSES = compile_pattern(r"(?:fi|esac|done|\}|\))(?:$|[\s;&|<>])")
_TURNS = compile_pattern(r"(?:else|elif)\b")
_SHUT = compile_pattern(r".*(?:\bfi|\besac|\bdone|[\s;]\}|[\s;]\))$")
_FILE_TEST = compile_pattern(r"(?:\[\[?|test)\s+-([efrsx])\s+\"?(/[^\s\"$]+)\"?(?:\s+\]\]?)?")
_FILE_IF = compile_pattern(rf"if\s+{_FILE_TEST.pattern}\s*;?\s*(?:then)?")
_LEAVES = compile_pattern(r"(?:exit|exec)\b.*")
_HEREDOC = compile_pattern(r"<<-?\s*['\"\\]?(\w+)")
_REMARK = compile_pattern(r"""\s#[^'"]*$""")
_PARTS = compile_pattern(r"""((?:[^;&|"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|(?<=>)&|&(?=>))+)(;;?|&&|\|\|?|&)?""")


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One command of a script. certain: no condition that the disk does not answer stands before it."""

    number: int
    text: str
    certain: bool = True


def script_lines(tree: Tree, text: str) -> Iterator[ScriptLine]:
    """The commands of a script's text, in order. Raises NotCaptured where a file that it tests for is not known."""
    open_blocks: list[bool] = []
    document, held, began = "", "", 0
    left = False
    for number, raw in enumerate(text.split("\n")[:LONGEST], start=1):
        if document:
            document = "" if raw.strip() == document else document
            continue
        began = began if held else number
        whole = (held + raw).strip()
        if whole.endswith("\\"):
            held = whole[:-1] + " "
            continue
        held = ""
        whole = _REMARK.sub("", whole)
        if not whole or whole.startswith("#"):
            continue
        if (here := _HEREDOC.search(whole)) is not None:
            document = here[1]
        certain = all(open_blocks) and not left
        if _CLOSES.match(whole):
            del open_blocks[-1:]
        elif _TURNS.match(whole):
            open_blocks[-1:] = [False]
        elif _OPENS.fullmatch(whole) or _OPENS.match(whole):
            test = _FILE_IF.fullmatch(whole)
            sure = test is not None and tree.entry(test[2]) is not None
            if not _SHUT.fullmatch(whole):
                open_blocks.append(sure)
            yield ScriptLine(began, whole, certain and sure)
        else:
            left = left or (certain and _LEAVES.fullmatch(whole) is not None)
            yield from _commands(tree, began, whole, certain)


def _commands(tree: Tree, number: int, whole: str, certain: bool) -> Iterator[ScriptLine]:
    """The commands of one line: those behind && and || are run perhaps, unless what is before them is known."""
    parts = [(match[1].strip(), match[2] or "") for match in _PARTS.finditer(whole)]
    if any(joint == "|" for _, joint in parts) or "".join(part for part, _ in parts) == "":
        yield ScriptLine(number, whole, certain)
        return
    sure = True
    for part, joint in parts:
        if not part or part.startswith("#"):
            break
        yield ScriptLine(number, part, certain and sure)
        test = _FILE_TEST.fullmatch(part)
        if joint == "&&":
            sure = sure and (tree.entry(test[2]) is not None if test else True)
        elif joint == "||":
            sure = False
        else:
            sure = True

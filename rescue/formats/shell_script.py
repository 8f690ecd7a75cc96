"""The command lines of a shell script, and whether each is surely run. Nothing is executed or expanded.

Enough of sh(1) for the small scripts that people write for the boot, and for the start files of a login: conditions,
loops and functions are told by their words, tests for a file are answered by the disk, everything else under a
condition counts as perhaps. What only assigns variables is read by `shell_assignments`, which needs the words of a
command, with their quotes taken off; here a command stays as it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from re import DOTALL
from re import compile as compile_pattern

from rescue.tree import Tree

LONGEST = 5000
"""Lines of a script that are looked at."""

_BLOCK = r"(?:if|case|for|while|until|select)\b"
_OPENS = compile_pattern(rf"{_BLOCK}|.*(?:[;&|(]|\bdo|\bthen)\s*{_BLOCK}|.*\{{$|.*\($")
_CLOSES = compile_pattern(r"(?:fi|esac|done|\}|\))(?:$|[\s;&|<>])")
_TURNS = compile_pattern(r"(?:else|elif)\b")
_SHUT = compile_pattern(r".*(?:\bfi|\besac|\bdone|[\s;]\}|[\s;]\))$")
_FILE_TEST = compile_pattern(r"(?:\[\[?|test)\s+-([efrsx])\s+\"?(/[^\s\"$]+)\"?(?:\s+\]\]?)?")
_FILE_IF = compile_pattern(rf"if\s+{_FILE_TEST.pattern}\s*;?\s*(?:then)?")
_LEAVES = compile_pattern(r"exit\b.*|exec\s+(?![0-9]*[<>&]).+")
"""What ends the script; "exec" with redirections alone does not."""
DOCUMENT = compile_pattern(r"<<-?\s*['\"\\]?(\w+)")
"""The beginning of a document within a script, and the word that ends it."""
_PARTS = compile_pattern(r"""((?:[^;&|"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|(?<=>)&|&(?=>))+)(;;?|&&|\|\|?|&)?""", DOTALL)


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One command of a script. certain: no condition that the disk does not answer precedes it."""

    number: int
    text: str
    certain: bool = True


def script_lines(tree: Tree | None, text: str) -> Iterator[ScriptLine]:
    """The commands of a script's text, in order. Raises NotCaptured where a file that it tests for is not known; with
    no tree, such a test is a condition like others."""
    open_blocks: list[bool] = []
    left = False
    for began, whole in whole_lines(text):
        certain = all(open_blocks) and not left
        if _CLOSES.match(whole):
            del open_blocks[-1:]
        elif _TURNS.match(whole):
            open_blocks[-1:] = [False]
        elif _OPENS.match(whole):
            test = _FILE_IF.fullmatch(whole)
            sure = test is not None and _there(tree, test[2])
            if not _SHUT.fullmatch(whole):
                open_blocks.append(sure)
            yield ScriptLine(began, whole, certain and sure)
        else:
            left = left or (certain and _LEAVES.fullmatch(whole) is not None)
            yield from _commands(tree, began, whole, certain)


def whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, without comments and documents; a quote or a backslash at the end joins lines.

    With each the number of its first line. After a quote that does not end there is nothing: the shell gives up.
    """
    document, quote, began = "", "", 0
    held: list[str] = []
    for number, raw in enumerate(text.split("\n", LONGEST)[:LONGEST], start=1):
        if document and not held:
            document = "" if raw.strip() == document else document
            continue
        began = began if held else number
        quote, end, goes_on, found = scan(raw, quote)
        document = document or found
        if quote:
            held += (raw[:end], "\n")
        elif goes_on:
            held += (raw[:-1], " ")
        else:
            whole = "".join([*held, raw[:end]]).strip()
            held.clear()
            if whole:
                yield began, whole


def scan(line: str, quote: str) -> tuple[str, int, bool, str]:
    """The quote that is open at the line's end, where its comment begins, whether a backslash joins the next line to
    it, and the word that ends a document which begins here. quote: what is open before it."""
    document = ""
    at = 0
    while at < len(line):
        char = line[at]
        if char == "\\" and quote != "'":
            if at + 1 == len(line):
                return quote, at, not quote, document
            at += 1
        elif quote:
            quote = "" if char == quote[-1] else quote
        elif char in "'\"":
            quote = "$'" if char == "'" and line[at - 1 : at] == "$" else char
        elif char == "#" and (at == 0 or line[at - 1] in " \t;&|()"):
            return "", at, False, document
        elif line.startswith("<<", at):
            found = DOCUMENT.match(line, at)
            if found is not None and not document:
                document = found[1]
                at = found.end() - 1
                if line[at + 1 : at + 2] in ("'", '"'):
                    at += 1  # the end of a quoted word
            else:
                at += 1
        at += 1
    return quote, len(line), False, document


def _there(tree: Tree | None, path: str) -> bool:
    return tree is not None and tree.entry(path) is not None


def _commands(tree: Tree | None, number: int, whole: str, certain: bool) -> Iterator[ScriptLine]:
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
            sure = sure and (_there(tree, test[2]) if test else True)
        elif joint == "||":
            sure = False
        else:
            sure = True

"""sudoers(5): what makes sudo fail, or makes it ignore a line. Does not determine who may do what.

Follows open_sudoers and sudo_secure_path of sudo's plugins/sudoers, and gram.y for what a line must have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.model import Location
from rescue.tree import Entry, Read, Tree

SUDOERS = PurePosixPath("/etc/sudoers")
FOLDER = "/etc/sudoers.d"
SUDOERS_READS = (Read(str(SUDOERS), depth=0), Read(FOLDER, depth=1))

OTHERS_WRITE, GROUP_WRITE = 0o002, 0o020

TAGS = frozenset({
    "EXEC", "NOEXEC", "FOLLOW", "NOFOLLOW", "LOG_INPUT", "NOLOG_INPUT", "LOG_OUTPUT", "NOLOG_OUTPUT", "MAIL", "NOMAIL",
    "INTERCEPT", "NOINTERCEPT", "PASSWD", "NOPASSWD", "SETENV", "NOSETENV",
})  # fmt: skip

DEEPEST, MOST_FILES = 16, 500
_INCLUDE = compile_pattern(r"[@#]include(?P<folder>dir)?\s+(?P<path>\"[^\"]+\"|(?:[^\s\\]|\\.)+)")
_ALIAS = compile_pattern(r"(User|Runas|Host|Cmnd|Cmd)_Alias\s+[A-Z][A-Z0-9_]*\s*=\s*\S")
_TAG = compile_pattern(r"(?:^|[\s)])([A-Za-z_]+):(?=\s|[/A-Z])")
_SPEC = compile_pattern(r"(?P<who>(?:[^\s,=]|\\.)+(?:\s*,\s*(?:[^\s,=]|\\.)+)*)\s+(?P<host>[^=]+?)\s*=\s*(?P<what>.*)")


@dataclass(frozen=True, slots=True)
class SudoersLine:
    """A rule. who: the words before the host; problem: why it can't be read, "" where it can."""

    who: tuple[str, ...]
    location: Location
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SudoersFile:
    """One file that sudo reads, or a directory of such. refused: why it does not use it at all, "" if it does."""

    path: PurePosixPath
    lines: tuple[SudoersLine, ...]
    refused: str = ""
    folder: bool = False


def sudoers_files(tree: Tree) -> tuple[SudoersFile, ...]:
    """The main file and all that it includes, directories among them; () where there is no main file. NotCaptured.

    What is below a directory that sudo does not use is given all the same: it counts once that one is mended.
    """
    tree.require(*SUDOERS_READS)
    if tree.entry(SUDOERS) is None:
        return ()
    found: dict[PurePosixPath, SudoersFile] = {}
    _collect(tree, SUDOERS, found, 0)
    return tuple(found.values())


def _collect(tree: Tree, path: PurePosixPath, found: dict[PurePosixPath, SudoersFile], deep: int) -> None:
    tree.require(Read(str(path), depth=0))
    if path in found or deep > DEEPEST or len(found) >= MOST_FILES or tree.entry(path) is None:
        return
    found[path] = _file(tree, path)
    for line in (tree.text(path) or "").split("\n"):
        match = _INCLUDE.match(line.strip())
        if match is None:
            continue
        # %h is the host's name, which decides about nobody's own file here.
        named = match["path"].strip('"').replace("\\ ", " ")
        target = PurePosixPath(named) if named.startswith("/") else path.parent / named
        if not match["folder"]:
            _collect(tree, target, found, deep + 1)
            continue
        tree.require(Read(str(target), depth=1))
        entry = tree.entry(target)
        if entry is None or not entry.is_dir:
            continue
        found.setdefault(target, SudoersFile(target, (), _refused(entry, folder=True), folder=True))
        for name in tree.children(target):
            if "." not in name and not name.endswith("~"):
                _collect(tree, target / name, found, deep + 1)


def _file(tree: Tree, path: PurePosixPath) -> SudoersFile:
    entry = tree.entry(path)
    assert entry is not None
    return SudoersFile(path, tuple(_lines(tree.text(path) or "", path)), _refused(entry))


def secured(entry: Entry) -> str:
    """Why sudo does not use another file of its own (sudo.conf, a plug-in); "" if it does (sudo_secure_file)."""
    return _refused(entry)


def _refused(entry: Entry, *, folder: bool = False) -> str:
    if not entry.is_file and not folder:
        return "is not a file"
    if entry.uid != 0:
        return f"belongs to uid {entry.uid} and not to root"
    if entry.mode & OTHERS_WRITE:
        return "can be written by everybody"
    if entry.mode & GROUP_WRITE and entry.gid != 0:
        return "can be written by a group that is not root's"
    return ""


def _lines(text: str, path: PurePosixPath) -> Iterator[SudoersLine]:
    begun, start = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        start = start or number
        line = line.rstrip("\r")
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        whole, first = (begun + line).strip(), start
        begun, start = "", 0
        found = _line(whole, Location(path, first, line.strip()))
        if found is not None:
            yield found


def _line(text: str, place: Location) -> SudoersLine | None:
    if not text or text.startswith("@include") or (text.startswith("#") and not text[1:2].isdigit()):
        return None
    text = _without_comment(text)
    if text.startswith("Defaults"):
        return None
    if _ALIAS.match(text):
        return None
    match = _SPEC.fullmatch(text)
    if match is None:
        return SudoersLine((text.split()[0],), place, "it is not a rule: WHO HOST=(AS WHOM) COMMANDS")
    who = tuple(word.strip() for word in match["who"].split(","))
    what = match["what"]
    if not what.strip():
        return SudoersLine(who, place, "it names no command")
    unknown = next((tag for tag in _TAG.findall(what) if tag not in TAGS and "=" not in tag), None)
    return SudoersLine(who, place, f"unknown tag {unknown}" if unknown is not None else "")


def _without_comment(text: str) -> str:
    """The line up to a ``#`` that begins a comment: one that no digit follows."""
    at = text.find("#")
    while at >= 0:
        if not text[at + 1 : at + 2].isdigit() and text[at - 1 : at] != "\\":
            return text[:at].rstrip()
        at = text.find("#", at + 1)
    return text

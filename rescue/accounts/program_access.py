"""What prevents a user from starting a program: its path, file, interpreter or libraries. No check itself.

Follows execve(2) and ld.so(8): a directory needs x, the program and its interpreter x (a script r as well), a library
r.
Root may all of that, but executes only what has an x for somebody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rescue.accounts.permissions import READ, SEARCH, Person, allows, chmod, passed
from rescue.formats.program_files import LARGEST, PROGRAM_READS, Program, load
from rescue.tree import Entry, Read, Tree

DEEPEST = 4
"""Scripts that name a script as their interpreter (BINPRM_BUF_SIZE's neighbour in fs/exec.c allows five)."""
MOST_STEPS = 400

EXECUTE_ALL, READ_ALL = 0o555, 0o444

AS_USER_READS = PROGRAM_READS


@dataclass(frozen=True, slots=True)
class Barrier:
    """An obstacle on the path. path: real; mode: the smallest one that lets everybody use it."""

    path: PurePosixPath
    entry: Entry
    mode: int

    @property
    def kind(self) -> str:
        return "directory" if self.entry.is_dir else "file"


def barriers(tree: Tree, program: str, person: Person) -> Iterator[Barrier]:
    """All obstacles, each once, in the order in which the kernel and the loader meet them. NotCaptured."""
    seen: set[PurePosixPath] = set()
    for found in _of(tree, program, person, 0):
        if found.path not in seen:
            seen.add(found.path)
            yield found


def opened(tree: Tree, program: str, person: Person) -> Tree:
    """The tree where the user can start the program. ValueError if changing modes is not enough."""
    for _ in range(MOST_STEPS):
        found = next(barriers(tree, program, person), None)
        if found is None:
            return tree
        if found.mode == found.entry.mode:
            raise ValueError(f"{found.path} is blocked by more than its mode")
        tree = chmod(tree, found.path, found.mode)
    raise ValueError(f"too many obstacles on the path to {program}")


def _of(tree: Tree, program: str, person: Person, deep: int) -> Iterator[Barrier]:
    yield from _way(tree, program, person)
    tree.require(Read(program, depth=0, content=False))
    entry = tree.entry(program)
    if entry is None or not entry.is_file or deep > DEEPEST:
        return
    tree.require(Read(program, depth=0, limit=LARGEST))
    data = tree.data_if_read(program) or b""
    script = data.startswith(b"#!")
    wanted = READ | SEARCH if script else SEARCH
    if not _may(entry, person, wanted):
        yield _closed(tree, program, entry, EXECUTE_ALL)
    if script:
        words = data[2:256].partition(b"\n")[0].split()
        interpreter = words[0].decode("utf-8", "surrogateescape") if words else ""
        if interpreter.startswith("/"):
            yield from _of(tree, interpreter, person, deep + 1)
        return
    whole = load(tree, program, lambda path: _can_read(tree, path, person))
    if whole is not None:
        yield from _parts(tree, whole, person)


def _parts(tree: Tree, program: Program, person: Person) -> Iterator[Barrier]:
    for path in (program.interpreter, *(each.path for each in program.libraries)):
        if not path:
            continue
        yield from _way(tree, path, person)
        entry = tree.entry(path)
        loader = path == program.interpreter
        if entry is not None and entry.is_file and not _may(entry, person, SEARCH if loader else READ):
            yield _closed(tree, path, entry, EXECUTE_ALL if loader else READ_ALL)


def _way(tree: Tree, path: str, person: Person) -> Iterator[Barrier]:
    tree.require(Read(path, depth=0, content=False))
    for at, entry in passed(tree, path):
        if not allows(entry, person, SEARCH):
            yield Barrier(at, entry, entry.mode | EXECUTE_ALL)


def _may(entry: Entry, person: Person, wanted: int) -> bool:
    if person.uid == 0:
        return not wanted & SEARCH or bool(entry.mode & 0o111)
    return allows(entry, person, wanted)


def _can_read(tree: Tree, path: str, person: Person) -> bool:
    entry = tree.entry(path)
    return entry is not None and allows(entry, person, READ) and not any(_way(tree, path, person))


def _closed(tree: Tree, path: str, entry: Entry, more: int) -> Barrier:
    return Barrier(tree.resolve(path), entry, entry.mode | more)

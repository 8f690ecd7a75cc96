"""What keeps a program from being started: itself, its interpreter, its libraries, their versions. No check itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rescue.formats.elf import ElfError, read_elf
from rescue.formats.program_files import load
from rescue.tree import Tree


@dataclass(frozen=True, slots=True)
class ProgramFault:
    """A file that a program needs and what is wrong with it. closed: sshd runs, and ends each connection.

    mode: it is only not executable. useless: nothing on this server can be started with it.
    """

    path: str
    what: str
    closed: bool = False
    mode: bool = False
    useless: bool = False


def program_faults(tree: Tree, path: str, *, closed: bool = False) -> Iterator[ProgramFault]:
    """What prevents any user from starting a program. The caller has captured the file. NotCaptured."""
    entry = tree.entry(path)
    if entry is None:
        # sshd asks for its other programs as it starts, and ends where one is missing or not executable (main, sshd.c).
        yield ProgramFault(path, "is not there")
        return
    if not entry.is_file:
        yield ProgramFault(path, "is no file", closed)
        return
    if not entry.mode & 0o111:
        yield ProgramFault(path, "is not executable", mode=True)
        return
    data = tree.data_if_read(path)
    if data is None or data.startswith(b"#!"):
        return  # too large to look into, or somebody's own script
    try:
        read_elf(data)
    except ElfError as problem:
        yield ProgramFault(path, str(problem), closed)
        return
    yield from _needs(tree, path, closed=closed)


def _needs(tree: Tree, path: str, *, closed: bool) -> Iterator[ProgramFault]:
    """What is wrong with the interpreter and the libraries of a program, and with their symbols' versions."""
    program = load(tree, path)
    if program is None:
        return
    without = f"and {path} does not start without it"
    if program.interpreter:
        loader = tree.entry(program.interpreter)
        if loader is None:
            yield ProgramFault(program.interpreter, f"is not there, {without}", closed)
            return
        if not loader.mode & 0o111:
            # Root, too, may execute only what somebody may: the shell then says "Permission denied", status 126.
            yield ProgramFault(program.interpreter, f"is not executable, {without}", closed, mode=True)
            return
        if loader.is_file and loader.size == 0:
            yield ProgramFault(program.interpreter, f"is empty, {without}", closed)
            return
    broken = [each for each in program.libraries if each.fault]
    for library in broken:
        what = f"{library.fault} ({library.by} asks for it), {without}"
        yield ProgramFault(library.path or library.name, what, closed, useless=library.path is not None)
    told: set[str] = set()
    for user, version, name, provider in () if broken else program.clashes():
        if user not in told:
            told.add(user)
            what = f"asks for {version} of {name}, which {provider} does not have"
            yield ProgramFault(user, f"{what}, so {path} does not start", closed, useless=user != path)

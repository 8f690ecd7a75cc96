"""The files that a program is made of when it runs: itself, its interpreter, its shared libraries (ld.so(8))."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath

from rescue.formats.elf import Elf, ElfError, read_elf
from rescue.tree import Read, Tree

LOADER_CONFIG = "/etc/ld.so.conf"
LIBRARIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", "/usr/local/lib64")
MULTIARCH = ("x86_64-linux-gnu", "aarch64-linux-gnu", "i386-linux-gnu", "arm-linux-gnueabihf")
MAX_LIBRARIES = 200
LARGEST = 16 << 20


def program_files(tree: Tree, path: str) -> tuple[str, ...]:
    """The program and what the loader adds to it, each by the path by which it is found; () if it is no program.

    What is missing is left out. Raises NotCaptured.
    """
    elf = _elf(tree, path)
    if elf is None:
        return ()
    found = {path: None}
    if elf.interpreter:
        found[elf.interpreter] = None
    known: set[str] = set()
    level = [(name, elf.paths) for name in elf.needed]
    while level and len(known) < MAX_LIBRARIES:
        level = [(name, paths) for name, paths in level if name not in known]
        folders = {name: _folders(tree, elf, paths) for name, paths in level}
        every = dict.fromkeys(folder for places in folders.values() for folder in places)
        tree.require(*(Read(folder, depth=1, content=False) for folder in every))
        names = {folder: frozenset(tree.children(folder)) for folder in every}
        here = {name: next((f"{place}/{name}" for place in places if name in names[place]), None) for name, places in folders.items()}
        tree.require(*(Read(each, depth=0, limit=LARGEST) for each in here.values() if each is not None))
        level = []
        for name, each in here.items():
            known.add(name)
            if each is not None:
                found[each] = None
                below = _elf(tree, each)
                level += [(needed, below.paths) for needed in below.needed] if below is not None else []
    return tuple(found)


def _elf(tree: Tree, path: str) -> Elf | None:
    tree.require(Read(path, depth=0, limit=LARGEST))
    data = tree.data(path)
    try:
        return read_elf(data) if data is not None else None
    except ElfError:
        return None


def cut_off(data: bytes) -> bool:
    """Whether a program of 64 bits ends before its section headers, which linkers put last (elf(5))."""
    if len(data) < 64 or data[4] != 2:
        return False
    begin = int.from_bytes(data[40:48], "little")
    size, number = int.from_bytes(data[58:60], "little"), int.from_bytes(data[60:62], "little")
    return begin + size * number > len(data)


def _folders(tree: Tree, elf: Elf, paths: tuple[str, ...]) -> tuple[str, ...]:
    own = (path for path in paths if path.startswith("/"))
    usual = (f"{folder}/{name}" for folder in ("/lib", "/usr/lib") for name in MULTIARCH if _fits(name, elf))
    return tuple(dict.fromkeys(chain(own, _configured(tree), usual, LIBRARIES)))


def _fits(name: str, elf: Elf) -> bool:
    return {"x86_64": 62, "aarch64": 183, "i386": 3, "arm": 40}.get(name.partition("-")[0]) == elf.machine


def _configured(tree: Tree) -> Iterator[str]:
    files = [PurePosixPath(LOADER_CONFIG)]
    files += [PurePosixPath(f"{LOADER_CONFIG}.d") / name for name in tree.children(f"{LOADER_CONFIG}.d")[:100]]
    for path in files:
        for line in (tree.text(path) or "").split("\n")[:1000]:
            folder = line.partition("#")[0].strip()
            if folder.startswith("/"):
                yield folder.rstrip("/") or "/"

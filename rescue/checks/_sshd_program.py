"""sshd's programs and what they need to be started. Shared by the checks of them; no check itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePosixPath
from re import search

from rescue.checks._ssh_units import SERVICES, ssh_service
from rescue.facts import Facts
from rescue.formats.elf import Elf, ElfError, read_elf
from rescue.formats.packages import PACKAGE_READS, PROGRAM_LIMIT, SSHD
from rescue.formats.program_files import LARGEST, LOADER_CACHE, LOADER_CONFIG, taken
from rescue.formats.units import UNIT_READS
from rescue.tree import Read, Tree

SPLIT, SPLIT_AGAIN = (9, 8), (10, 0)
"""From when sshd starts sshd-session for each connection, and that sshd-auth for the login."""

HELPERS = {"sshd-session": ("SshdSessionPath", SPLIT), "sshd-auth": ("SshdAuthPath", SPLIT_AGAIN)}
FOLDERS = ("/usr/lib/openssh", "/usr/libexec/openssh", "/usr/lib/ssh", "/usr/libexec/ssh", "/usr/libexec")
"""Debian's; Red Hat's; Arch's and Alpine's; SUSE's; OpenSSH's own."""

SPECIAL = "@-:+!|"
LIBRARIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", "/usr/local/lib64")
MULTIARCH = ("x86_64-linux-gnu", "aarch64-linux-gnu", "i386-linux-gnu", "arm-linux-gnueabihf")
LIBRARY_LIMIT = 1 << 20
"""Bytes of a library that is looked into: the few larger ones need nothing but the C library."""
MAX_LIBRARIES = 200

READS = (
    *PACKAGE_READS,
    *UNIT_READS,
    *(Read(path, depth=0, limit=PROGRAM_LIMIT) for path in SSHD),
    *(Read(f"{folder}/{name}", depth=0, limit=PROGRAM_LIMIT) for folder in FOLDERS for name in HELPERS),
    Read(LOADER_CONFIG, depth=0),
    Read(LOADER_CACHE, depth=0, limit=LARGEST),
    Read(f"{LOADER_CONFIG}.d", depth=1),
    *(Read(folder, depth=1, content=False) for folder in LIBRARIES),
    *(Read(f"/usr/lib/{name}", depth=1, content=False) for name in MULTIARCH),
    *(Read(f"/usr/local/lib/{name}", depth=1, content=False) for name in MULTIARCH),
    Read("/etc/ssh", depth=2),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that sshd needs and what is wrong with it. closed: sshd runs, and ends each connection."""

    path: str
    what: str
    closed: bool = False
    mode: bool = False


def installed(facts: Facts) -> bool:
    """Whether there is an SSH server: its program, or a unit for it."""
    facts.tree.require(*(Read(path, depth=0, content=False) for path in SSHD))
    return any(facts.tree.lentry(path) is not None for path in SSHD) or ssh_service(facts.units) is not None


def program(facts: Facts) -> str:
    """The program that the service starts; where it does not say, the one that is there."""
    for name in SERVICES:
        commands = facts.units.unit(name).values("Service", "ExecStart")
        if commands and commands[-1].text.split():
            path = commands[-1].text.split()[0].lstrip(SPECIAL).strip('"')
            if path.startswith("/") and path.rpartition("/")[2].startswith("sshd"):
                return path
    return next((path for path in SSHD if facts.tree.entry(path) is not None), SSHD[0])


def faults(facts: Facts) -> Iterator[Fault]:
    """What is wrong with sshd's programs, the first one first. Later ones are not looked at where one is missing."""
    main = program(facts)
    facts.tree.require(Read(main, depth=0, limit=PROGRAM_LIMIT))
    own = list(_of(facts.tree, main, closed=False))
    yield from own
    if own or facts.openssh is None:
        return
    for name, (keyword, since) in HELPERS.items():
        if facts.openssh.version >= since:
            path = _helper(facts, name, keyword)
            yield from _of(facts.tree, path, closed=True)


def _helper(facts: Facts, name: str, keyword: str) -> str:
    given = facts.sshd.globals(keyword)
    if given:
        facts.tree.require(Read(given[0].words[0], depth=0, limit=PROGRAM_LIMIT))
        return given[0].words[0]
    built_in = search(
        rb"\0(/[\w./+-]{1,200}/" + name.encode() + rb")\0", facts.tree.data_if_read(program(facts)) or b""
    )
    if built_in:
        # sshd itself names where its own build keeps them.
        path = built_in[1].decode("ascii", "replace")
        facts.tree.require(Read(path, depth=0, limit=PROGRAM_LIMIT))
        return path
    paths = [f"{folder}/{name}" for folder in FOLDERS]
    usual = paths[0] if facts.release.is_debian else paths[1] if facts.release.is_red_hat else paths[2]
    return next((path for path in paths if facts.tree.lentry(path) is not None), usual)


def _of(tree: Tree, path: str, *, closed: bool) -> Iterator[Fault]:
    entry = tree.entry(path)
    if entry is None:
        yield Fault(path, "is not there", closed)
        return
    if not entry.is_file:
        yield Fault(path, "is no file", closed)
        return
    if not entry.mode & 0o111:
        yield Fault(path, "is not executable", closed, mode=True)
        return
    data = tree.data_if_read(path)
    if data is None or data.startswith(b"#!"):
        return  # too large to look into, or somebody's own script
    try:
        elf = read_elf(data)
    except ElfError as problem:
        yield Fault(path, str(problem), closed)
        return
    for where, what in _needs(tree, elf):
        yield Fault(where, f"{what}, and {path} does not start without it", closed)


def _needs(tree: Tree, elf: Elf) -> Iterator[tuple[str, str]]:
    """The interpreter and the libraries that are not there."""
    if elf.interpreter:
        tree.require(Read(elf.interpreter, depth=0, content=False))
        if tree.entry(elf.interpreter) is None:
            yield elf.interpreter, "is not there"
            return
    known: set[str] = set()
    level = [(name, elf.paths) for name in elf.needed]
    while level and len(known) < MAX_LIBRARIES:
        level = [(name, paths) for name, paths in level if name not in known]
        folders = {name: _folders(tree, elf, paths) for name, paths in level}
        every = dict.fromkeys(folder for places in folders.values() for folder in places)
        # Whole directories by name first: asking for each library in each of them would be a long list.
        tree.require(*(Read(folder, depth=1, content=False) for folder in every))
        names = {folder: frozenset(tree.children(folder)) for folder in every}
        found = {
            name: next((f"{place}/{name}" for place in places if name in names[place] and taken(tree, place, name)), None)
            for name, places in folders.items()
        }
        tree.require(*(Read(path, depth=0, limit=LIBRARY_LIMIT) for path in found.values() if path is not None))
        following: list[tuple[str, tuple[str, ...]]] = []
        for name, path in found.items():
            known.add(name)
            fault, needs = _library(tree, path)
            if fault:
                yield path or name, fault
            following += needs
        level = following


def _library(tree: Tree, path: str | None) -> tuple[str, list[tuple[str, tuple[str, ...]]]]:
    """What is wrong with a library, and what it needs itself."""
    if path is None:
        return "is not in any directory of libraries", []
    entry = tree.entry(path)
    if entry is None:
        return "is a link that leads nowhere", []
    if entry.is_file and entry.size == 0:
        return "is empty", []
    data = tree.data_if_read(path)
    if data is None:
        return "", []
    try:
        elf = read_elf(data)
    except ElfError as problem:
        return str(problem), []
    return "", [(name, elf.paths) for name in elf.needed]


def _folders(tree: Tree, elf: Elf, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Where the loader looks (ld.so(8)); its cache is made of the directories that ld.so.conf names."""
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

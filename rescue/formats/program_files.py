"""The files that a program is made of when it runs: itself, its interpreter, its shared libraries (ld.so(8)).

Libraries are looked for as glibc's loader does (_dl_map_object in dl-load.c): the paths in the files themselves, the
cache, the loader's own directories; and their symbols' versions are compared (_dl_check_map_versions in dl-version.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from re import compile as compile_pattern

from rescue.formats.elf import Elf, ElfError, read_elf
from rescue.formats.loader_cache import LOADER_CACHE, read_cache
from rescue.tree import Read, Tree

PRELOAD = "/etc/ld.so.preload"
LIBRARIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
"""The loader's own directories, beside those with the machine's name."""
MUSL = ("/lib", "/usr/local/lib", "/usr/lib")
MULTIARCH = ("x86_64-linux-gnu", "aarch64-linux-gnu", "i386-linux-gnu", "arm-linux-gnueabihf")
MAX_LIBRARIES = 200
MAX_PRELOADED = 20
LARGEST = 16 << 20

PROGRAM_READS = (
    Read(LOADER_CACHE, depth=0, limit=LARGEST),
    Read(PRELOAD, depth=0),
    *(Read(folder, depth=1, content=False) for folder in (*LIBRARIES, "/usr/local/lib")),
    *(Read(f"/usr/lib/{name}", depth=1, content=False) for name in MULTIARCH),
)

USUAL_FILES = tuple(
    f"/usr/lib/{folder}/{name}"
    for folder in MULTIARCH[:2]
    for name in [
        "libcrypt.so.1",
        "libwrap.so.0",
        "libaudit.so.1",
        "libpam.so.0",
        "libsystemd.so.0",
        "libselinux.so.1",
        "libgssapi_krb5.so.2",
        "libkrb5.so.3",
        "libcom_err.so.2",
        "libcrypto.so.3",
        "libz.so.1",
        "libc.so.6",
        "libnsl.so.2",
        "libcap-ng.so.0",
        "libcap.so.2",
        "libgcrypt.so.20",
        "liblzma.so.5",
        "libzstd.so.1",
        "liblz4.so.1",
        "libpcre2-8.so.0",
        "libk5crypto.so.3",
        "libkrb5support.so.0",
        "libkeyutils.so.1",
        "libresolv.so.2",
        "libm.so.6",
        "libtirpc.so.3",
        "libgpg-error.so.0",
        "libtinfo.so.6",
        "libwtmpdb.so.0",
        "libdbus-1.so.3",
        "libexpat.so.1",
        "libapparmor.so.1",
        "libseccomp.so.2",
        "libmount.so.1",
        "libblkid.so.1",
        "libacl.so.1",
        "libkmod.so.2",
        "libip4tc.so.2",
        "libpam_misc.so.0",
        "libeconf.so.0",
    ]
)
"""What sshd, bash and systemd are linked with on Debian and Ubuntu: asked for at once, not found out step by step."""

_PARTS = compile_pattern(r"[\s:]+")


@dataclass(frozen=True, slots=True)
class Library:
    """A library that a program needs. path: where the loader finds it; None if nowhere. by: the file that asks for it
    first. elf: None where it could not be looked into. fault: what is wrong with the file, "" for nothing.
    """

    name: str
    path: str | None
    by: str
    elf: Elf | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A program as the loader would put it together."""

    path: str
    elf: Elf
    libraries: tuple[Library, ...]

    @property
    def interpreter(self) -> str:
        return self.elf.interpreter

    def clashes(self) -> Iterator[tuple[str, str, str, str]]:
        """(file, version, name, provider): symbols' versions that a file wants and the library found has not.

        A library without any versions is taken for an older one that has all; musl's loader does not ask.
        """
        if "ld-musl" in self.interpreter:
            return
        by_name: dict[str, Library] = {}
        for library in self.libraries:
            for name in (library.name, library.elf.name if library.elf else ""):
                by_name.setdefault(name, library)
        users = ((self.path, self.elf), *((each.path or "", each.elf) for each in self.libraries if each.elf))
        for path, elf in users:
            for name, version in elf.wants:
                provider = by_name.get(name)
                if provider is None or provider.elf is None or not provider.elf.versions:
                    continue
                if version not in provider.elf.versions:
                    yield path, version, name, provider.path or name


def load(tree: Tree, path: str, may_read: Callable[[str], bool] | None = None) -> Program | None:
    """The program and what the loader adds to it; None if it is not an ELF program or can't be read. NotCaptured.

    may_read: whether the one who starts it may open a file: one that is closed is passed over for the next by that
    name (and is taken where there is no other, as it is the one that is missing).
    """
    elf = _elf(tree, path)
    if elf is None:
        return None
    finder = _Finder(tree, elf, may_read or (lambda _: True))
    found: list[Library] = []
    known: set[str] = set()
    if elf.interpreter:
        known.add(elf.interpreter.rpartition("/")[2])
        tree.require(Read(elf.interpreter, depth=0, limit=LARGEST))
        found.append(Library(elf.interpreter.rpartition("/")[2], elf.interpreter, path, _elf(tree, elf.interpreter)))
    preloaded = _preloaded(tree) if elf.interpreter else ()
    wanted = [_Wanted(name, PRELOAD, (), (), optional=True) for name in preloaded]
    wanted += _needs(elf, path, ())
    while wanted and len(known) < MAX_LIBRARIES:
        level = list({each.name: each for each in reversed(wanted) if each.name not in known}.values())[::-1]
        finder.prepare(level)
        wanted = []
        for each in level:
            if each.name in known:
                continue  # the SONAME of one that was loaded meanwhile
            known.add(each.name)
            library = finder.library(each)
            if each.optional and (library.path is None or library.fault or not finder.opens(library.path)):
                continue  # the loader complains, and goes on without it
            found.append(library)
            if library.elf is not None:
                known.add(library.elf.name)
                wanted += _needs(library.elf, library.path or "", each.inherited)
    return Program(path, elf, tuple(found))


def program_files(tree: Tree, path: str) -> tuple[str, ...]:
    """The program and what the loader adds to it, each by the path where it is found; () if it is not a program.

    What is missing is left out. Raises NotCaptured.
    """
    program = load(tree, path)
    if program is None:
        return ()
    return (path, *dict.fromkeys(each.path for each in program.libraries if each.path is not None))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A name that a file asks for. own: its RUNPATH, or RPATHs; inherited: the RPATHs that count below it."""

    name: str
    by: str
    own: tuple[str, ...]
    inherited: tuple[str, ...]
    optional: bool = False


def _needs(elf: Elf, path: str, above: tuple[str, ...]) -> list[_Wanted]:
    origin = path.rpartition("/")[0] or "/"
    paths = tuple(each.replace("${ORIGIN}", origin).replace("$ORIGIN", origin) for each in elf.paths)
    paths = tuple(each.rstrip("/") or "/" for each in paths if each.startswith("/") and "$" not in each)
    inherited = (*paths, *above) if elf.inherited else above
    own = inherited if elf.inherited else paths
    return [_Wanted(name, path, own, inherited) for name in elf.needed]


def _preloaded(tree: Tree) -> list[str]:
    tree.require(Read(PRELOAD, depth=0))
    lines = (tree.text_if_read(PRELOAD) or "").split("\n")
    words = (word for line in lines for word in _PARTS.split(line.partition("#")[0]))
    return [word for word in words if word][:MAX_PRELOADED]


class _Finder:
    """Where the loader looks for the libraries of one program."""

    def __init__(self, tree: Tree, elf: Elf, may_read: Callable[[str], bool]) -> None:
        self._tree, self._elf, self._may_read = tree, elf, may_read
        tree.require(*PROGRAM_READS)
        musl = "ld-musl" in elf.interpreter
        cache = None if musl else tree.data_if_read(LOADER_CACHE)
        self._cache = (read_cache(cache, elf.machine) or {}) if cache is not None else {}
        usual = (f"{folder}/{name}" for folder in ("/lib", "/usr/lib") for name in MULTIARCH if _fits(name, elf))
        self._folders = tuple(dict.fromkeys((*MUSL, *LIBRARIES))) if musl else (*usual, *LIBRARIES)
        self._names = {folder: frozenset(tree.children(folder)) for folder in self._folders}

    def prepare(self, level: list[_Wanted]) -> None:
        """Ask at once for what a whole level needs."""
        paths = [path for each in level for path in self._candidates(each)]
        self._tree.require(*(Read(path, depth=0, limit=LARGEST) for path in dict.fromkeys(paths)))

    def _candidates(self, wanted: _Wanted) -> list[str]:
        name = wanted.name
        if "/" in name:
            return [name] if name.startswith("/") else []
        self._tree.require(
            *(Read(folder, depth=1, content=False) for folder in wanted.own if folder not in self._names)
        )
        for folder in wanted.own:
            self._names.setdefault(folder, frozenset(self._tree.children(folder)))
        there = [f"{folder}/{name}" for folder in wanted.own if name in self._names[folder]]
        there += [path for path in self._cache.get(name, ()) if path.startswith("/")]
        there += [f"{folder}/{name}" for folder in self._folders if name in self._names[folder]]
        return list(dict.fromkeys(there))

    def opens(self, path: str) -> bool:
        """Whether the one who starts the program may read the file."""
        return self._may_read(path)

    def library(self, wanted: _Wanted) -> Library:
        """The first file by that name that is one for this machine; else the first that can't be used."""
        closed: Library | None = None
        nowhere: Library | None = None
        for path in self._candidates(wanted):
            entry = self._tree.entry(path)
            if entry is None:
                if self._tree.lentry(path) is not None:
                    nowhere = nowhere or Library(wanted.name, path, wanted.by, None, "is a link that leads nowhere")
                continue
            found = self._looked_into(wanted, path)
            if found is None:
                continue
            if self._may_read(path):
                return found
            closed = closed or found
        return closed or nowhere or Library(wanted.name, None, wanted.by, None, "is not in any directory of libraries")

    def _looked_into(self, wanted: _Wanted, path: str) -> Library | None:
        data = self._tree.data_if_read(path)
        if data is None:
            return Library(wanted.name, path, wanted.by, None)
        try:
            elf = read_elf(data)
        except ElfError as problem:
            return Library(wanted.name, path, wanted.by, None, str(problem))
        if (elf.bits, elf.machine) != (self._elf.bits, self._elf.machine):
            return None  # the loader goes on looking
        return Library(wanted.name, path, wanted.by, elf)


def _elf(tree: Tree, path: str) -> Elf | None:
    tree.require(Read(path, depth=0, limit=LARGEST))
    data = tree.data_if_read(path)
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


def _fits(name: str, elf: Elf) -> bool:
    return {"x86_64": 62, "aarch64": 183, "i386": 3, "arm": 40}.get(name.partition("-")[0]) == elf.machine

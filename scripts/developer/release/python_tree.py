"""The folder that a .run file unpacks: Python, what it is linked to, rescue and what it imports.

``bin/python3`` starts the interpreter by the loader and the libraries that lie beside it, whatever the host has. The
host's own programs are started without them: nothing is exported but what the person's shell had.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rescue.formats.elf import read_elf
from scripts.developer.release import debian, wheels
from scripts.developer.release.debian import Package
from scripts.developer.release.wheels import Wheel

VERSION = "3.11"
PACKAGES = (
    "gcc-12-base", "libbz2-1.0", "libc6", "libcrypt1", "libexpat1", "libffi8", "libgcc-s1", "liblzma5",
    "libpython3.11-minimal", "libpython3.11-stdlib", "libsqlite3-0", "libuuid1", "python3.11-minimal", "zlib1g",
)  # fmt: skip
_UNUSED = (
    "LICENSE.txt", "config-3.11-*", "ctypes/macholib", "curses", "dbm", "distutils", "ensurepip", "idlelib", "lib2to3",
    "pydoc.py", "pydoc_data", "sqlite3/dump.py", "test", "tkinter", "turtle.py", "turtledemo", "venv",
    "wsgiref", "xmlrpc",
    "encodings/big5*", "encodings/cp9[345]*", "encodings/euc_*", "encodings/gb*", "encodings/hz.py",
    "encodings/iso2022_*", "encodings/johab.py", "encodings/shift_jis*", "encodings/mac_*",
    "_pydecimal.py", "_pyio.py", "ssl.py", "optparse.py", "pdb.py", "bdb.py",
    "sitecustomize.py", "doctest.py", "imaplib.py", "nntplib.py", "smtpd.py", "smtplib.py", "ftplib.py", "poplib.py",
    "telnetlib.py", "mailbox.py", "tracemalloc.py", "cgi.py", "cgitb.py", "antigravity.py", "this.py", "__phello__",
    "pickletools.py", "asyncore.py", "asynchat.py", "aifc.py", "chunk.py", "wave.py", "sunau.py", "sndhdr.py", "uu.py",
)  # fmt: skip
"""Parts of the standard library that neither rescue nor its libraries import; a test imports all that they do."""
_MODULES_OF_C = (
    "_asyncio", "_bz2", "_contextvars", "_ctypes", "_decimal", "_json", "_lzma", "_multiprocessing", "_posixshmem",
    "_queue", "_sqlite3", "_typing", "_uuid", "_zoneinfo", "mmap", "resource", "termios",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Architecture:
    """One that a .run file is made for."""

    name: str  # as uname -m has it
    debian: str
    triplet: str
    loader: str
    machines: str  # as a pattern of sh


ARCHITECTURES = (
    Architecture("x86_64", "amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2", "x86_64|amd64"),
    Architecture("aarch64", "arm64", "aarch64-linux-gnu", "ld-linux-aarch64.so.1", "aarch64|arm64"),
)

_WRAPPER = """\
#!/bin/sh
# Python with the libraries that lie beside it: it needs nothing of this system.
here=$(cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
exec "$here/lib/{loader}" --argv0 "$here/bin/python3" --library-path "$here/lib" "$here/lib/python.elf" "$@"
"""


def build(into: Path, architecture: Architecture, packages: list[Package], pure: list[Wheel], package: Path) -> None:
    """Fill the empty folder `into`. package: the folder rescue/ to copy."""
    unpacked = into.with_name(f"{into.name}.debian")
    unpacked.mkdir(parents=True)
    for each in packages:
        debian.unpack(each, unpacked)
    library = into / "lib"
    standard = library / f"python{VERSION}"
    shutil.copytree(unpacked / f"usr/lib/python{VERSION}", standard, symlinks=False, ignore=_ignored)
    _keep_modules_of_c(standard / "lib-dynload", architecture)
    shutil.copy(unpacked / f"usr/bin/python{VERSION}", library / "python.elf")
    _copy_libraries(unpacked, library, architecture)
    wrapper = into / "bin" / "python3"
    wrapper.parent.mkdir()
    wrapper.write_text(_WRAPPER.format(loader=architecture.loader))
    ours = library / "python3" / "dist-packages"
    ours.mkdir(parents=True)
    for wheel in pure:
        wheels.unpack(wheel, ours)
    shutil.copytree(package, ours / "rescue", ignore=shutil.ignore_patterns("__pycache__"))
    _write_licences(into / "licences", unpacked, packages, pure)
    shutil.rmtree(unpacked)
    _set_modes(into)


def compile_all(trees: list[Path]) -> None:
    """Compile every module of the trees, with the Python of the first, which has to run here.

    Only what was compiled is kept: it is half the size, and the Python is always this one. The standard library goes
    without its docstrings (-OO), of which some 300 kB are left after compression; ours are the manual. The same input
    gives the same bytes.
    """
    program = str(trees[0] / "bin" / "python3")
    environment = {"PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
    for tree in trees:
        library = tree / "lib"
        words = [program, "-I", "-m", "compileall", "-q", "-b", "-j", "1", "--invalidation-mode", "unchecked-hash"]
        words += ["-s", str(tree)]
        subprocess.run([*words, "-o", "2", str(library / f"python{VERSION}")], check=True, env=environment)
        subprocess.run([*words, str(library / "python3")], check=True, env=environment)
        for source in library.rglob("*.py"):
            source.unlink()
        for cache in [*library.rglob("__pycache__")]:
            shutil.rmtree(cache)
        _set_modes(tree)


def _ignored(folder: str, names: list[str]) -> set[str]:
    """Of the names in a folder of the standard library those that are left out."""
    below = Path(folder.partition(f"/usr/lib/python{VERSION}")[2].strip("/"))
    return {name for name in names if name == "__pycache__" or _unused(below / name)}


def _unused(path: Path) -> bool:
    return any(len(path.parts) == len(Path(pattern).parts) and path.match(pattern) for pattern in _UNUSED)


def _keep_modules_of_c(folder: Path, architecture: Architecture) -> None:
    keep = {f"{name}.cpython-311-{architecture.triplet}.so" for name in _MODULES_OF_C}
    for path in folder.iterdir():
        if path.name not in keep:
            path.unlink()


def _copy_libraries(unpacked: Path, library: Path, architecture: Architecture) -> None:
    """The loader, and all that the interpreter and its modules are linked to, directly or not."""
    places = [unpacked / each / architecture.triplet for each in ("lib", "usr/lib")]
    wanted = [architecture.loader, "libgcc_s.so.1"]
    for path in (library / "python.elf", *(library / f"python{VERSION}" / "lib-dynload").iterdir()):
        wanted.extend(_needed(path))
    while wanted:
        name = wanted.pop()
        if (library / name).exists():
            continue
        found = next((place / name for place in places if (place / name).exists()), None)
        if found is None:
            raise FileNotFoundError(f"no package of the list has the library {name}")
        shutil.copy(found.resolve() if found.is_symlink() else found, library / name)
        wanted.extend(_needed(library / name))


def _needed(path: Path) -> tuple[str, ...]:
    return read_elf(path.read_bytes()).needed


def _write_licences(into: Path, unpacked: Path, packages: list[Package], pure: list[Wheel]) -> None:
    into.mkdir()
    for package in packages:
        text = (unpacked / "usr/share/doc" / package.name / "copyright").resolve()
        shutil.copyfile(text, into / f"{package.name}.txt")
    write_licences_of_wheels(into, pure)


def write_licences_of_wheels(into: Path, pure: list[Wheel]) -> None:
    """The texts of the licences of the packages from PyPI, one file each."""
    into.mkdir(exist_ok=True)
    for wheel in pure:
        text = "\n\n".join(wheels.licences(wheel).values()) or f"{wheel.licence}\n"
        (into / f"{wheel.name}.txt").write_text(text)


def _set_modes(tree: Path) -> None:
    programs = {tree / "bin" / "python3", *(tree / "lib").glob("ld-linux*"), tree / "lib" / "python.elf"}
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path in programs else 0o644)
    os.sync()

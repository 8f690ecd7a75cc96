"""The files that a program is made of when it runs: itself, its interpreter, its shared libraries (ld.so(8))."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath

from rescue.formats.elf import Elf, ElfError, read_elf
from rescue.tree import Read, Tree

LOADER_CONFIG, LOADER_CACHE = "/etc/ld.so.conf", "/etc/ld.so.cache"
LIBRARIES = ("/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", "/usr/local/lib64")
MULTIARCH = ("x86_64-linux-gnu", "aarch64-linux-gnu", "i386-linux-gnu", "arm-linux-gnueabihf")
OWN = frozenset({"/lib64", "/usr/lib64", "/lib", "/usr/lib"})
"""The directories that the loader looks into without its cache."""
MAGIC = (b"glibc-ld.so.cache", b"ld.so-1.7.0")
MAX_LIBRARIES = 200
LARGEST = 16 << 20

USUAL_FILES = tuple(
    f"/usr/lib/{folder}/{name}"
    for folder in MULTIARCH[:2]
    for name in (
        "libcrypt.so.1 libwrap.so.0 libaudit.so.1 libpam.so.0 libsystemd.so.0 libselinux.so.1 libgssapi_krb5.so.2 libkrb5.so.3 "
        "libcom_err.so.2 libcrypto.so.3 libz.so.1 libc.so.6 libnsl.so.2 libcap-ng.so.0 libcap.so.2 libgcrypt.so.20 liblzma.so.5 "
        "libzstd.so.1 liblz4.so.1 libpcre2-8.so.0 libk5crypto.so.3 libkrb5support.so.0 libkeyutils.so.1 libresolv.so.2 libm.so.6 "
        "libtirpc.so.3 libgpg-error.so.0 libtinfo.so.6 libwtmpdb.so.0 libdbus-1.so.3 libexpat.so.1 libapparmor.so.1 libseccomp.so.2 "
        "libmount.so.1 libblkid.so.1 libacl.so.1 libkmod.so.2 libip4tc.so.2 libpam_misc.so.0 libeconf.so.0"
    ).split()
)
"""What sshd, bash and systemd are linked with on Debian and Ubuntu: asked for at once, not found out step by step."""


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
        here = {
            name: next((f"{place}/{name}" for place in places if name in names[place] and taken(tree, place, name)), None)
            for name, places in folders.items()
        }
        tree.require(*(Read(each, depth=0, limit=LARGEST) for each in here.values() if each is not None))
        level = []
        for name, each in here.items():
            known.add(name)
            if each is not None:
                found[each] = None
                below = _elf(tree, each)
                level += [(needed, below.paths) for needed in below.needed] if below is not None else []
    return tuple(found)


def taken(tree: Tree, folder: str, name: str) -> bool:
    """Whether the loader would take a library from that directory: beside its own ones it knows what its cache names.

    ldconfig(8), which makes the cache, leaves out what is no library.
    """
    if folder in OWN or folder.rpartition("/")[2] in MULTIARCH and folder.startswith(("/lib/", "/usr/lib/")):
        return True
    tree.require(Read(LOADER_CACHE, depth=0, limit=LARGEST))
    cache = tree.data(LOADER_CACHE)
    return cache is None or not cache.startswith(MAGIC) or f"\0{folder}/{name}\0".encode("utf-8", "surrogateescape") in cache


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

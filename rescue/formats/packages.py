"""Which OpenSSH server and which nft are installed, from the package database: dpkg, apk and pacman; else from the
program itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from re import compile as compile_pattern

from rescue.formats.os_release import read_release
from rescue.tree import NotCaptured, Read, ReadError, Tree

DPKG_STATUS = "/var/lib/dpkg/status"
DPKG_UPDATES = "/var/lib/dpkg/updates"
"""What an interrupted dpkg had to say, and did not get into the status file (dbmodify.c of dpkg)."""
APK_INSTALLED = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
PACMAN_LOCAL = "/var/lib/pacman/local"
SSHD = ("/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd")
NFT = ("/usr/sbin/nft", "/usr/bin/nft", "/sbin/nft")
SESSION = ("/usr/lib/openssh/sshd-session", "/usr/libexec/openssh/sshd-session", "/usr/lib/ssh/sshd-session")

DATABASE_LIMIT = 32 << 20
PROGRAM_LIMIT = 4 << 20
MOST_UNFINISHED = 10_000
_FIELDS_ABOVE = 4096
"""Bytes between the name of a package and its state: they are neighbours."""

PACKAGE_READS = (
    *(Read(path, depth=0, limit=DATABASE_LIMIT) for path in (DPKG_STATUS, *APK_INSTALLED)),
    Read(PACMAN_LOCAL, depth=1, content=False),
    *(Read(path, depth=0, content=False) for path in SSHD),
)
INTERRUPTED_READS = (Read(DPKG_STATUS, depth=0, limit=DATABASE_LIMIT), Read(DPKG_UPDATES, depth=1))
NFT_READS = tuple(Read(path, depth=0, limit=PROGRAM_LIMIT) for path in NFT)
"""The program of nftables, which is small: it is asked where no database tells."""

SYSTEMD_FOLDERS = ("/usr/lib/systemd", "/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd")
"""Where libsystemd-shared-RELEASE.so lies."""

_SHARED = compile_pattern(r"libsystemd-shared-(\d{3})\D")
_VERSION = compile_pattern(r"(?:\d+:)?(\d{1,3})\.(\d{1,3})")
_NUMBERS = compile_pattern(r"(?:\d+:)?(\d{1,6}(?:\.\d{1,6}){0,4})")
_RELEASE = compile_pattern(r"(?:\d+:)?(\d{1,4})\b")
_UNFINISHED = compile_pattern(rb"(?m)^Status: \S+ \S+ (half-installed|half-configured|unpacked)$")
_PACKAGE = compile_pattern(rb"(?m)^Package: (\S+)$")
_CONFFILE = compile_pattern(rb"(?m)^ (/\S+) ([0-9a-f]{32})(?: obsolete)?$")
# compat.c names many old peers ("OpenSSH_6.6.1*"); only the program's own version is followed by a portable level.
_NFT = compile_pattern(rb"\0(\d{1,2}\.\d{1,3}\.\d{1,3})\0+nftables\0")
_BANNER = compile_pattern(rb"OpenSSH_(\d{1,3}\.\d{1,3}(?:\.\d{1,3})?p\d{1,3})")


@dataclass(frozen=True, slots=True)
class OpenSSH:
    """An installed OpenSSH server.

    major, minor: of the upstream release (9, 2). distro: the os-release id of the distribution whose patches it
    carries; empty if unknown. package: the package's version ("1:9.2p1-2+deb12u6"), or the program's own ("9.2p1").
    """

    major: int
    minor: int
    distro: str = ""
    package: str = ""

    @property
    def version(self) -> tuple[int, int]:
        return (self.major, self.minor)


def openssh_version(tree: Tree) -> OpenSSH | None:
    """The installed server's version; None if no database and no program tells. An rpm database is not read."""
    tree.require(*PACKAGE_READS)
    distro = read_release(tree).id
    # One after the other: the program is read only where no database tells.
    sources = (_from_dpkg, _from_apk, _from_pacman, _from_program)
    for found in chain.from_iterable(_if_read(source, tree) for source in sources):
        match = _VERSION.match(found)
        if match:
            return OpenSSH(int(match[1]), int(match[2]), distro, found)
    return None


def _if_read(source: Callable[[Tree], Iterator[str]], tree: Tree) -> Iterator[str]:
    """What a source tells; nothing more where it can't be read: another may tell."""
    try:
        yield from source(tree)
    except ReadError:
        return


def package_state(tree: Tree, package: str) -> tuple[str, str, str] | None:
    """dpkg's wanted action, flag and state of a package: ("install", "ok", "installed"); None without."""
    tree.require(*PACKAGE_READS)
    for paragraph in _paragraphs(tree.data(DPKG_STATUS), b"Package: %s\n" % package.encode()):
        for line in paragraph.split("\n"):
            words = line.removeprefix("Status: ").split()
            if line.startswith("Status: ") and len(words) == 3:
                return words[0], words[1], words[2]
    return None


def interrupted_packages(tree: Tree) -> dict[str, str]:
    """The packages whose installation dpkg began and did not end, with their state."""
    tree.require(*INTERRUPTED_READS)
    found: dict[str, str] = {}
    data = tree.data(DPKG_STATUS) or b""
    for status in islice(_UNFINISHED.finditer(data), MOST_UNFINISHED):
        near = max(0, status.start() - _FIELDS_ABOVE)
        begin = max(near, data.rfind(b"\n\n", near, status.start()) + 1)
        name = _PACKAGE.search(data, begin, status.start())
        if name is not None:
            found[name[1].decode("utf-8", "surrogateescape")] = status[1].decode("ascii")
    for each in sorted(name for name in tree.children(DPKG_UPDATES) if name.isascii() and name.isdigit()):
        entry = tree.entry(f"{DPKG_UPDATES}/{each}")
        text = tree.text(f"{DPKG_UPDATES}/{each}") if entry is not None and entry.is_file else None
        fields = dict(line.split(": ", 1) for line in (text or "").split("\n") if ": " in line)
        state = fields.get("Status", "").rpartition(" ")[2]
        if state in ("half-installed", "half-configured", "unpacked"):
            found[fields.get("Package", "")] = state
        else:
            found.pop(fields.get("Package", ""), None)
    return found


def systemd_version(tree: Tree) -> int | None:
    """The release of the installed systemd (252), by dpkg or by the name of its own library; None if neither tells."""
    tree.require(*PACKAGE_READS)
    for found in _if_read(lambda here: _from_dpkg(here, b"systemd"), tree):
        release = _RELEASE.match(found)
        if release:
            return int(release[1])
    tree.require(*(Read(folder, depth=1, content=False) for folder in SYSTEMD_FOLDERS))
    names = (_SHARED.match(name) for folder in SYSTEMD_FOLDERS for name in tree.children(folder))
    return max((int(name[1]) for name in names if name is not None), default=None)


def package_version(tree: Tree, name: str) -> tuple[int, ...] | None:
    """The upstream release of an installed package as numbers (1, 9, 13), by dpkg; None if that does not tell."""
    tree.require(*PACKAGE_READS)
    for found in _from_dpkg(tree, name.encode()):
        numbers = _NUMBERS.match(found)
        if numbers:
            return tuple(int(each) for each in numbers[1].split("."))
    return None


def nft_version(tree: Tree) -> tuple[int, ...]:
    """The installed release of nftables as numbers (1, 0, 6), by a database or by the program; () if none tells."""
    tree.require(*PACKAGE_READS)
    sources: tuple[Callable[[Tree], Iterator[str]], ...] = (
        lambda here: _from_dpkg(here, b"nftables"),
        lambda here: _from_apk(here, "nftables"),
        lambda here: _from_pacman(here, "nftables"),
        _of_nft,
    )
    for found in chain.from_iterable(_if_read(source, tree) for source in sources):
        numbers = _NUMBERS.match(found)
        if numbers:
            return tuple(int(each) for each in numbers[1].split("."))[:3]
    return ()


def _of_nft(tree: Tree) -> Iterator[str]:
    """In the program, the version precedes its name. An older support bundle does not hold it."""
    try:
        tree.require(*NFT_READS)
    except NotCaptured:
        return
    for path in NFT:
        entry = tree.entry(path)
        match = _NFT.search(tree.data_if_read(path) or b"") if entry is not None and entry.is_file else None
        if match:
            yield match[1].decode("ascii")


def links_libwrap(tree: Tree) -> bool:
    """Whether the installed sshd asks TCP wrappers (hosts.allow, hosts.deny): told by what its package depends on, else
    by the libraries that the programs name. From 9.8 on it is sshd-session that does."""
    tree.require(*PACKAGE_READS)
    for fields in _dpkg_fields(tree, b"openssh-server"):
        if "Depends" in fields:
            return "libwrap" in fields["Depends"]
    tree.require(*(Read(path, depth=0, limit=PROGRAM_LIMIT) for path in (*SSHD, *SESSION)))
    return any(b"\0libwrap.so.0\0" in (tree.data(path) or b"") for path in (*SSHD, *SESSION))


def conffiles(tree: Tree) -> dict[str, str]:
    """Each configuration file of dpkg's packages -> the MD5 of its content as it was shipped (deb-conffiles(5))."""
    tree.require(*PACKAGE_READS)
    found = _CONFFILE.finditer(tree.data(DPKG_STATUS) or b"")
    return {each[1].decode("utf-8", "surrogateescape"): each[2].decode("ascii") for each in found}


def _from_dpkg(tree: Tree, package: bytes = b"openssh-server") -> Iterator[str]:
    """The package's version."""
    for fields in _dpkg_fields(tree, package):
        yield fields.get("Version", "")


def _dpkg_fields(tree: Tree, package: bytes) -> Iterator[dict[str, str]]:
    """deb-control(5) paragraphs of dpkg's status file (dpkg(1)); the third word of Status is the package's state."""
    for paragraph in _paragraphs(tree.data(DPKG_STATUS), b"Package: %s\n" % package):
        fields = dict(line.partition(": ")[::2] for line in paragraph.split("\n") if not line.startswith(" "))
        if fields.get("Status", "").split()[2:3] not in ([], ["config-files"], ["not-installed"]):
            yield fields


def _from_apk(tree: Tree, *packages: str) -> Iterator[str]:
    """Alpine's installed database: paragraphs with P: for the name and V: for the version (apk-package(5))."""
    for path in APK_INSTALLED:
        for name in packages or ("openssh-server", "openssh-server-pam"):
            for paragraph in _paragraphs(tree.data(path), b"P:%s\n" % name.encode()):
                yield from (line[2:] for line in paragraph.split("\n") if line.startswith("V:"))


def _from_pacman(tree: Tree, package: str = "openssh") -> Iterator[str]:
    """Arch names a directory for each package: name-version-release."""
    for name in tree.children(PACMAN_LOCAL):
        version = name.removeprefix(f"{package}-")
        if version != name and version[:1].isdigit():
            yield version


def _from_program(tree: Tree) -> Iterator[str]:
    for path in SSHD:
        entry = tree.entry(path)
        if entry is None or not entry.is_file:
            continue
        tree.require(Read(path, depth=0, limit=PROGRAM_LIMIT))
        match = _BANNER.search(tree.data_if_read(path) or b"")
        if match:
            yield match[1].decode("ascii")


def _paragraphs(data: bytes | None, first: bytes) -> Iterator[str]:
    """The paragraphs with a line `first`. The database has megabytes: it is searched, not split."""
    at = -1 if data is None else 0
    while data is not None and (at := data.find(first, at)) >= 0:
        if at == 0 or data[at - 1 : at] == b"\n":
            begin = data.rfind(b"\n\n", 0, at) + 2 if data.rfind(b"\n\n", 0, at) >= 0 else 0
            end = data.find(b"\n\n", at)
            yield data[begin : end if end >= 0 else len(data)].decode("utf-8", "replace")
        at += len(first)

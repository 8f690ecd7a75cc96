"""Whether a file is as its package shipped it, by dpkg's own lists of MD5 sums (deb-md5sums(5), deb-conffiles(5)).

Where no such list is there (rpm, apk, pacman; a server without its dpkg database) nothing can be told of any file.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5
from re import compile as compile_pattern

from rescue.cached_fact import fact
from rescue.formats.packages import PACKAGE_READS, conffiles
from rescue.tree import LinkLoop, NotCaptured, Read, Tree

INFO = "/var/lib/dpkg/info"
SHIPPED_READS = (*PACKAGE_READS, Read(INFO, depth=1, content=False))
LARGEST = 16 << 20
"""Bytes of a program or library that is read for its sum."""

LONGEST_TEXT, MOST_LINES = 1 << 16, 500
"""Bytes and lines of a text of which the shipped part is looked for."""

PACKAGES = compile_pattern(
    r"(?:openssh-(?:server|client|sftp-server)|sudo|bash|dash|zsh|zsh-common|fish|base-files|login|passwd|coreutils|tmux|screen|"
    r"systemd|systemd-sysv|libsystemd0|libsystemd-shared|libpam-[a-z-]+|libpam0g|libnss-[a-z-]+|dbus(?:-[a-z-]+)?|udev|"
    r"libc6|libcrypt1|libssl\d\w*|libselinux1|libaudit1|libaudit-common|zlib1g|libwrap0|libgssapi-krb5-2|libkrb5-3|"
    r"libk5crypto3|libkrb5support0|libcom-err2|libkeyutils1|libnsl2|libtirpc3\w*|libtirpc-common|libcap2|libcap-ng0|"
    r"libgcrypt20|libgpg-error0|liblzma5|libzstd1|liblz4-1|libpcre2-8-0|libtinfo6|libwtmpdb0|libmd0|libbsd0|libdb5\.3\w*|"
    r"libacl1|libattr1|ucf|init-system-helpers|libdbus-1-3|libcbor[\d.]+\w*|libfido2-1|libudev1|libmount1|libblkid1|"
    r"libseccomp2|libkmod2|kmod|libapparmor1|gcc-\d+-base|libgcc-s1)"
    r"(?::[a-z0-9]+)?\.md5sums"
)
"""The packages whose lists are read: what sshd, its PAM modules, the login shells and systemd's units are made of."""

_LINE = compile_pattern(rb"(?m)^([0-9a-f]{32})  (\S.*)$")
_MERGED = ("bin/", "sbin/", "lib/", "lib64/", "lib32/", "libx32/")


class Shipped:
    """The sums of a tree's packages."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._verdicts: dict[str, bool | None] = {}

    @fact
    def sums(self) -> dict[str, str]:
        """Each path, without its first slash and without "usr/" where Debian has merged it, -> its MD5."""
        tree = self._tree
        tree.require(*SHIPPED_READS)
        lists = [f"{INFO}/{name}" for name in tree.children(INFO) if PACKAGES.fullmatch(name)]
        tree.require(*(Read(path, depth=0) for path in lists))
        found: dict[str, str] = {}
        for path in lists:
            for line in _LINE.finditer(tree.data(path) or b""):
                found[_merged(line[2].decode("utf-8", "surrogateescape"))] = line[1].decode("ascii")
        for name, digest in conffiles(tree).items():
            found[_merged(name.lstrip("/"))] = digest
        return found

    def known(self, path: str) -> bool:
        """Whether a package's list names the file."""
        return _merged(path.lstrip("/")) in self.sums

    def intact(self, path: str) -> bool | None:
        """Whether the file (links followed) is as it was shipped; None where no list names it. NotCaptured."""
        if path not in self._verdicts:
            self._verdicts[path] = self._intact(path)
        return self._verdicts[path]

    def _intact(self, path: str) -> bool | None:
        try:
            real = str(self._tree.resolve(path))
        except LinkLoop:
            return False
        wanted = self.sums.get(_merged(real.lstrip("/"))) or self.sums.get(_merged(path.lstrip("/")))
        if wanted is None:
            return None
        self._tree.require(Read(real, depth=0, limit=LARGEST))
        data = self._tree.data(real)
        return data is not None and md5(data, usedforsecurity=False).hexdigest() == wanted

    def within(self, path: str) -> str | None:
        """What a package shipped of a text file to which somebody has added lines before or behind; None if it is not
        there as a whole, or nobody's list names the file."""
        wanted = self.sums.get(_merged(path.lstrip("/")))
        data = self._tree.data(path) if wanted is not None else None
        if data is None or len(data) > LONGEST_TEXT:
            return None
        lines = data.splitlines(keepends=True)[:MOST_LINES]
        for number in range(len(lines) + 1):
            for piece in (b"".join(lines[:number]), b"".join(lines[number:])):
                if md5(piece, usedforsecurity=False).hexdigest() == wanted:
                    return piece.decode("utf-8", "surrogateescape")
        return None

    def altered(self, paths: Iterable[str]) -> list[str]:
        """Those that a package shipped otherwise, or that are gone."""
        missing: dict[Read, None] = {}
        found = []
        for path in paths:
            try:
                if self.intact(path) is False:
                    found.append(path)
            except NotCaptured as problem:
                missing.update(dict.fromkeys(problem.reads))
        if missing:
            raise NotCaptured(*missing)
        return found


def _merged(path: str) -> str:
    stripped = path.removeprefix("usr/")
    return stripped if stripped.startswith(_MERGED) else path

"""A real Debian root that may be broken: a layer over the cached one, or a small disk of its own."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rescue.labs.images.image import BuiltImage, make_ext4

JOURNAL = "var/lib/rescue"
"""Where a fix keeps its journal on the target."""


@dataclass
class BrokenRoot:
    """A server's root at `path`. `lower` is the untouched one below it, `upper` what was changed (None: no layer).

    known: digests of files that earlier looks at the same server's disk have read; it is added to.
    """

    path: Path
    lower: Path | None = None
    upper: Path | None = None
    known: dict[Stamp, str] | None = None
    _hashes: dict[str, str] = field(default_factory=dict)

    # -- breaking it -------------------------------------------------------------------------------------------

    def text(self, name: str) -> str:
        return (self.path / name).read_text()

    def write(self, name: str, text: str) -> None:
        """Replace a file's content in place, as an editor does that keeps owner and mode."""
        (self.path / name).write_text(text)

    def replace(self, name: str, old: str, new: str) -> None:
        """Exchange one piece of a file's text, which must be there."""
        text = self.text(name)
        assert old in text, f"{name} does not hold {old!r}"
        self.write(name, text.replace(old, new, 1))

    # -- what it is --------------------------------------------------------------------------------------------

    def manifest(self) -> Manifest:
        """Everything below the root but the journal: kind, mode, owner, size, times, xattrs and content's digest."""
        found: dict[str, Facet] = {}
        left = [self.path]
        while left:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    name = os.path.relpath(entry.path, self.path)
                    if name == JOURNAL or name == "lost+found":
                        continue
                    found[name] = self._facet(name, Path(entry.path))
                    if entry.is_dir(follow_symlinks=False):
                        left.append(Path(entry.path))
        return Manifest(found)

    def _facet(self, name: str, path: Path) -> Facet:
        told = path.lstat()
        content = ""
        if stat.S_ISREG(told.st_mode):
            content = self._digest(name, path, told)
        elif stat.S_ISLNK(told.st_mode):
            content = str(path.readlink())
        xattrs = tuple(
            (each, os.getxattr(path, each, follow_symlinks=False))
            for each in sorted(os.listxattr(path, follow_symlinks=False))
        )
        return Facet(
            told.st_mode, told.st_uid, told.st_gid, told.st_nlink, told.st_rdev, content, xattrs, told.st_mtime_ns
        )

    def _digest(self, name: str, path: Path, told: os.stat_result) -> str:
        """The content's digest. A file that is not in the upper layer is the lower one's, whose digest is kept."""
        if self.known is not None:
            stamp = (name, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns)
            if stamp not in self.known:
                self.known[stamp] = _digest_of(path)
            return self.known[stamp]
        if self.upper is None or os.path.lexists(self.upper / name):
            return _digest_of(path)
        assert self.lower is not None
        if name not in LOWER_DIGESTS.setdefault(self.lower, {}):
            LOWER_DIGESTS[self.lower][name] = _digest_of(path)
        return LOWER_DIGESTS[self.lower][name]


Stamp = tuple[str, int, int, int, int]
"""A path, its inode, size, and times in nanoseconds: of change and, which nobody can set, of the inode's change."""

LOWER_DIGESTS: dict[Path, dict[str, str]] = {}
"""The shared roots' digests: nobody writes to them, so each file is read once in a session."""


@dataclass(frozen=True, slots=True)
class Facet:
    """What a manifest says of one path. mtime in nanoseconds."""

    mode: int
    uid: int
    gid: int
    nlink: int
    rdev: int
    content: str
    xattrs: tuple[tuple[str, bytes], ...]
    mtime: int

    @property
    def lasting(self) -> tuple[object, ...]:
        """All but the time, and the link count, which for a directory says how many others are in it."""
        return (self.mode, self.uid, self.gid, self.rdev, self.content, self.xattrs)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a root holds, by path."""

    facets: Mapping[str, Facet]

    def differences(self, other: Manifest, *, times: bool = False) -> set[str]:
        """The paths that are not the same in both; with `times`, a changed time is a difference, too."""
        paths = self.facets.keys() | other.facets.keys()
        return {path for path in paths if not self._same(other, path, times)}

    def _same(self, other: Manifest, path: str, times: bool) -> bool:
        mine, theirs = self.facets.get(path), other.facets.get(path)
        if mine is None or theirs is None:
            return False
        return mine == theirs if times else mine.lasting == theirs.lasting


def _digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def layered(lower: Path) -> Iterator[BrokenRoot]:
    """The root `lower` with a layer over it that takes every change (overlayfs); gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="rescue-root-") as place:
        upper, work, merged = (Path(place) / name for name in ("upper", "work", "merged"))
        for each in (upper, work, merged):
            each.mkdir()
        # The merged root has the upper directory's owner and mode.
        upper.chmod(stat.S_IMODE(lower.stat().st_mode))
        with _mounted(merged, "-t", "overlay", "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", "overlay"):
            yield BrokenRoot(merged, lower, upper)


@contextmanager
def small_disk(image: BuiltImage, *, size: str = "512M", inodes: int | None = None) -> Iterator[BrokenRoot]:
    """The image's files on a small ext4 file system of their own, mounted from a loop device."""
    with tempfile.TemporaryDirectory(prefix="rescue-disk-") as place:
        disk, mount = Path(place) / "disk.raw", Path(place) / "mnt"
        mount.mkdir()
        make_ext4(image.root, disk, size, inodes=inodes)
        with _mounted(mount, "-o", "loop", str(disk)):
            yield BrokenRoot(mount)


@contextmanager
def _mounted(at: Path, *arguments: str) -> Iterator[None]:
    subprocess.run(["mount", *arguments, str(at)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)

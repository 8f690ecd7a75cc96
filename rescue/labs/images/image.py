"""Images of the lab's servers, built once and kept in a cache.

One build gives `root/` (the server's files, as a directory for chroots and overlays) and `disk.raw` (the same files on
a disk, laid out as the recipe says); a recipe that stands alone also gives `gpt.raw` (the file system in the first
partition of a GPT). `roots` makes the files, `disks` the disks.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from rescue.labs.images.disks import make_disk, make_ext4, make_gpt
from rescue.labs.images.layout import EXT4, InitrdKind, Layout
from rescue.labs.images.recipe import Recipe, load_recipe
from rescue.labs.images.roots import make_root
from rescue.labs.programs import ImageError, Progress, missing_packages, run
from rescue.targets.host.cache import cache_directory

__all__ = ["BuiltImage", "ImageError", "Progress", "ensure_image", "find_image", "make_ext4", "missing_tools"]

MIB = 1 << 20

PROGRAMS = (
    ("mmdebstrap", "mmdebstrap"),
    ("apt-get", "apt"),
    ("mke2fs", "e2fsprogs"),
    ("sfdisk", "fdisk"),
    ("ssh-keygen", "openssh-client"),
    ("setpriv", "util-linux"),
)
"""What every build needs: (program, the Debian package that brings it). `Layout.programs` come on top."""

FILES_OF_A_BASE = 700 * MIB
"""Bytes that a recipe which stands alone takes while it is installed: 350 MiB of files, and its packages."""
MORE_FILES = 200 * MIB
"""Bytes that a derived recipe takes beside a copy of its base's files."""
DYING = 10.0
"""Seconds for which a program that was killed may still put files into what is being removed."""
NEARLY_FULL = 16 * MIB
"""Fewer free bytes than that, and a failed build failed for want of room."""


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """A built server. Everything in `directory` is shared: never write to it, make an overlay or a copy."""

    name: str
    directory: Path
    key: Path
    layout: Layout = EXT4

    @property
    def root(self) -> Path:
        """The server's files."""
        return self.directory / "root"

    @property
    def disk(self) -> Path:
        """A raw disk, laid out as `layout` says."""
        return self.directory / "disk.raw"

    @property
    def gpt(self) -> Path:
        """A raw disk with a GPT whose first partition is the same file system; only of recipes that stand alone."""
        return self.directory / "gpt.raw"

    @property
    def root_device(self) -> str:
        """The root's block device on a machine whose first virtio disk is `disk`."""
        return self.layout.root_device

    @property
    def initrd_kind(self) -> InitrdKind:
        """Which initial file system can mount the root."""
        return self.layout.initrd_kind


def ensure_image(recipes: Path, name: str, progress: Progress = lambda message: None) -> BuiltImage:
    """The image of the recipe `name` from the cache, built first, with those it is derived from, if it is not there.

    A half-built image is never used: it is built under another name and renamed when it is whole. Two processes that
    ask for one image build it once. Raises ImageError and recipe.RecipeError.
    """
    recipe = load_recipe(recipes, name)
    cache = cache_directory()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        key = lab_key(cache)
        return _ensured(recipe, cache, key, progress)
    except OSError as problem:
        raise ImageError(
            f"{problem.filename or cache}: {problem.strerror}",
            f"Images are kept in {cache}. Set RESCUE_CACHE to a directory in which you may write.",
        ) from problem


def _ensured(recipe: Recipe, cache: Path, key: Path, progress: Progress) -> BuiltImage:
    image = _image(recipe, cache, key)
    if image.directory.is_dir():
        return image
    _check_tools(recipe)
    base = _ensured(recipe.base, cache, key, progress).root if recipe.base else None
    with _only_one(cache / f"{recipe.name}.lock", recipe.name, progress):
        if image.directory.is_dir():
            return image
        started = time.monotonic()
        building = cache / f"{recipe.name}.building"
        _remove_tree(building)
        _check_room(recipe, base, cache)
        progress(f"building the image {recipe.name} ({'seconds' if base else 'a minute or three'}, once)")
        building.mkdir()
        try:
            _build(recipe, base, building, public_key(key), progress)
            building.rename(image.directory)
        except BaseException as problem:
            full = _free(cache) < NEARLY_FULL
            _remove_tree(building)
            if full and isinstance(problem, ImageError | OSError):
                raise _no_room(recipe, base, cache, "got full while the image was built") from problem
            raise
        progress(f"built {recipe.name} in {time.monotonic() - started:.0f} s: {image.directory}")
        _remove_older(cache, recipe.name, image.directory)
    return image


def find_image(recipes: Path, name: str) -> BuiltImage | None:
    """The image if it is in the cache; None if it has to be built."""
    cache = cache_directory()
    key = cache / "lab_key"
    if not key.with_suffix(".pub").is_file():
        return None
    image = _image(load_recipe(recipes, name), cache, key)
    return image if image.directory.is_dir() else None


def _image(recipe: Recipe, cache: Path, key: Path) -> BuiltImage:
    return BuiltImage(recipe.name, cache / f"{recipe.name}-{recipe.key(public_key(key))}", key, recipe.layout)


def _build(recipe: Recipe, base: Path | None, into: Path, key: str, progress: Progress) -> None:
    root, disk = into / "root", into / "disk.raw"
    make_root(recipe, base, root, key, progress)
    progress(f"making the disk ({recipe.size}, {recipe.layout.name})")
    make_disk(recipe.layout, root, disk, recipe.size, uuid=recipe.uuid)
    if base is None:
        make_gpt(disk, into / "gpt.raw")


def lab_key(cache: Path) -> Path:
    """The private key that opens every lab server; made when first asked for, never leaves the cache."""
    key = cache / "lab_key"
    if key.with_suffix(".pub").is_file():
        return key
    with (cache / "lab_key.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not key.with_suffix(".pub").is_file():
            key.unlink(missing_ok=True)
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(key))
            _hand_over(cache, key, key.with_suffix(".pub"), key.with_name("lab_key.lock"))
    return key


def _hand_over(*paths: Path) -> None:
    """Give what root makes with sudo to who asked for it: labs can be used without root, and only built by it."""
    owner, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and owner.isdecimal() and group.isdecimal() and "RESCUE_CACHE" in os.environ:
        for path in paths:
            os.chown(path, int(owner), int(group), follow_symlinks=False)


def public_key(key: Path) -> str:
    """The public half of `key`, as a line without its end."""
    return key.with_suffix(".pub").read_text().strip()


def missing_tools(recipe: Recipe | None = None) -> tuple[str, ...]:
    """The Debian packages without which no image, or not that of `recipe`, can be built here."""
    return missing_packages((*PROGRAMS, *(recipe.layout.programs if recipe else ())))


def _check_tools(recipe: Recipe) -> None:
    if missing := missing_tools(recipe):
        raise ImageError(f"these packages are missing: {' '.join(missing)}", "Install them, or run scripts/setup.")
    if os.geteuid() != 0:
        raise ImageError("building an image needs root: its files belong to several users", "Run it with sudo.")


# -- room ------------------------------------------------------------------------------------------------------


def bytes_needed(recipe: Recipe, base: Path | None) -> int:
    """How many bytes a build takes at most: the files, and each disk with the same files on it.

    base: the files of the recipe's base.
    """
    files = FILES_OF_A_BASE if base is None else allocated(base) + MORE_FILES
    disks = 2 if base is None else 1
    return files + disks * min(files, recipe.bytes)


def allocated(path: Path) -> int:
    """The bytes that a directory and all below it take on the disk."""
    total = path.lstat().st_blocks * 512
    if path.is_dir() and not path.is_symlink():
        with os.scandir(path) as entries:
            total += sum(allocated(Path(entry.path)) for entry in entries)
    return total


def _free(cache: Path) -> int:
    told = os.statvfs(cache)
    return told.f_bavail * told.f_frsize


def _check_room(recipe: Recipe, base: Path | None, cache: Path) -> None:
    if _free(cache) < bytes_needed(recipe, base):
        raise _no_room(recipe, base, cache, "has not enough room for the image")


def _no_room(recipe: Recipe, base: Path | None, cache: Path, what: str) -> ImageError:
    needed, free = bytes_needed(recipe, base), _free(cache)
    return ImageError(
        f"the file system of {cache} {what} {recipe.name}: {needed} bytes are needed, {free} are free",
        f"Free {max(needed - free, 0) // MIB + 1} MiB, or set RESCUE_CACHE to a directory with more room.",
    )


# -- one at a time ---------------------------------------------------------------------------------------------


@contextmanager
def _only_one(path: Path, name: str, progress: Progress) -> Iterator[None]:
    """Hold the lock file; the kernel gives it back however this process ends (flock(2))."""
    with path.open("w") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another process that builds {name}")
            flock(lock, LOCK_EX)
        yield


def _remove_tree(path: Path) -> None:
    """Remove what an interrupted build left, unless something is still mounted in it."""
    mounts = Path("/proc/self/mounts").read_text().split("\n")
    below = [line.split()[1] for line in mounts if line and line.split()[1].startswith(f"{path}/")]
    for mounted in reversed(below):
        run("umount", mounted)
    deadline = time.monotonic() + DYING
    while True:
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists() or time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _remove_older(cache: Path, name: str, current: Path) -> None:
    """Remove the images of earlier versions of this recipe: they are large and nobody asks for them again."""
    for path in cache.glob(f"{name}-????????????"):
        if path != current and all(digit in "0123456789abcdef" for digit in path.name[-12:]):
            _remove_tree(path)

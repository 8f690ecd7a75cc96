"""Images of the lab's servers, built once and kept in a cache.

One build gives: `root/` (the server's files, as a directory for chroots and overlays), `disk.raw` (the same files,
ext4 on the whole disk) and `gpt.raw` (ext4 in the first partition of a GPT). mmdebstrap(1) and `mke2fs -d` need no
loop device and no running system; packages come from where the machine's own apt gets them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from rescue.labs.recipe import Recipe, cache_directory, load_recipe

MIB = 1 << 20
PARTITION_START = MIB
"""Bytes before the first partition: where every partitioning tool puts it."""

PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "sfdisk": "fdisk",
    "ssh-keygen": "openssh-client",
}
"""Program -> the Debian package that brings it."""

# So that two builds of one recipe differ in nothing but keys: 2023-06-10, the day of Debian 12.
EPOCH = "1686355200"

Progress = Callable[[str], None]


class ImageError(Exception):
    """An image can't be built; `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Image:
    """A built server. Everything in `directory` is shared: never write to it, make an overlay or a copy."""

    name: str
    directory: Path
    key: Path

    @property
    def root(self) -> Path:
        """The server's files."""
        return self.directory / "root"

    @property
    def disk(self) -> Path:
        """A raw disk that is one ext4 file system."""
        return self.directory / "disk.raw"

    @property
    def gpt(self) -> Path:
        """A raw disk with a GPT whose first partition is the same file system."""
        return self.directory / "gpt.raw"


def ensure_image(recipes: Path, name: str, progress: Progress = lambda message: None) -> Image:
    """The image of the recipe `name` from the cache, built first if it is not there.

    A half-built image is never used: it is built under another name and renamed when it is whole. Two processes that
    ask for one image build it once. Raises ImageError and recipe.RecipeError.
    """
    recipe = load_recipe(recipes, name)
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    key = lab_key(cache)
    final = cache / f"{name}-{recipe.key(public_key(key))}"
    image = Image(name, final, key)
    if final.is_dir():
        return image
    with (cache / f"{name}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if final.is_dir():
            return image
        _check_tools()
        started = time.monotonic()
        progress(f"building the image {name} (a minute or three, once)")
        building = cache / f"{name}.building"
        _remove_tree(building)
        building.mkdir()
        _build(recipe, building, public_key(key), progress)
        building.rename(final)
        progress(f"built {name} in {time.monotonic() - started:.0f} s: {final}")
        _remove_older(cache, name, final)
    return image


def find_image(recipes: Path, name: str) -> Image | None:
    """The image if it is in the cache; None if it has to be built."""
    cache = cache_directory()
    key = cache / "lab_key"
    if not key.with_suffix(".pub").is_file():
        return None
    directory = cache / f"{name}-{load_recipe(recipes, name).key(public_key(key))}"
    return Image(name, directory, key) if directory.is_dir() else None


def lab_key(cache: Path) -> Path:
    """The private key that opens every lab server; made when first asked for, never leaves the cache."""
    key = cache / "lab_key"
    if not key.with_suffix(".pub").is_file():
        key.unlink(missing_ok=True)
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(key))
    return key


def public_key(key: Path) -> str:
    """The public half of `key`, as a line without its end."""
    return key.with_suffix(".pub").read_text().strip()


def missing_tools() -> tuple[str, ...]:
    """The Debian packages without which no image can be built here."""
    return tuple(package for program, package in PROGRAMS.items() if shutil.which(program, path=_path()) is None)


def _check_tools() -> None:
    missing = missing_tools()
    if missing:
        raise ImageError(f"these packages are missing: {' '.join(missing)}", "Install them, or run scripts/setup.")
    if os.geteuid() != 0:
        raise ImageError("building an image needs root: its files belong to several users", "Run it with sudo.")


def _build(recipe: Recipe, into: Path, key: str, progress: Progress) -> None:
    root = into / "root"
    progress(f"installing {recipe.suite} with {len(recipe.packages)} packages and what they need")
    environment = {
        "LAB_PUBLIC_KEY": key,
        "LAB_FS_UUID": recipe.uuid,
        "SOURCE_DATE_EPOCH": EPOCH,
    }
    _run(
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=apt",
        f"--include={','.join(recipe.packages)}",
        '--aptopt=APT::Install-Recommends "0"',
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        f"--essential-hook={recipe.directory / 'before-packages'}",
        f"--customize-hook={recipe.directory / 'customize'}",
        recipe.suite,
        str(root),
        environment=environment,
    )
    # mmdebstrap empties it last of all. An empty machine-id means "first boot" (machine-id(5)): systemd would apply
    # its presets and enable what somebody has disabled.
    (root / "etc/machine-id").write_text(recipe.machine_id + "\n")
    progress("making the disks")
    make_ext4(root, into / "disk.raw", recipe.size, uuid=recipe.uuid)
    make_gpt(root, into / "gpt.raw", recipe.size, uuid=recipe.uuid)


def make_ext4(root: Path, disk: Path, size: str, *, uuid: str = "", offset: int = 0, inodes: int | None = None) -> None:
    """Make `disk` an ext4 file system of `size` ("2G") with the files of `root`, starting at byte `offset`.

    inodes: how many it shall have at most (mke2fs -N); None for mke2fs' own choice.
    """
    extended = ["lazy_itable_init=0", "lazy_journal_init=0"]
    if uuid:
        extended.append(f"hash_seed={uuid}")
    if offset:
        extended.append(f"offset={offset}")
    _run(
        "mke2fs",
        "-q",
        "-F",
        *("-t", "ext4"),
        *(("-U", uuid) if uuid else ()),
        *(("-N", str(inodes)) if inodes else ()),
        *("-E", ",".join(extended)),
        *("-d", str(root)),
        str(disk),
        size,
        environment={"E2FSPROGS_FAKE_TIME": EPOCH},
    )


def make_gpt(root: Path, disk: Path, size: str, *, uuid: str) -> None:
    """Make `disk` a GPT disk with one partition of `size` ("2G"), an ext4 file system with the files of `root`."""
    length = _bytes(size)
    with disk.open("wb") as stream:
        # A MiB before the partition, one behind it for the second table.
        stream.truncate(PARTITION_START + length + MIB)
    table = f"label: gpt\nstart={PARTITION_START // 512}, size={length // 512}, type=L, name=root\n"
    _run("sfdisk", "--quiet", str(disk), given=table)
    make_ext4(root, disk, size, uuid=uuid, offset=PARTITION_START)


def _bytes(size: str) -> int:
    units = {"M": MIB, "G": MIB << 10}
    return int(size[:-1]) * units[size[-1]]


def _run(*command: str, environment: dict[str, str] | None = None, given: str = "") -> None:
    """Run a program to its end; its words are shown only if it fails."""
    ended = subprocess.run(
        command,
        env=dict(os.environ, LC_ALL="C.UTF-8", PATH=_path(), **(environment or {})),
        input=given,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if ended.returncode != 0:
        tail = "\n".join(ended.stdout.strip().split("\n")[-20:])
        raise ImageError(f"{command[0]} failed with status {ended.returncode}:\n{tail}")


def _path() -> str:
    """PATH with the system's directories, which a user's often lacks on Debian."""
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def _remove_tree(path: Path) -> None:
    """Remove what an interrupted build left, unless something is still mounted in it."""
    mounts = Path("/proc/self/mounts").read_text().split("\n")
    below = [line.split()[1] for line in mounts if line and line.split()[1].startswith(f"{path}/")]
    for mounted in reversed(below):
        _run("umount", mounted)
    shutil.rmtree(path, ignore_errors=True)


def _remove_older(cache: Path, name: str, current: Path) -> None:
    """Remove the images of earlier versions of this recipe: they are large and nobody asks for them again."""
    for path in cache.glob(f"{name}-????????????"):
        if path != current and all(digit in "0123456789abcdef" for digit in path.name[-12:]):
            _remove_tree(path)

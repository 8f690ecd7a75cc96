"""A lab's server as a Vagrant box (libvirt's format, which vagrant-qemu takes, too).

The files come from an image's recipe, `images/boxes/customize` adds the user vagrant and GRUB's
configuration, and the disk gets a partition table of the old kind (MBR) with GRUB in front of the first partition: no
loop device and no KVM is needed. A box is booted once, by its own boot loader and without a graphics card, before it is
packed. Format: https://vagrant-libvirt.github.io/vagrant-libvirt/boxes.html
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path

from rescue.labs.errors import LabError
from rescue.labs.images.disks import MIB, PARTITION_START, SECTOR, make_ext4
from rescue.labs.images.image import BuiltImage, ensure_image, lab_key, public_key
from rescue.labs.images.recipe import load_recipe, parse_size
from rescue.labs.machines.ssh import Attempt, attempt, write_config
from rescue.labs.programs import Progress, missing_packages, run
from rescue.targets.host.cache import cache_directory
from rescue.targets.host.pdeathsig import tied

FORMAT = 2
"""Raise it when what is built from unchanged files changes."""

RESCUE = "rescue"
"""The box of the rescue system: `rescue` runs in it, without a network to get its packages from."""

PREFIX = "rescue-lab-"
"""Of the names under which Vagrant knows the boxes."""

LIBRARIES = "opt/rescue-libraries"
"""Where the rescue system has the Python packages that rescue needs."""

HOOKS = ("customize", "vagrant.pub")

ROOM = 4 << 30
"""Bytes that a build needs at most, while it lasts."""

BOOT_SECTOR = 440
"""Bytes of the first sector that are the boot loader's; the partition table is behind them."""

BOOT_LIMIT = 600.0
"""Seconds until a box has to answer in its trial. Seventy are usual on an idle computer."""

PATIENCE = 60
"""Seconds that sshd may take to answer: on a busy computer without KVM it does its first key exchange slowly."""

TRIAL = "id vagrant && sudo -n -u vagrant sudo -n true && test -e /sys/class/net/eth0 && test -x /usr/sbin/qemu-ga"

PROGRAMS = (("qemu-system-x86_64", "qemu-system-x86"), ("qemu-img", "qemu-utils"), ("sfdisk", "fdisk"))


class BoxError(LabError):
    """A box can't be built."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box that was built. file: what `vagrant box add` takes. known_as: its name there, another for each content."""

    name: str
    file: Path
    known_as: str


def boxes(recipes: Path) -> tuple[str, ...]:
    """The names of all boxes that can be built: of the recipes box-NAME."""
    return tuple(sorted(path.stem.removeprefix("box-") for path in recipes.glob("box-*.toml")))


def find_box(recipes: Path, name: str) -> Box | None:
    """The box if it is in the cache and made of what the recipes say now; None if it has to be built."""
    if not (cache_directory() / "lab_key.pub").is_file():
        return None
    box = _box(recipes, name)
    return box if box.file.is_file() else None


def ensure_box(recipes: Path, name: str, progress: Progress = lambda message: None) -> Box:
    """The box `name` from the cache, built first if it is not there.

    It gets its name when it is whole and has booted. Two processes that ask for one box build it once. Raises LabError.
    """
    if name not in boxes(recipes):
        raise BoxError(f"there is no box {name!r}", f"There are: {', '.join(boxes(recipes)) or 'none'}.")
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    lab_key(cache)
    box = _box(recipes, name)
    if box.file.is_file():
        return box
    if missing := missing_packages(PROGRAMS):
        raise BoxError(f"these packages are missing: {' '.join(missing)}", "Install them, or run scripts/setup.")
    with (cache / f"box-{name}.box.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if box.file.is_file():
            return box
        image = ensure_image(recipes, f"box-{name}", progress)
        if (free := shutil.disk_usage(cache).free) < ROOM:
            raise BoxError(
                f"{cache} has {free >> 20} MiB left; a box needs {ROOM >> 20}", "Make room, or set RESCUE_CACHE."
            )
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"box-{name}.", suffix=".building", dir=cache) as place:
            _build(recipes, image, name, Path(place), progress).rename(box.file)
        progress(f"built the box {name} in {time.monotonic() - started:.0f} s: {box.file}")
        for path in cache.glob(f"{PREFIX}{name}-????????????.box"):
            if path != box.file:
                path.unlink()
    return box


def _box(recipes: Path, name: str) -> Box:
    """The box as it has to be called; the name ends with a digest of all that goes into it."""
    key = public_key(cache_directory() / "lab_key")
    parts = [str(FORMAT), load_recipe(recipes, f"box-{name}").key(key)]
    parts += [(recipes / "boxes" / hook).read_text() for hook in HOOKS]
    parts += libraries(recipes) if name == RESCUE else ()
    digest = sha256("\0".join(parts).encode()).hexdigest()[:12]
    known_as = f"{PREFIX}{name}-{digest}"
    return Box(name, cache_directory() / f"{known_as}.box", known_as)


def libraries(recipes: Path) -> tuple[str, ...]:
    """The Python packages that rescue needs, as pip(1) takes them, from the pyproject.toml beside the recipes."""
    told = tomllib.loads((recipes.parent / "pyproject.toml").read_text())
    return tuple(told["project"]["dependencies"])


def _build(recipes: Path, image: BuiltImage, name: str, place: Path, progress: Progress) -> Path:
    """Build the box in the directory `place`; returns its file."""
    recipe = load_recipe(recipes, f"box-{name}")
    root, disk = place / "root", place / "disk.raw"
    progress(f"making the box {name}: the boot loader and the user vagrant")
    run("cp", "-a", "--reflink=auto", str(image.root), str(root))
    run(str(recipes / "boxes" / "customize"), str(root), environment={"BOX_FS_UUID": recipe.uuid})
    if name == RESCUE:
        progress("installing rescue's Python packages")
        _install(libraries(recipes), root / LIBRARIES)
    progress("making its disk")
    make_disk(root, disk, recipe.size, uuid=recipe.uuid)
    progress("booting it once, by its own boot loader (a minute or two without KVM)")
    took = try_box(disk, place, image.key)
    progress(f"it let us in after {took:.0f} s; packing it")
    return _pack(disk, place)


def _install(packages: tuple[str, ...], into: Path) -> None:
    """Python packages into the directory `into`; pure Python alone, as another Python is going to run them."""
    run(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
        "--only-binary=:all:", "--platform=any", "--target", str(into), *packages)  # fmt: skip


def make_disk(root: Path, disk: Path, size: str, *, uuid: str) -> None:
    """Make `disk` a disk with an MBR, GRUB behind it, and a partition with the files of `root`.

    size: of the file system ("2G"). uuid: of the file system. Raises ImageError.
    """
    length = parse_size(size)
    with disk.open("wb") as stream:
        stream.truncate(PARTITION_START + length)
    make_ext4(root, disk, f"{length // 1024}K", uuid=uuid, offset=PARTITION_START)
    table = f"label: dos\nstart={PARTITION_START // SECTOR}, size={length // SECTOR}, type=83, bootable\n"
    run("sfdisk", "--quiet", str(disk), given=table)
    grub = root / "boot/grub/i386-pc"
    boot, core = (grub / "boot.img").read_bytes(), (grub / "core.img").read_bytes()
    if len(core) > PARTITION_START - SECTOR:
        raise BoxError(f"GRUB has {len(core)} bytes, which don't fit in front of the first partition")
    with disk.open("r+b") as stream:
        stream.write(boot[:BOOT_SECTOR])
        stream.seek(SECTOR)
        stream.write(core)


def try_box(disk: Path, place: Path, key: Path, limit: float = BOOT_LIMIT) -> float:
    """Boot the raw disk as it will be booted, and log in; what the trial writes is thrown away.

    key: of the lab, which opens root. Returns the seconds to the login. Raises BoxError with the serial line's end.
    """
    serial, config = place / "serial.log", place / "ssh_config"
    started = time.monotonic()
    last = Attempt(255, "", "it was never tried")
    with _booted(disk, serial) as (qemu, port):
        write_config(config, "127.0.0.1", port, "root", key)
        while time.monotonic() - started < limit and qemu.poll() is None:
            last = attempt(
                ["ssh", "-F", str(config), "-o", f"ConnectTimeout={PATIENCE}", "server", TRIAL], 2 * PATIENCE
            )
            if last.status == 0:
                return time.monotonic() - started
            time.sleep(1)
    tail = "\n".join(f"    {line}" for line in last_lines(serial))
    said = (last.errors or last.output).strip()
    raise BoxError(f"the box does not boot to a login: {said}\nthe serial line's last words:\n{tail}")


@contextmanager
def _booted(disk: Path, serial: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """QEMU with the disk, and the port of 127.0.0.1 that leads to the machine's port 22; ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = ["qemu-system-x86_64"]
    # No KVM, also where it would work: a broken /dev/kvm is common in virtual machines, and this is done once.
    command += ["-accel", "tcg", "-cpu", "max", "-m", "768", "-smp", "2", "-nodefaults", "-display", "none"]
    command += ["-no-reboot", "-snapshot", "-drive", f"file={disk},if=virtio,format=raw"]
    command += ["-netdev", f"user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"]
    command += ["-device", "virtio-net-pci,netdev=net0,romfile=", "-serial", f"file:{serial}"]
    qemu = subprocess.Popen(tied(*command), stdin=subprocess.DEVNULL)
    try:
        yield qemu, port
    finally:
        qemu.kill()
        qemu.wait()


def last_lines(log: Path, count: int = 15) -> list[str]:
    """The last lines of a serial log that say something, made harmless for a terminal."""
    try:
        said = log.read_text(errors="replace").split("\n")
    except FileNotFoundError:
        return ["(there is no log)"]
    clean = ("".join(each if each.isprintable() else "?" for each in line.rstrip()) for line in said if line.strip())
    return list(clean)[-count:] or ["(the serial line is silent)"]


def _pack(disk: Path, place: Path) -> Path:
    """The box's file: a tar archive of the disk and what Vagrant has to know of it."""
    # zstd: written five times as fast as zlib, and read faster at each boot.
    words = ("-c", "-o", "compression_type=zstd", "-O", "qcow2")
    run("qemu-img", "convert", *words, str(disk), str(place / "box.img"))
    gigabytes = -(-disk.stat().st_size // (1024 * MIB))
    told = {"provider": "libvirt", "format": "qcow2", "virtual_size": gigabytes}
    (place / "metadata.json").write_text(json.dumps(told) + "\n")
    (place / "Vagrantfile").write_text('Vagrant.configure("2") { |config| }\n')
    packed = place / "packed.box"
    with tarfile.open(packed, "w") as archive:
        for name in ("metadata.json", "Vagrantfile", "box.img"):
            archive.add(place / name, name)
    return packed


def main(arguments: list[str]) -> int:
    """``python -m rescue.labs.vagrant.box RECIPES [NAME...]``: build the named boxes, else all. Returns 0 or 1."""
    recipes, *names = arguments
    try:
        for name in names or boxes(Path(recipes)):
            box = ensure_box(Path(recipes), name, lambda message: print(f"... {message}", flush=True))
            print(f"{name}: {box.file}")
            print(f"    vagrant box add --name {box.known_as} --provider libvirt {box.file}")
    except LabError as problem:
        print(f"build-box: {problem}", file=sys.stderr)
        if problem.hint:
            print(problem.hint, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("build-box: cancelled; nothing is left half-built", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

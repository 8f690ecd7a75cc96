"""A server's files, made from its recipe.

A recipe that stands alone is installed by mmdebstrap(1). One that is derived starts as a copy of its base's files, on
which mmdebstrap changes packages: seconds where a whole installation takes minutes. Packages come from where the
machine's own apt gets them; nothing of this machine stays in the files (`foreign_traces`).

Two builds of one recipe from the same packages differ in the host keys of ssh, and in nothing else that is in a file:
what a build has made itself gets the time `EPOCH`, and packages carry their own times.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from rescue.labs.images.recipe import Recipe
from rescue.labs.programs import ImageError, Progress, run

EPOCH = 1686355200
"""Seconds: 2023-06-10, the day of Debian 12. What a build makes has this time."""

COMMON_OPTIONS = (
    "--quiet",
    "--mode=root",
    '--aptopt=APT::Install-Recommends "0"',
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
)

COPY = 'cp -a --reflink=auto "$LAB_BASE/." "$1" && cp -r "$LAB_BEFORE/." "$1"'
"""A hook for mmdebstrap, which it gives the new root as $1."""

IN_ROOT = r"""
set -eu
root=$1; shift
mount -t proc proc "$root/proc"
exec chroot "$root" "$@"
"""
"""A shell script: run a program in a root, in namespaces that are its own already."""


def make_root(recipe: Recipe, base: Path | None, root: Path, public_key: str, progress: Progress) -> None:
    """Make the directory `root` with the server's files. base: the files of the recipe's base. Raises ImageError."""
    started = time.time()
    if base is None:
        _install(recipe, root, public_key, progress)
    elif recipe.add or recipe.remove:
        _change(recipe, base, root, progress)
    else:
        progress(f"copying the files of {base.parent.name.rpartition('-')[0]}")
        run("cp", "-a", "--reflink=auto", str(base), str(root), alone=True)
    _settle(recipe, root)
    _renew_host_keys(recipe, root)
    _same_times(root, started)
    if traces := tuple(foreign_traces(root)):
        raise ImageError(f"the build left something of this machine in the image: {', '.join(traces)}")


def _install(recipe: Recipe, root: Path, public_key: str, progress: Progress) -> None:
    progress(f"installing {recipe.suite} with {len(recipe.packages)} packages and what they need")
    run(
        "mmdebstrap",
        *COMMON_OPTIONS,
        "--variant=apt",
        f"--include={','.join(recipe.packages)}",
        f"--essential-hook={recipe.directory / 'before-packages'}",
        f"--customize-hook={recipe.directory / 'customize'}",
        recipe.suite,
        str(root),
        environment={"LAB_PUBLIC_KEY": public_key, "SOURCE_DATE_EPOCH": str(EPOCH)},
        alone=True,
        waiting=lambda: _so_far(root),
        progress=progress,
    )


def _change(recipe: Recipe, base: Path, root: Path, progress: Progress) -> None:
    words = " ".join([*(f"{each}-" for each in recipe.remove), *recipe.add])
    progress(f"changing packages: {words}")
    with tempfile.TemporaryDirectory() as name:
        before = Path(name)
        before.chmod(0o755)
        _write_files(before, recipe.before)
        _mmdebstrap(recipe, base, before, root, words, progress)


def _mmdebstrap(recipe: Recipe, base: Path, before: Path, root: Path, words: str, progress: Progress) -> None:
    run(
        "mmdebstrap",
        *COMMON_OPTIONS,
        "--variant=custom",
        # To remove packages no list of them is needed.
        *(() if recipe.add else ("--skip=update",)),
        f"--setup-hook={COPY}",
        f"--customize-hook={recipe.directory / 'change-packages'}",
        recipe.suite,
        str(root),
        environment={
            "LAB_BASE": str(base),
            "LAB_BEFORE": str(before),
            "LAB_PACKAGES": words,
            "SOURCE_DATE_EPOCH": str(EPOCH),
        },
        alone=True,
        waiting=lambda: _so_far(root),
        progress=progress,
    )


def _so_far(root: Path) -> str:
    """How far an installation is."""
    if unpacked := len(list((root / "var/lib/dpkg/info").glob("*.list"))):
        return f"{unpacked} packages unpacked so far"
    if downloaded := len(list((root / "var/cache/apt/archives").glob("*.deb"))):
        return f"{downloaded} packages downloaded so far"
    return "the list of packages is being downloaded"


def _write_files(root: Path, files: Iterable[tuple[str, str]]) -> None:
    for path, content in files:
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def _settle(recipe: Recipe, root: Path) -> None:
    """What the recipe says of the server, beside its packages."""
    (root / "etc/hostname").write_text(f"{recipe.hostname}\n")
    (root / "etc/hostname").chmod(0o644)
    (root / "etc/hosts").write_text(
        f"127.0.0.1 localhost\n127.0.1.1 {recipe.hostname}\n::1 localhost ip6-localhost ip6-loopback\n"
    )
    (root / "etc/fstab").write_text(recipe.layout.fstab(recipe.uuid))
    _write_files(root, recipe.files)
    for order, units in (("disable", recipe.disable), ("enable", recipe.enable)):
        if units:
            _in_root(root, "systemctl", "--quiet", order, *units)
    # mmdebstrap empties it last of all. An empty machine-id means "first boot" (machine-id(5)): systemd would apply
    # its presets and enable what somebody has disabled.
    (root / "etc/machine-id").write_text(recipe.machine_id + "\n")


def _renew_host_keys(recipe: Recipe, root: Path) -> None:
    """No two servers have the same, and their comment names the server, not the machine that built it."""
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    _in_root(root, "unshare", "--uts", "sh", "-ec", 'hostname "$1"; exec ssh-keygen -q -A', "sh", recipe.hostname)


def _in_root(root: Path, *command: str) -> None:
    """Run a program of the image in it, with a network of its own."""
    run("unshare", "--net", "--", "sh", "-c", IN_ROOT, "sh", str(root), *command, alone=True)


def _same_times(root: Path, started: float) -> None:
    """Give what was made since `started` (seconds of the Epoch) the same time in each build.

    Then tell systemd that /etc and /var were brought up to date with this /usr, as on a server that has been booted
    before (systemd-update-done.service(8)).
    """
    for path in _everything(root):
        if path.lstat().st_mtime >= int(started):
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
    usr = (root / "usr").stat().st_mtime_ns
    for directory in (root / "etc", root / "var"):
        before = directory.stat().st_mtime_ns
        (directory / ".updated").write_text("")
        os.utime(directory / ".updated", ns=(usr, usr))
        os.utime(directory, ns=(before, before))


def _everything(root: Path) -> Iterator[Path]:
    """The directory and all below it, each directory after what is in it."""
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _everything(Path(entry.path))
            else:
                yield Path(entry.path)
    yield root


def foreign_traces(root: Path) -> Iterator[str]:
    """Paths in a server's files that tell of the machine that built it, or are of no use on a server.

    Downloaded packages and lists of packages; a resolver's address; a proxy or a login of apt's.
    """
    for pattern in ("var/cache/apt/archives/*.deb", "var/lib/apt/lists/*_*", "etc/apt/auth.conf.d/*", "tmp/*"):
        yield from (str(path.relative_to(root)) for path in root.glob(pattern))
    for name in ("etc/apt/apt.conf", "etc/apt/auth.conf", "usr/sbin/policy-rc.d"):
        if (root / name).exists():
            yield name
    if _content(root / "etc/resolv.conf"):
        yield "etc/resolv.conf"
    for path in (root / "etc/apt/apt.conf.d").iterdir():
        if b"proxy" in _content(path).lower():
            yield str(path.relative_to(root))


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() and stat.S_ISREG(path.lstat().st_mode) else b""

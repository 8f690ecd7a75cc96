"""``scripts/build-release``: all that a release consists of, in one folder."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rescue.targets.host.cache import cache_directory
from rescue.version import __version__
from scripts.developer.release import debian, papers, python_tree, single_files, system_packages, wheels
from scripts.developer.release.debian import FetchError

HERE = Path(__file__).resolve().parents[3]
PARTS = ("run", "pyz", "deb", "wheel")


def main(arguments: list[str]) -> int:
    """Build what is asked for; 0 done, 1 failed."""
    options = _options(arguments)
    stamp = int(os.environ.get("SOURCE_DATE_EPOCH") or _last_commit())
    into: Path = options.into
    into.mkdir(parents=True, exist_ok=True)
    parts = tuple(options.only or PARTS)
    try:
        with tempfile.TemporaryDirectory(prefix="rescue-release-") as work:
            _build(Path(work), into, parts, stamp, options.key)
    except (FetchError, OSError, subprocess.CalledProcessError) as problem:
        print(f"build-release: {problem}", file=sys.stderr)
        return 1
    return 0


def _build(work: Path, into: Path, parts: tuple[str, ...], stamp: int, key: Path | None) -> None:
    source = _exported(work / "source")
    fetched = cache_directory() / "release"
    pure = wheels.fetch(fetched / "wheels")
    made: dict[str, bytes] = {}
    listed: papers.Listed = {}
    if "run" in parts:
        trees = []
        for architecture in python_tree.ARCHITECTURES:
            packages = debian.fetch(python_tree.PACKAGES, architecture.debian, fetched / architecture.debian)
            tree = work / architecture.name
            python_tree.build(tree, architecture, packages, pure, source / "rescue")
            trees.append(tree)
            listed[f"rescue-{__version__}-{architecture.name}.run"] = (packages, pure)
        python_tree.compile_all(trees)
        for architecture, tree in zip(python_tree.ARCHITECTURES, trees, strict=True):
            name = f"rescue-{__version__}-{architecture.name}.run"
            made[name] = single_files.run_file(tree, architecture, __version__, stamp)
    if "pyz" in parts:
        (work / "pyz").mkdir()
        made["rescue.pyz"] = single_files.zip_file(work / "pyz", pure, source / "rescue", __version__, stamp)
        listed["rescue.pyz"] = ([], pure)
    if "deb" in parts:
        made[f"rescue_{__version__}_all.deb"] = system_packages.deb(work / "deb", source, __version__, stamp)
        listed[f"rescue_{__version__}_all.deb"] = ([], [])
    if "wheel" in parts:
        made |= system_packages.python_packages(work, source, stamp)
    for name, data in made.items():
        (into / name).write_bytes(data)
        (into / name).chmod(0o755 if name.endswith((".run", ".pyz")) else 0o644)
        print(f"{len(data) / 1e6:6.1f} MB  {into / name}", flush=True)
    papers.write(into, sorted(made), listed, stamp, key)


def _exported(into: Path) -> Path:
    """What is committed and what lies in the checkout of it: no file that git does not know gets into a release."""
    told = subprocess.run(["git", "-C", str(HERE), "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    for name in filter(None, told.split("\0")):
        path = HERE / name
        if path.is_file() and not path.is_symlink():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, into / name)
    return into


def _last_commit() -> str:
    words = ["git", "-C", str(HERE), "log", "-1", "--format=%ct"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="build-release", description=__doc__.partition(": ")[2])
    parser.add_argument("--into", type=Path, default=HERE / "dist", help="the folder; default: dist")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; may be given several times")
    parser.add_argument("--key", type=Path, help="an SSH private key that signs SHA256SUMS (ssh-keygen -Y sign)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

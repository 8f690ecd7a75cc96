"""The two kinds of single files: .run with Python in it, and .pyz for a Python that is there."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from scripts.developer.release import archives, python_tree, wheels
from scripts.developer.release.python_tree import Architecture
from scripts.developer.release.wheels import Wheel

_HEADER = Path(__file__).with_name("header.sh")
_BLOCK = 4096  # of most file systems: a file takes up whole ones

_MAIN = """\
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python starts
    sys.exit("rescue.pyz needs Python 3.11 or newer, and this is " + sys.version.split()[0]
             + ". Take the file rescue-{version}-x86_64.run (or -aarch64.run): it has all it needs in it.")
from rescue.cli import run

run()
"""


def run_file(tree: Path, architecture: Architecture, version: str, stamp: int) -> bytes:
    """A shell script with the compressed `tree` behind it."""
    packed = archives.gzipped(archives.tar(tree, stamp, last="complete"))
    # A folder's own size is the builder's file system's affair: it differs from one build to the next.
    sizes = (path.stat().st_size if path.is_file() else _BLOCK for path in tree.rglob("*"))
    blocks = sum(-(-size // _BLOCK) + 1 for size in sizes)
    kilobytes = blocks * _BLOCK // 1024
    values = {
        "VERSION": version,
        "ARCH": architecture.name,
        "NAME": f"rescue-{version}-{architecture.name}.run",
        "MACHINES": architecture.machines,
        "DIGEST": hashlib.sha256(packed).hexdigest()[:16],
        "KILOBYTES": str(kilobytes),
        "MEGABYTES": str(-(-kilobytes // 1024)),
    }
    text = _HEADER.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    # The place where the archive begins is a part of the text before it.
    width = len(text) - len("@START@") + 6
    return text.replace("@START@", f"{width + 1:06}").encode() + packed


def zip_file(into: Path, pure: list[Wheel], package: Path, version: str, stamp: int) -> bytes:
    """A zip that Python starts. `into`: an empty folder to put it together in."""
    for wheel in pure:
        wheels.unpack(wheel, into)
    shutil.copytree(package, into / "rescue", ignore=shutil.ignore_patterns("__pycache__"))
    (into / "__main__.py").write_text(_MAIN.format(version=version))
    python_tree.write_licences_of_wheels(into / "licences", pure)
    return b"#!/usr/bin/env python3\n" + archives.zipped(into, stamp)

"""The lab's rescue system gets this very `rescue`: nothing has to be fetched in it, as no rescue system can be sure of
a network.

It is not a part of the image, which would be built anew for each change of the program: it is put on a copy of its disk
in a second.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from rescue.labs.programs import ImageError, run

RECIPE = "rescue-system"

PLACE = "opt/rescue"
"""Where it is put on the disk; usr/local/bin/rescue calls it."""

NEEDED = ("pyroute2", "questionary", "rich", "ruamel.yaml", "sh")
"""What pyproject.toml asks for."""

STARTER = f'#!/bin/sh\nPYTHONPATH=/{PLACE} exec /usr/bin/python3 -m rescue "$@"\n'

MODULES = "etc/modules-load.d/rescue.conf"
"""modules-load.d(5): rescue needs a loop device, and a lab's boot skips the unit that would load them on demand."""

COPY = r"""
set -eu
disk=$1 from=$2
at=$(mktemp -d)
trap 'rmdir "$at"' EXIT
mount -o loop "$disk" "$at"
trap 'umount "$at"; rmdir "$at"' EXIT
cp -a "$from/." "$at"
"""
"""A shell script: copy files to the file system in a file. It runs in a mount namespace of its own."""


def put_rescue(disk: Path) -> None:
    """Put `rescue` and the packages that it needs on `disk`, a raw copy of the rescue system's disk (ext4).

    Needs root. Raises ImageError.
    """
    with tempfile.TemporaryDirectory(prefix="rescue-files-") as place:
        stage = Path(place)
        stage.chmod(0o755)
        _stage(stage)
        run("chown", "-R", "root:root", str(stage))
        run("sh", "-c", COPY, "sh", str(disk), str(stage), alone=True)


def _stage(stage: Path) -> None:
    """The files as they are to lie on the disk."""
    library = stage / PLACE
    package = Path(__file__).resolve().parents[2]
    shutil.copytree(package, library / "rescue", ignore=shutil.ignore_patterns("__pycache__"))
    for each in _closure():
        _copy(each, library)
    modules = stage / MODULES
    modules.parent.mkdir(parents=True)
    modules.write_text("loop\n")
    starter = stage / "usr/local/bin/rescue"
    starter.parent.mkdir(parents=True)
    starter.write_text(STARTER)
    starter.chmod(0o755)


def _closure() -> Iterator[Distribution]:
    """The packages that are needed, and those that they need, each once."""
    left, seen = list(NEEDED), set[str]()
    while left:
        name = left.pop()
        if name.lower() in seen:
            continue
        seen.add(name.lower())
        try:
            found = distribution(name)
        except PackageNotFoundError:
            raise ImageError(f"the Python package {name} is not installed", "Run scripts/setup.") from None
        yield found
        # What has a condition is for another system, an older Python, or an extra.
        left += [re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in found.requires or () if ";" not in each]


def _copy(package: Distribution, library: Path) -> None:
    """A package's Python and data. What is compiled is left out: the rescue system's Python is another."""
    for file in package.files or ():
        if file.suffix in (".so", ".pyc") or file.parts[0] == "..":
            continue
        target = library / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(package.locate_file(file)), target)

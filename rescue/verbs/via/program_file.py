"""Which file is sent: the one that is named, the release's that lies beside, or a zip made of this program."""

from __future__ import annotations

import io
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import rescue
from rescue.errors import UsageError
from rescue.text.safe import cut, safe
from rescue.verbs.via.errors import ViaError
from rescue.verbs.via.other_side import Side
from rescue.version import __version__

RUN, ZIP = "run", "pyz"
LIBRARIES = ("prompt_toolkit", "pyroute2", "questionary", "rich", "ruamel.yaml", "sh", "wcwidth")
"""What the program needs of others, all in pure Python."""

_RUN_HEAD = re.compile(rb"#!/bin/sh\n# rescue [^\n ]{1,40} for ([a-z0-9_]{1,20}):")
_ZIP_HEAD = re.compile(rb"(#![^\n]{1,200}\n)?PK\x03\x04")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_MAIN = "from rescue.cli import run\n\nrun()\n"
_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file in the zip, so that the same program gives the same digest."""


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A whole program. kind: RUN or ZIP; machine: the only one that it runs on, "" for any."""

    name: str
    data: bytes
    kind: str
    machine: str = ""

    def words(self, path: str) -> list[str]:
        """What starts it where it lies at `path`."""
        return ["sh" if self.kind == RUN else "python3", path]


def program_for(side: Side, named: str | None) -> ProgramFile:
    """The file for `side`. Raises UsageError for a `named` one that is none, ViaError where there is none that runs."""
    machine = _MACHINES.get(side.machine, side.machine)
    if named is not None:
        return _runs(read(Path(named).expanduser()), side, machine)
    for path in beside(machine):
        try:
            found = read(path)
            return _runs(found, side, machine)
        except (UsageError, ViaError):
            continue
    if side.runs_zip:
        made = zip_of_this()
        if made is not None:
            return ProgramFile("this program as a zip", made, ZIP)
    has = f"has Python {safe(cut(side.python, 20))}" if side.python else "has no Python"
    file = f"rescue-{__version__}-{machine}.run"
    raise ViaError(
        f"{side.host} ({safe(cut(machine, 40))}) {has}, and no file of the release for it lies beside this program",
        f"Name one that has all it needs in it: --via-file {safe(file)} (docs/install.md)",
    )


def read(path: Path) -> ProgramFile:
    """The file at `path`. Raises UsageError where it is no program of ours."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise UsageError(
            f"--via-file {path}: {problem.strerror}", "Name a .run file or rescue.pyz of the release."
        ) from problem
    if head := _RUN_HEAD.match(data):
        return ProgramFile(path.name, data, RUN, head[1].decode())
    if _ZIP_HEAD.match(data):
        if _is_ours(data):
            return ProgramFile(path.name, data, ZIP)
        raise UsageError(
            f"--via-file {path} is damaged, or holds another program", "Fetch it again, and compare its SHA256SUMS."
        )
    raise UsageError(
        f"--via-file {path} is no file of the release", "It takes rescue-VERSION-ARCHITECTURE.run or rescue.pyz."
    )


def _is_ours(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {"__main__.py", "rescue/cli.py"} <= set(archive.namelist())
    except zipfile.BadZipFile:
        return False


def _runs(file: ProgramFile, side: Side, machine: str) -> ProgramFile:
    """The same file, if it runs there. Raises ViaError."""
    if file.machine not in ("", machine):
        raise ViaError(
            f"{file.name} is for {file.machine}, and {side.host} is {safe(cut(machine, 40))}",
            f"Take rescue-{__version__}-{safe(cut(machine, 40))}.run, or rescue.pyz where it has Python.",
        )
    if file.kind == ZIP and not side.runs_zip:
        has = f"has {safe(cut(side.python, 20))}" if side.python else "has none"
        raise ViaError(
            f"{file.name} needs Python 3.11 or newer, and {side.host} {has}",
            f"Take rescue-{__version__}-{safe(cut(machine, 40))}.run: it has all it needs in it.",
        )
    return file


def beside(machine: str) -> Iterator[Path]:
    """Files of this version that lie beside this program, the best first; none where nothing is known of its place."""
    started = os.environ.get("RESCUE_STARTED_AS") or (sys.argv[0] if sys.argv else "")
    own = Path(started).absolute()
    if own.is_file() and own.suffix in (".run", ".pyz"):
        yield own
        folders = [own.parent]
    else:
        folders = []
    folders.append(Path(rescue.__file__).resolve().parents[1] / "dist")
    for name in (f"rescue-{__version__}-{machine}.run", "rescue.pyz"):
        for folder in folders:
            if (path := folder / name).is_file():
                yield path


def zip_of_this() -> bytes | None:
    """This program with its libraries, as a zip that Python starts; None where their files can't be found."""
    places = [_place(name) for name in ("rescue", *LIBRARIES)]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        _add(archive, "__main__.py", _MAIN.encode())
        for name, place in zip(("rescue", *LIBRARIES), places, strict=True):
            if place is None:
                return None
            for path, data in _files(place, name.replace(".", "/")):
                _add(archive, path, data)
    return stream.getvalue()


def _place(name: str) -> Path | None:
    """The folder of a package, or the file of a module."""
    try:
        spec = find_spec(name)
    except ImportError:
        return None
    if spec is None or spec.origin is None:
        return None
    origin = Path(spec.origin)
    if origin.suffix != ".py" or not origin.is_file():
        return None
    return origin.parent if spec.submodule_search_locations is not None else origin


def _files(place: Path, name: str) -> Iterator[tuple[str, bytes]]:
    if place.is_file():
        yield f"{name}.py", place.read_bytes()
        return
    for path in sorted(place.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".so", ".pyc"):
            yield f"{name}/{path.relative_to(place).as_posix()}", path.read_bytes()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    told = zipfile.ZipInfo(name, _TIME)
    told.external_attr = 0o100644 << 16
    told.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(told, data)

"""The pure Python packages that rescue needs, by exact version and hash (wheels.txt)."""

from __future__ import annotations

import ast
import sys
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

from scripts.developer.release.debian import FetchError, run

LIST = Path(__file__).with_name("wheels.txt")
UNUSED = ("rich/__main__.py", "wcwidth/__main__.py", "pyroute2/cli/", "pyroute2/pr2test/", "pyroute2/dhcp/",
          "prompt_toolkit/contrib/", "wcwidth/table_grapheme_overrides/_known_")  # fmt: skip
"""Demonstrations and programs in the packages that nothing of ours calls."""

CHANGED = {
    # rescue asks no server over TLS, and the .run's Python has none: OpenSSL is larger than all that rescue imports.
    "pyroute2/netlink/rtnl/probe_msg.py": ("import ssl\n", ""),
    "rich/_emoji_codes.py": None,
}
"""What is not as the package has it: (old, new) text of a file, or None for an empty table of emoji names."""

SHORTENED = ("pyroute2", "prompt_toolkit")
"""Packages whose modules go without comments and docstrings: of their source that is a third."""
NOTICE = "# Changed for rescue's release: comments and docstrings were removed. Licence: see the licences beside it.\n"


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package from PyPI: its name, version and licence, as its metadata says."""

    name: str
    version: str
    licence: str
    path: Path


def _shortened(source: str) -> str:
    """The module without comments and docstrings; all else means the same."""
    tree = ast.parse(source)
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in [each for each in ast.walk(tree) if isinstance(each, kinds)]:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return f"{NOTICE}{ast.unparse(tree)}\n" if tree.body else NOTICE


def fetch(into: Path) -> list[Wheel]:
    """The wheels of wheels.txt in the folder `into`; pip checks the hashes. Raises FetchError."""
    into.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    words += ["--dest", str(into), "--platform", "any", "--only-binary=:all:", "--python-version", "3.11"]
    words += ["--implementation", "py", "--abi", "none", "--require-hashes", "--requirement", str(LIST)]
    run(words, into)
    return sorted((_described(path) for path in into.glob("*.whl")), key=lambda each: each.name)


def unpack(wheel: Wheel, into: Path) -> None:
    """Its modules below `into`, without metadata, and the texts of its licence in `into`.dist-info's place."""
    with zipfile.ZipFile(wheel.path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith("/") or ".dist-info/" in name or name.startswith(UNUSED):
                continue
            archive.extract(name, into)
    for package in SHORTENED if wheel.name in SHORTENED else ():
        for path in (into / package).rglob("*.py"):
            path.write_text(_shortened(path.read_text(encoding="utf-8")), encoding="utf-8")
    for name, change in CHANGED.items():
        if not name.startswith(f"{wheel.name}/"):
            continue
        text = (into / name).read_text(encoding="utf-8")
        if change is not None and change[0] not in text:
            raise FetchError(f"{name} of {wheel.name} {wheel.version} no longer has {change[0]!r}")
        (into / name).write_text(text.replace(*change) if change else "EMOJI: dict[str, str] = {}\n", encoding="utf-8")


def licences(wheel: Wheel) -> dict[str, str]:
    """The texts of its licence by file name."""
    with zipfile.ZipFile(wheel.path) as archive:
        return {
            Path(name).name: archive.read(name).decode("utf-8", "replace")
            for name in sorted(archive.namelist())
            if ".dist-info/" in name and Path(name).name.upper().startswith(("LICEN", "COPYING", "NOTICE"))
        }


def _described(path: Path) -> Wheel:
    with zipfile.ZipFile(path) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        told = Parser().parsestr(archive.read(name).decode())
    licence = told.get("License-Expression") or told.get("License") or ""
    if not licence or "\n" in licence:
        kinds = [each.rsplit(" :: ", 1)[-1] for each in told.get_all("Classifier", []) if each.startswith("License ::")]
        licence = " or ".join(kinds) or "see its licence text"
    return Wheel(told["Name"], told["Version"], licence, path)

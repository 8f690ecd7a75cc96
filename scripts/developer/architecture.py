"""The picture of the rooms in docs/architecture.md, from pyproject.toml's layers and from what the modules import.

`scripts/update-readme` writes it. Nothing is drawn by hand: a room that moves, or imports another, is in the picture
at the next run, and `scripts/update-readme --check` (in the tier lint) says when it has to be.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from textwrap import wrap

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = "rescue"

WIDTH = 80
LEFT = 13
"""Columns of the room's name."""

USED_FOR = {
    "sh": "programs of the rescue system that run to their end: blkid, losetup, lvs, dmsetup, qemu-img",
    "pyroute2": "network interfaces and addresses, without parsing the output of `ip`",
    "questionary": "the questions of the guided menu, on a real terminal only",
    "prompt_toolkit": "what questionary stands on: keys typed ahead are dropped",
    "rich": "text on the terminal, and its HTML copy",
    "ruamel.yaml": "YAML with the place of each node, so that an edit changes one line",
    "guestfs": "libguestfs: images read and written in a small virtual machine; from the distribution, not from PyPI",
    "subprocess": "what sh can't do: children that end when we do, open pipes; and the programs of the lab",
}  # fmt: skip
"""What is imported from outside, and why. A test holds that nothing is missing that pyproject.toml names."""


@cache
def _contracts() -> list[dict[str, list[str]]]:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, list[str]]] = settings["tool"]["importlinter"]["contracts"]
    return found


def layers(container: str) -> list[list[str]]:
    """The layers of a package, the upper ones first: what lies side by side in one of them."""
    for each in _contracts():
        if each.get("containers") == [container]:
            return [[word.strip(" ()") for word in line.split("|")] for line in each["layers"]]
    return []


def pure() -> frozenset[str]:
    """The rooms that may not look at anything but the tree."""
    rooms = next(each["source_modules"] for each in _contracts() if "forbidden_modules" in each)
    return frozenset(name.removeprefix(f"{PACKAGE}.") for name in rooms)


def files(room: str) -> list[Path]:
    """The modules of a room: a folder or one file; none where there is no such room."""
    base = REPOSITORY / PACKAGE
    return sorted((base / room).rglob("*.py")) or [path for path in (base / f"{room}.py",) if path.exists()]


@cache
def rooms() -> list[str]:
    """Every module and folder of the package, but for what only starts it."""
    base = REPOSITORY / PACKAGE
    found = [path.stem for path in base.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    return sorted(name for name in found if not name.startswith("__"))


@cache
def imported(path: Path) -> tuple[str, ...]:
    """The full names of the modules that a file imports, anywhere in it."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            if node.module == PACKAGE:
                yield from (f"{PACKAGE}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func) and node.args:
            # Libraries that are looked for at run time.
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value


def imports(room: str) -> set[str]:
    """The rooms that a room imports."""
    known = rooms()
    names = (name.split(".") for path in files(room) for name in imported(path))
    return {name[1] for name in names if name[0] == PACKAGE and len(name) > 1 and name[1] in known} - {room}


def users_of(library: str) -> list[str]:
    """The folders whose modules import a library, and modules that lie in none."""
    base = REPOSITORY / PACKAGE
    found = set()
    for path in (path for room in rooms() for path in files(room)):
        if any(name == library or name.startswith(f"{library}.") for name in imported(path)):
            place = path.relative_to(base)
            found.add(str(place.parent if len(place.parts) > 1 else place))
    return sorted(found)


def picture() -> str:
    """The rooms, layer by layer, each with the rooms that it imports."""
    placed = [[room for room in layer if files(room)] for layer in layers(PACKAGE)]
    placed = [layer for layer in placed if layer]
    order = [room for layer in placed for room in layer]
    beside = [room for room in rooms() if room not in order]
    if beside:
        placed.append(beside)
        order.extend(beside)
    edge = f"+{'-' * (LEFT + 2)}+{'-' * (WIDTH - LEFT - 5)}+"
    lines = [edge, _row(" room", "imports"), edge.replace("-", "=")]
    for layer in placed:
        for room in layer:
            star = "*" if room in pure() else " "
            lines.extend(_rows(f"{star}{room}", _ordered(imports(room), order)))
        lines.append(edge)
    return "\n".join(lines)


def _ordered(names: Iterable[str], order: list[str]) -> str:
    return " ".join(sorted(names, key=order.index))


def _rows(head: str, text: str) -> Iterator[str]:
    lines = wrap(text, WIDTH - LEFT - 7, break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        yield _row("" if number else head, line)


def _row(head: str, text: str) -> str:
    return f"| {head:<{LEFT}} | {text:<{WIDTH - LEFT - 7}} |"


def inner() -> str:
    """The layers inside the larger rooms, the upper ones first."""
    found = []
    for each in _contracts():
        for container in each.get("containers", []):
            if container != PACKAGE:
                told = " > ".join(", ".join(layer) for layer in layers(container))
                found.append(f"* `{container.replace('.', '/')}/`: {told}")
    return "\n".join(found)


def dependencies() -> str:
    """What is imported from outside: what for, and where."""
    rows = ["| library | what for | where |", "| --- | --- | --- |"]
    for library, use in USED_FOR.items():
        by = ", ".join(f"`{room}`" for room in users_of(library)) or "nothing yet"
        rows.append(f"| `{library}` | {use} | {by} |")
    return "\n".join(rows)

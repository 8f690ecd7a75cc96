"""`import rescue`: cheap, lazy, and the same to Python as to type checkers."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import rescue
from rescue.man import pages

pytestmark = pytest.mark.unit

SOURCE = Path(rescue.__file__).read_text(encoding="utf-8")


def imported() -> dict[str, str]:
    """The module of each name that type checkers are told of."""
    (block,) = [
        each
        for each in ast.parse(SOURCE).body
        if isinstance(each, ast.If) and ast.unparse(each.test) == "TYPE_CHECKING"
    ]
    return {
        name.name: each.module or "" for each in block.body if isinstance(each, ast.ImportFrom) for name in each.names
    }


def test_python_and_type_checkers_are_told_the_same() -> None:
    lazy = {name: f"rescue.{module}" for module, names in rescue._MODULES.items() for name in names.split()}
    assert lazy == imported()
    assert sorted(lazy) == sorted(rescue.__all__)


@pytest.mark.parametrize("name", rescue.__all__)
def test_each_name_is_what_its_module_has(name: str) -> None:
    assert getattr(rescue, name) is getattr(import_module(imported()[name]), name)
    assert name in dir(rescue)


def test_no_module_has_the_name_of_something_in_the_library() -> None:
    """The one imported last would hide the other."""
    modules = {each.name for each in iter_modules(rescue.__path__)}
    assert modules & set(rescue.__all__) == set()
    assert rescue.version.__name__ == "rescue.version"  # a module is one as before


def test_what_is_not_there_is_told_as_by_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'rescue' has no attribute 'inspekt'"):
        rescue.inspekt  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import rescue", {"rescue", "rescue.version"}),
        ("import rescue; rescue.RescueError", {"rescue", "rescue.version", "rescue.errors", "rescue.status"}),
    ],
)
def test_what_is_not_used_is_not_imported(code: str, loaded: set[str]) -> None:
    code = f"{code}; import sys; print(*[name for name in sys.modules if name.split('.')[0] == 'rescue'])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) == loaded


def test_importing_it_imports_nothing_of_pythons_own_either() -> None:
    code = "import sys; before = set(sys.modules); import rescue; print(*sorted(set(sys.modules) - before))"
    found = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(rescue.__file__).parents[1],
    )
    assert found.stdout.split() == ["rescue", "rescue.version"]


def test_the_wheel_has_every_file_that_is_no_module() -> None:
    root = Path(rescue.__file__).parent
    settings = tomllib.loads((root.parent / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = {
        path for pattern in settings["tool"]["setuptools"]["package-data"]["rescue"] for path in root.glob(pattern)
    }
    there = {path for path in root.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert sorted(there - shipped) == []
    assert root / "schema/inspect-2.json" in shipped


def test_the_manual_names_everything() -> None:
    page = pages()["api"]
    words = set("".join(letter if letter.isalnum() or letter == "_" else " " for letter in page).split())
    # Details of what is named there, with docstrings of their own.
    inner = {"Action", "Applied", "Choose", "Entry", "Left", "Location", "Mend", "Safety", "Severity", "State",
             "Status", "Step", "Symptom", "Tree"}  # fmt: skip
    assert set(rescue.__all__) - words <= inner

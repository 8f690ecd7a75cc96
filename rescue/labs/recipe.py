"""Recipes of the lab's servers, and the key under which what is built from them is cached.

A recipe is a TOML file: `suite`, `packages` and `size` (as mke2fs(8) takes it), or `base` (another recipe's name)
with `add` and `remove`. Beside the recipes lie two programs that mmdebstrap(1) calls: `before-packages` and
`customize`.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

HOOKS = ("before-packages", "customize")

FORMAT = 3
"""Raise it when what is built from an unchanged recipe changes."""


class RecipeError(Exception):
    """A recipe is missing or says something that can't be."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One server: what is installed on it and how large its disk is.

    directory: where the recipe and its hooks lie. size: of the file system, as mke2fs(8) takes it ("2G").
    """

    name: str
    directory: Path
    suite: str
    packages: tuple[str, ...]
    size: str

    @property
    def uuid(self) -> str:
        """The root file system's UUID: the same for each build of one name."""
        return str(uuid5(NAMESPACE_DNS, f"{self.name}.rescue.invalid"))

    @property
    def machine_id(self) -> str:
        """machine-id(5) of the server."""
        return sha256(self.name.encode()).hexdigest()[:32]

    def key(self, public_key: str) -> str:
        """Twelve hexadecimal digits that change with anything that changes what is built."""
        parts = [str(FORMAT), self.name, self.suite, self.size, *self.packages, public_key]
        parts += [(self.directory / hook).read_text() for hook in HOOKS]
        return sha256("\0".join(parts).encode()).hexdigest()[:12]


def recipes(directory: Path) -> tuple[str, ...]:
    """The names of all recipes in `directory`, sorted."""
    return tuple(sorted(path.stem for path in directory.glob("*.toml")))


def load_recipe(directory: Path, name: str) -> Recipe:
    """The recipe `name`. Raises RecipeError."""
    path = directory / f"{name}.toml"
    try:
        told = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise RecipeError(
            f"there is no recipe {name!r} in {directory}; there are: {', '.join(recipes(directory))}"
        ) from None
    except tomllib.TOMLDecodeError as problem:
        raise RecipeError(f"{path}: {problem}") from problem
    try:
        return _made(directory, name, told)
    except KeyError as missing:
        raise RecipeError(f"{path}: {missing} is missing") from missing


def _made(directory: Path, name: str, told: dict[str, Any]) -> Recipe:
    if "base" not in told:
        return Recipe(name, directory, told["suite"], tuple(told["packages"]), told["size"])
    base = load_recipe(directory, told["base"])
    kept = tuple(each for each in base.packages if each not in told.get("remove", ()))
    return replace(base, name=name, packages=(*kept, *told.get("add", ())))


def cache_directory() -> Path:
    """Where images are kept: RESCUE_CACHE, else ~/.cache/rescue (XDG_CACHE_HOME is honoured)."""
    if told := os.environ.get("RESCUE_CACHE"):
        return Path(told)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rescue"

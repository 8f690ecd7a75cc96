"""Recipes of the lab's servers, and the key under which what is built from them is cached.

A recipe is a TOML file. One that stands alone has `suite`, `packages` and `size` (of the disk: "2G", "1536M"). One
that is derived has `base` (another recipe's name), may `add` and `remove` packages, give its own `size`, and have files
that are there before the packages' own programs run ([before], as [files]).
Every recipe has `purpose` (a line for people) and may have:

    layout     how the disk is laid out: a name of `rescue.labs.images.layout.LAYOUTS`
    hostname   the server's name, else "server"
    enable     units of systemd that are enabled, as by systemctl(1)
    disable    units that are disabled
    [files]    "/absolute/path" = "content" of files of root's, mode 644

Beside the recipes lie the programs that mmdebstrap(1) calls, `HOOKS`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from rescue.labs.errors import LabError
from rescue.labs.images.layout import EXT4, LAYOUTS, Layout, stable_uuid

HOOKS = ("before-packages", "customize", "change-packages")

FORMAT = 6
"""Raise it when what is built from an unchanged recipe changes."""

HOSTNAME = "server"

ALONE, DERIVED = {"suite", "packages", "size"}, {"base", "add", "remove", "size", "before"}
COMMON = {"purpose", "layout", "hostname", "enable", "disable", "files"}

PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
"""Debian Policy 5.6.7."""
SUITE = re.compile(r"[a-z][a-z0-9.-]*")
SIZE = re.compile(r"[1-9][0-9]*[MG]")
UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]+\.[a-z]+")
HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


class RecipeError(LabError):
    """A recipe is missing or says something that can't be."""


class UnknownRecipe(RecipeError):
    """There is no recipe of that name."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One server: what is installed on it and how its disk is made.

    directory: where the recipe and the hooks lie. packages: all that are asked for by name. size: of the disk ("2G").
    base: what it is derived from. files: (path on the server, content); before: those that come before the packages.
    """

    name: str
    directory: Path
    purpose: str
    suite: str
    packages: tuple[str, ...]
    size: str
    layout: Layout = EXT4
    hostname: str = HOSTNAME
    base: Recipe | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    before: tuple[tuple[str, str], ...] = ()

    @property
    def uuid(self) -> str:
        """The root file system's UUID: the same for each build of one name."""
        return stable_uuid(self.name)

    @property
    def machine_id(self) -> str:
        """machine-id(5) of the server."""
        return sha256(self.name.encode()).hexdigest()[:32]

    @property
    def bytes(self) -> int:
        """The disk's size in bytes."""
        return parse_size(self.size)

    def key(self, public_key: str) -> str:
        """Twelve hexadecimal digits that change with anything that changes what is built."""
        if self.base is not None:
            origin: list[Any] = [self.base.key(public_key), self.add, self.remove, *self.before]
        else:
            hooks = [(self.directory / hook).read_text() for hook in HOOKS]
            origin = [FORMAT, self.suite, self.packages, public_key, hooks]
        own = [self.name, self.size, self.layout.name, self.hostname, self.enable, self.disable, self.files]
        return sha256(json.dumps([origin, own]).encode()).hexdigest()[:12]


def parse_size(size: str) -> int:
    """The bytes of "2G" or "512M"."""
    units = {"M": 1 << 20, "G": 1 << 30}
    return int(size[:-1]) * units[size[-1]]


def recipes(directory: Path) -> tuple[str, ...]:
    """The names of all recipes in `directory`, sorted."""
    return tuple(sorted(path.stem for path in directory.glob("*.toml")))


def load_recipe(directory: Path, name: str) -> Recipe:
    """The recipe `name`. Raises RecipeError."""
    return _load(directory, name, ())


def _load(directory: Path, name: str, above: tuple[str, ...]) -> Recipe:
    path = directory / f"{name}.toml"
    if name in above:
        raise RecipeError(f"{path}: it is its own base: {' -> '.join((*above, name))}", "Change one of the bases.")
    if name not in (known := recipes(directory)):
        raise _unknown(name, directory, known)
    try:
        told = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RecipeError(f"{path}: {problem}", "Correct the file; its form is TOML (toml.io).") from problem
    except OSError as problem:
        raise RecipeError(f"{path}: {problem.strerror}") from problem
    try:
        return _made(directory, name, told, above)
    except ValueError as problem:
        raise RecipeError(
            f"{path}: {problem}", "Correct the file, or see one of its neighbours for the form."
        ) from None


def _unknown(name: str, directory: Path, known: tuple[str, ...]) -> UnknownRecipe:
    near = get_close_matches(name, known, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return UnknownRecipe(
        f"there is no recipe {name!r} in {directory}", f"{hint}There are: {', '.join(known) or 'none'}."
    )


def _made(directory: Path, name: str, told: Mapping[str, Any], above: tuple[str, ...]) -> Recipe:
    """The recipe; ValueError says what is wrong with it."""
    allowed = COMMON | (DERIVED if "base" in told else ALONE)
    for key in told:
        if key not in allowed:
            near = get_close_matches(key, allowed, 1)
            raise ValueError(f"{key!r} is unknown here" + (f"; did you mean {near[0]!r}?" if near else ""))
    if "base" in told:
        base = _load(directory, _text(told, "base"), (*above, name))
        add, remove = _texts(told, "add", PACKAGE), _texts(told, "remove", PACKAGE)
        if absent := [each for each in remove if each not in base.packages]:
            raise ValueError(f"{', '.join(absent)}: can't be removed, {base.name} does not ask for it")
        suite, size, layout, hostname = base.suite, base.size, base.layout, base.hostname
        packages = (*(each for each in base.packages if each not in remove), *add)
    else:
        base, add, remove = None, (), ()
        suite, packages = _text(told, "suite", SUITE), _texts(told, "packages", PACKAGE, required=True)
        size, layout, hostname = _text(told, "size", SIZE), EXT4, HOSTNAME
    return Recipe(
        name=name,
        directory=directory,
        purpose=_text(told, "purpose"),
        suite=suite,
        packages=packages,
        size=_text(told, "size", SIZE) if "size" in told else size,
        layout=_layout(told) if "layout" in told else layout,
        hostname=_text(told, "hostname", HOST) if "hostname" in told else hostname,
        base=base,
        add=add,
        remove=remove,
        enable=_texts(told, "enable", UNIT),
        disable=_texts(told, "disable", UNIT),
        files=_files(told, "files"),
        before=_files(told, "before"),
    )


def _text(told: Mapping[str, Any], key: str, form: re.Pattern[str] | None = None) -> str:
    if key not in told:
        raise ValueError(f"{key!r} is missing")
    value = told[key]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key!r} has to be a text, not {value!r}")
    if form is not None and not form.fullmatch(value):
        raise ValueError(f"{key!r} can't be {value!r}")
    return value


def _texts(told: Mapping[str, Any], key: str, form: re.Pattern[str], *, required: bool = False) -> tuple[str, ...]:
    if key not in told and not required:
        return ()
    values = told.get(key)
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise ValueError(f"{key!r} has to be a list of texts" + (", and is missing" if values is None else ""))
    if wrong := [each for each in values if not form.fullmatch(each)]:
        raise ValueError(f"{key!r} can't hold {wrong[0]!r}")
    if twice := {each for each in values if values.count(each) > 1}:
        raise ValueError(f"{key!r} names {', '.join(sorted(twice))} twice")
    return tuple(values)


def _layout(told: Mapping[str, Any]) -> Layout:
    name = _text(told, "layout")
    if name not in LAYOUTS:
        raise ValueError(f"there is no layout {name!r}: {', '.join(LAYOUTS)}")
    return LAYOUTS[name]


def _files(told: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    table = told.get(key, {})
    if not isinstance(table, dict):
        raise ValueError(f"{key!r} has to be a table")
    return tuple(_checked_files(table.items()))


def _checked_files(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, str]]:
    for path, content in items:
        if not path.startswith("/") or str(PurePosixPath(path)) != path or ".." in PurePosixPath(path).parts:
            raise ValueError(f"the file {path!r} has to be an absolute path without '..'")
        if not isinstance(content, str):
            raise ValueError(f"the content of {path!r} has to be a text")
        yield path, content

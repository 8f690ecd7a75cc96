"""systemd's unit files on a disk: names, aliases, masks, drop-ins, assignments (systemd.unit(5)).

Follows unit_file_build_name_map (src/basic/unit-file.c), unit_file_find_dropin_paths (src/shared/dropin.c) and
config_parse (src/shared/conf-parser.c) of systemd 252. What lies in /run is left out: it is gone after a boot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from posixpath import normpath
from re import compile as compile_pattern

from rescue.model import Location
from rescue.tree import Kind, LinkLoop, Read, Tree

UNIT_DIRS = (
    "/etc/systemd/system.control",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where unit files are looked for, the first wins (path-lookup.c)."""

UNIT_FILE_READS = tuple(Read(path, depth=2) for path in UNIT_DIRS)

TYPES = ("service", "socket", "target", "device", "mount", "automount", "swap", "timer", "path", "slice", "scope")
MAX_ALIASES = 8
"""FOLLOW_MAX of unit-file.c."""
BLANK = " \t\n\r"

_NAME = compile_pattern(rf"[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\@-]*)?\.(?:{'|'.join(TYPES)})")
_LINE_END = compile_pattern(r"\r\n?|\n\r?|\0")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One ``Key=Value`` of a unit file or a drop-in, white space around both taken off."""

    section: str
    key: str
    text: str
    location: Location


@dataclass(frozen=True, slots=True)
class Dependency:
    """A link in a .wants or .requires directory: `name` is the link's own, which alone counts."""

    name: str
    location: Location


class UnitFiles:
    """The unit files of a tree. Raises NotCaptured where its directories were not captured."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._read: dict[str, tuple[Assignment, ...]] = {}

    @cached_property
    def directories(self) -> tuple[str, ...]:
        """The unit directories that exist, each once, by its real path."""
        self.tree.require(*UNIT_FILE_READS)
        real = (str(self.tree.resolve(path)) for path in UNIT_DIRS if self.tree.entry(path) is not None)
        return tuple(dict.fromkeys(real))

    @cached_property
    def _ids(self) -> dict[str, str]:
        """Each unit name -> its file's absolute path, or the name that it is an alias of."""
        found: dict[str, str] = {}
        for directory in self.directories:
            for name in self.tree.children(directory):
                if name in found or not is_unit_name(name):
                    continue
                target = self._target(directory, name)
                if target is not None and target != name:
                    found[name] = target
        return found

    @cached_property
    def _places(self) -> frozenset[str]:
        """Every name in the unit directories, with its path: most units have no directory of their own there."""
        return frozenset(f"{each}/{name}" for each in self.directories for name in self.tree.children(each))

    def _target(self, directory: str, name: str) -> str | None:
        """A path, an alias' name, or None for a link that systemd ignores."""
        path = f"{directory}/{name}"
        entry = self.tree.lentry(path)
        if entry is None or not entry.is_link:
            return path
        if is_null(directory, entry.link):
            return path
        try:
            aim = self.tree.resolve(_joined(directory, entry.link), follow_last=False)
        except LinkLoop:
            return None
        if not any(str(aim).startswith(each + "/") for each in self.directories):
            return path
        return aim.name if _may_alias(name, aim.name) else None

    def path(self, name: str) -> PurePosixPath | None:
        """The file that defines `name`, aliases followed; for an instance (a@b.service) else its template's."""
        for candidate in (name, template_of(name)):
            at: str | None = candidate
            for _ in range(MAX_ALIASES):
                if at is None:
                    break
                aim = self._ids.get(at) or self._ids.get(template_of(at) or "")
                if aim is None or aim.startswith("/"):
                    if aim is not None:
                        return PurePosixPath(aim)
                    break
                at = aim
        return None

    def real_name(self, name: str) -> str:
        """The unit's own name, where `name` may be an alias."""
        path = self.path(name)
        if path is None or is_template(path.name):
            return name
        return path.name

    @cached_property
    def _aliases(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name in self._ids:
            found.setdefault(self.real_name(name), []).append(name)
        return {real: tuple(sorted(names)) for real, names in found.items()}

    def names(self, name: str) -> tuple[str, ...]:
        """All names of the unit, its own first."""
        real = self.real_name(name)
        return tuple(dict.fromkeys((real, *self._aliases.get(real, ()))))

    def null(self, path: PurePosixPath) -> bool:
        """Whether the unit file is a mask: a link to /dev/null or an empty file (null_or_empty_path)."""
        at = path
        for _ in range(MAX_ALIASES):
            entry = self.tree.lentry(at)
            if entry is None or not entry.is_link:
                break
            if is_null(str(at.parent), entry.link):
                return True
            at = PurePosixPath(_joined(str(at.parent), entry.link))
        found = self.tree.entry(path)
        return found is not None and (found.kind in (Kind.CHAR, Kind.BLOCK) or (found.is_file and found.size == 0))

    def dropins(self, name: str) -> tuple[PurePosixPath, ...]:
        """The drop-ins that apply to the unit, in the order in which they are read."""
        return tuple(path for path in self._extras(name, ".d") if path.name.endswith(".conf"))

    def dependencies(self, name: str) -> Iterator[Dependency]:
        """What the unit's .wants, .requires and .upholds directories pull in; a masked link pulls in nothing."""
        yield from self._linked(name, (".wants", ".requires", ".upholds"))

    def required(self, name: str) -> Iterator[Dependency]:
        """What the unit's .requires directories pull in: the same as Requires= of each."""
        yield from self._linked(name, (".requires",))

    def _linked(self, name: str, suffixes: tuple[str, ...]) -> Iterator[Dependency]:
        for suffix in suffixes:
            for path in self._extras(name, suffix):
                entry = self.tree.lentry(path)
                if entry is not None and entry.is_link and not self.null(path) and is_unit_name(path.name):
                    yield Dependency(path.name, Location(path, text=f"-> {entry.link}"))

    def _extras(self, name: str, suffix: str) -> tuple[PurePosixPath, ...]:
        """The entries of all directories NAME`suffix`, by name; of two with one name the first directory's counts."""
        return self.tree.kept((UnitFiles, name, suffix), lambda: self._listed(name, suffix))

    def _listed(self, name: str, suffix: str) -> tuple[PurePosixPath, ...]:
        found: dict[str, PurePosixPath] = {}
        known = [each for each in self.names(name) if not is_template(each)]
        places = [f"{where}/{each}{suffix}" for one in known for where in self.directories for each in _generic(one)]
        places += [f"{directory}/{name.rpartition('.')[2]}{suffix}" for directory in self.directories]
        for place in places:
            if place not in self._places:
                continue
            for each in self.tree.children(place):
                found.setdefault(each, PurePosixPath(place) / each)
        return tuple(found[each] for each in sorted(found, key=lambda one: one.encode("utf-8", "surrogateescape")))

    def assignments(self, name: str) -> tuple[Assignment, ...]:
        """Every assignment of the unit's file and then of its drop-ins, in order; () for a masked unit."""
        path = self.path(name)
        if path is None or self.null(path):
            return ()
        if name not in self._read:
            self._read[name] = tuple(
                assignment for each in (path, *self.dropins(name)) for assignment in self._parsed(each)
            )
        return self._read[name]

    def _parsed(self, path: PurePosixPath) -> tuple[Assignment, ...]:
        return self.tree.kept((UnitFiles, path), lambda: tuple(parse_unit(self.tree.text(path) or "", path)))


def parse_unit(text: str, path: PurePosixPath) -> Iterator[Assignment]:
    """The assignments of one file: comments, line continuation and sections as config_parse reads them."""
    section, begun = "", 0
    held: list[str] = []
    lines = _LINE_END.split(text.removeprefix("\ufeff"))
    for number, whole in enumerate(lines, start=1):
        line = whole.lstrip(BLANK)
        if line[:1] in ("#", ";") and line:
            continue
        begun = begun or number
        if (len(line) - len(line.rstrip("\\"))) % 2 and number < len(lines):
            held.append(line[:-1] + " ")
            continue
        logical, first, held, begun = "".join([*held, line]).strip(BLANK), begun, [], 0
        if logical.startswith("["):
            section = logical[1:-1] if logical.endswith("]") else section
            continue
        key, equals, value = logical.partition("=")
        if equals and section:
            yield Assignment(section, key.strip(BLANK), value.strip(BLANK), Location(path, first, logical))


def is_unit_name(name: str) -> bool:
    """Whether `name` is a valid unit name (unit_name_is_valid)."""
    return len(name) < 256 and _NAME.fullmatch(name) is not None


def is_template(name: str) -> bool:
    """True for "a@.service"."""
    return "@." in name


def template_of(name: str) -> str | None:
    """ "a@.service" for "a@b.service"; None if `name` is not an instance."""
    head, at, tail = name.partition("@")
    if not at or is_template(name):
        return None
    return f"{head}@.{tail.rpartition('.')[2]}"


def is_null(directory: str, link: str) -> bool:
    """Whether a link in `directory` leads to /dev/null."""
    return _joined(directory, link) == "/dev/null"


def _joined(directory: str, link: str) -> str:
    """Where a link in `directory` leads, by its words."""
    return "/" + normpath(link if link.startswith("/") else f"{directory}/{link}").lstrip("/")


def _may_alias(name: str, target: str) -> bool:
    """unit_validate_alias_symlink_and_warn: one type, and both plain, both instances or both templates."""
    if not is_unit_name(target) or name.rpartition(".")[2] != target.rpartition(".")[2]:
        return False
    mine, theirs = _instance(name), _instance(target)
    if mine is None or theirs is None:
        return mine is None and theirs is None
    return mine == theirs or (mine != "" and theirs == "")


def _instance(name: str) -> str | None:
    """The part between "@" and the suffix; "" for a template, None for a plain name."""
    _, at, tail = name.rpartition(".")[0].partition("@")
    return tail if at else None


def _generic(name: str) -> Iterator[str]:
    """The names whose drop-in directories apply: the unit's, its template's, and those cut at each dash."""
    yield name
    template = template_of(name)
    if template is not None:
        yield from _generic(template)
    stem, _, kind = name.rpartition(".")
    prefix, at, instance = stem.partition("@")
    chopped = False
    while True:
        dash = prefix.rfind("-")
        if dash <= 0:
            return
        if prefix[dash + 1 :] or chopped:
            yield from _generic(f"{prefix[: dash + 1]}{at}{instance}.{kind}")
            return
        prefix, chopped = prefix[:dash], True

"""fail2ban's configuration files: how they are merged and how values refer to each other.

Taken from configreader.py and configparserinc.py of fail2ban 1.0: of NAME.conf, NAME.d/*.conf, NAME.local and
NAME.d/*.local the later one wins, option by option; each may include files before and after itself; options of
[DEFAULT] count in every section; "%(name)s" stands for another option's value. The files themselves are read by
Python's own configparser, as fail2ban does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from pathlib import PurePosixPath
from re import compile as compile_pattern

from rescue.tree import Read, Tree

DIRECTORY = PurePosixPath("/etc/fail2ban")
READS = (Read(str(DIRECTORY), depth=2),)

DEFAULT, INCLUDES, KNOWN = "DEFAULT", "INCLUDES", "KNOWN/"

DEEPEST = 10
"""How many values may refer to each other in a row (configparser's MAX_INTERPOLATION_DEPTH)."""

MOST_FILES, LONGEST, MOST_REFERENCES = 200, 1 << 16, 3000
"""Files of one configuration; characters of one value after all that it refers to was put in, and how often that is
done."""

_WIDE = compile_pattern(r"[^\S\n]{40,}")
"""Space that configparser's own patterns would take long over: they go through it once for each of its characters."""
_CONDITIONAL = compile_pattern(r"^(\w+)(\?.+)$")
_REFERENCE = compile_pattern(r"%(?:%|\(([^)]*)\)s)?")


class ConfigError(ValueError):
    """fail2ban does not start with this configuration; the text says why."""


class Config:
    """The merged configuration of one NAME: "jail", "fail2ban", "action.d/iptables"."""

    def __init__(self, tree: Tree, name: str) -> None:
        """Raises ConfigError where a file can't be parsed."""
        self.name = name
        self.defaults: dict[str, str] = {}
        self._sections: dict[str, dict[str, str]] = {}
        self._left = MOST_REFERENCES
        files = _Files(tree)
        for path in files.own(DIRECTORY / name):
            for included in files.with_includes(path, ()):
                defaults, sections = files.parsed(included)
                self.defaults.update(defaults)
                for section, options in sections.items():
                    self._merge(section, options)

    def _merge(self, name: str, options: Mapping[str, str]) -> None:
        conditional = _CONDITIONAL.match(name)
        if conditional:
            name, suffix = conditional.groups()
            options = {key + suffix: value for key, value in options.items()}
        known = self._sections.setdefault(name, {})
        before = {key: value for key, value in known.items() if key in options}
        if before:
            self._sections.setdefault(KNOWN + name, {}).update(before)
        known.update(options)

    @property
    def sections(self) -> tuple[str, ...]:
        """The sections' names, in order."""
        return tuple(name for name in self._sections if not name.startswith(KNOWN) and name != INCLUDES)

    def own(self, section: str) -> Mapping[str, str]:
        """The raw options of a section alone."""
        return self._sections.get(section, {})

    def get(self, section: str, option: str, default: str = "") -> str:
        """An option's value with all references put in. Raises ConfigError where one leads nowhere."""
        values = {**self.defaults, **self._sections.get(section, {}), "__name__": section}
        raw = values.get(option)
        self._left = MOST_REFERENCES
        return default if raw is None else self._put_in(raw, section, values, 1)

    def _put_in(self, raw: str, section: str, values: Mapping[str, str], depth: int) -> str:
        if depth > DEEPEST:
            raise ConfigError(f"the values of [{section}] refer to each other in a circle")
        made: list[str] = []
        length = at = 0
        for found in _REFERENCE.finditer(raw):
            self._left -= 1
            if self._left < 0:
                raise ConfigError(f"the values of [{section}] refer to too many others")
            made.append(raw[at : found.start()])
            at = found.end()
            if found.group() == "%%":
                made.append("%")
            elif found.group(1) is None:
                raise ConfigError(f"a single % in [{section}]")
            else:
                inner = self._referred(found.group(1), section, values)
                made.append(self._put_in(inner, section, values, depth + 1) if "%" in inner else inner)
            length += len(made[-1]) + len(made[-2])
            if length > LONGEST:
                raise ConfigError(f"a value of [{section}] is too long")
        made.append(raw[at:])
        return "".join(made)

    def _referred(self, name: str, section: str, values: Mapping[str, str]) -> str:
        lower = name.lower()
        other, slash, option = lower.partition("/")
        if lower in values:
            return values[lower]
        if slash:
            original = name.partition("/")[0]
            if other == "known":
                place = self._sections.get(KNOWN + section, {})
            else:
                place = {} if other == "default" else self._sections.get(original, {})
            if option in place:
                return place[option]
            if option in self.defaults:
                return self.defaults[option]
            if other == "known":
                # Options of the jail's filter are known by this name, too. None of them says who is banned.
                return ""
        if lower in ("fail2ban_version", "fail2ban_confpath"):
            return str(DIRECTORY) if lower.endswith("path") else ""
        raise ConfigError(f"[{section}] refers to {name!r}, which is not set")


_Parsed = tuple[dict[str, str], dict[str, dict[str, str]]]
"""A file's [DEFAULT], and its sections without those."""


class _Files:
    """The files of a tree, each parsed once, and all in all not too many."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known: dict[PurePosixPath, _Parsed] = {}
        self._left = MOST_FILES

    def own(self, base: PurePosixPath) -> Iterator[PurePosixPath]:
        for suffix in (".conf", ".local"):
            yield from (path for path in (PurePosixPath(f"{base}{suffix}"),) if self._is_file(path))
            yield from (path for path in self._tree.glob(f"{base}.d/*{suffix}") if self._is_file(path))

    def _is_file(self, path: PurePosixPath) -> bool:
        entry = self._tree.entry(path)
        return entry is not None and entry.is_file

    def with_includes(self, path: PurePosixPath, seen: tuple[PurePosixPath, ...]) -> list[PurePosixPath]:
        """The file with those that it includes, in the order in which they are read."""
        if not self._is_file(path):
            return []
        self._left -= 1
        if self._left < 0:
            raise ConfigError("its files include too many others")
        including = self.parsed(path)[1].get(INCLUDES, {})
        before, after = (
            [
                each
                for name in including.get(option, "").split("\n")
                if name
                for included in self._and_local(path.parent / name)
                if included not in (*seen, path)
                for each in self.with_includes(included, (*seen, path))
            ]
            for option in ("before", "after")
        )
        return [*before, path, *after]

    def _and_local(self, path: PurePosixPath) -> Iterator[PurePosixPath]:
        yield path
        local = path.with_suffix(".local") if path.name else path
        if local != path and self._is_file(local):
            yield local

    def parsed(self, path: PurePosixPath) -> _Parsed:
        if path not in self._known:
            self._known[path] = _parsed(self._tree.data(path), path)
        return self._known[path]


def _parsed(data: bytes | None, path: PurePosixPath) -> _Parsed:
    parser = RawConfigParser(strict=True, inline_comment_prefixes=(";",), default_section=DEFAULT)
    if data is None:
        raise ConfigError(f"{path} can't be read")
    try:
        # Python ends the lines of a text file at \r, too.
        text = data.decode().replace("\r\n", "\n").replace("\r", "\n")
        parser.read_string(_WIDE.sub(" ", text), str(path))
    except (Error, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path} has an error: {str(problem).partition(chr(10))[0]}") from problem
    defaults = dict(parser.defaults())
    for option in defaults:
        parser.remove_option(DEFAULT, option)
    return defaults, {name: dict(parser.items(name)) for name in parser.sections()}

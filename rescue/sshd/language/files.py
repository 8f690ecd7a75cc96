"""The configuration files: each line checked once, and the files that an Include adds, in sshd's order.

Source: load_server_config and sInclude in servconf.c, glob.c in openbsd-compat of OpenSSH.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rescue.formats.services import read_services
from rescue.model import Location
from rescue.sshd.language.arguments import Arguments
from rescue.sshd.language.dialect import Dialect, KeywordStanding
from rescue.sshd.language.faults import BadLine, Fault
from rescue.sshd.language.keywords import Keyword, ValueKind, known_names
from rescue.sshd.language.match import Criteria, parse_match
from rescue.sshd.language.numbers import integer
from rescue.sshd.language.syntax import BOM, ConfigLine, parse
from rescue.sshd.language.values import closest, judge
from rescue.tree import Kind as EntryKind
from rescue.tree import LinkLoop, Read, ReadError, TooManyDirectories, Tree

CONFIG = PurePosixPath("/etc/ssh/sshd_config")
VENDOR_CONFIG = PurePosixPath("/usr/etc/ssh/sshd_config")
"""Where openSUSE keeps its file; read only if there is none in /etc."""

SSH_DIRECTORY = "/etc/ssh"

MAX_LINES = 250_000
"""Lines of one file that are looked at: a Match block for each of ten thousands of users has room in it."""

MAX_LINE = 32 << 10
"""Characters of one line that is looked at: a list of thousands of users has room in it."""

MAX_BAD = 1_000
"""Lines of one file that stop sshd, after which the rest is not judged: the first one stopped it."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A line with content. keyword: None if no sshd knows it. bad: why this sshd rejects it.

    words: the arguments, as `sshd -T` spells them. criteria: for a Match line. ignored: logged and without effect.
    """

    location: Location
    name: str
    keyword: Keyword | None = None
    words: tuple[str, ...] = ()
    bad: BadLine | None = None
    criteria: Criteria | None = None
    ignored: bool = False
    global_only: bool = False

    @property
    def is_include(self) -> bool:
        return self.keyword is not None and self.keyword.kind is ValueKind.INCLUDE and self.bad is None

    @property
    def is_match(self) -> bool:
        return self.keyword is not None and self.keyword.kind is ValueKind.MATCH


@dataclass(frozen=True, slots=True)
class MatchBlock:
    """Lines of a file up to the next Match. match: the Match line that begins them; None at the start of the file."""

    match: Directive | None
    lines: tuple[Directive, ...]
    includes: bool


class UnreadableFile(Exception):
    """A file that sshd can't open: it stops."""


@dataclass(slots=True)
class Files:
    """The files of one tree, each read and judged once."""

    tree: Tree
    dialect: Dialect
    given: PurePosixPath | None = None
    """The file that sshd's command line names (-f)."""
    _parsed: dict[PurePosixPath, tuple[Directive, ...]] = field(default_factory=dict)
    _blocks: dict[PurePosixPath, tuple[MatchBlock, ...]] = field(default_factory=dict)
    _included: dict[str, tuple[PurePosixPath, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # An enlarged snapshot says the same of the files that were read: thousands of drop-ins are not read again.
        self._parsed, self._blocks, self._included = self.tree.kept((Files, self.dialect), lambda: ({}, {}, {}))

    @property
    def main(self) -> PurePosixPath:
        """The file that sshd reads first."""
        if self.given is not None:
            return self.given
        if self.tree.lentry(CONFIG) is None and self.tree.entry(VENDOR_CONFIG) is not None:
            return VENDOR_CONFIG
        return CONFIG

    def strange(self, path: PurePosixPath) -> bool:
        """Whether an included file probably belongs to another program: it is not among sshd's own."""
        return path in self._parsed and path != self.main and not str(path).startswith(f"{SSH_DIRECTORY}/")

    def directives(self, path: PurePosixPath) -> tuple[Directive, ...]:
        """The lines of a file that say something. Raises UnreadableFile, and ReadError where it was not read."""
        known = self._parsed.get(path)
        if known is None:
            known = self._parsed[path] = self._read(path)
        return known

    def _read(self, path: PurePosixPath) -> tuple[Directive, ...]:
        text = self._text(path)
        if text.count("\n") > MAX_LINES or any(len(line) > MAX_LINE for line in text.split("\n")):
            raise ReadError(str(path), "its lines are too many or too long")
        return self._judged(path, text)

    def blocks(self, path: PurePosixPath) -> tuple[MatchBlock, ...]:
        """The lines of a file, cut at its Match lines. Raises UnreadableFile, and ReadError where it was not read."""
        known = self._blocks.get(path)
        if known is None:
            cut: list[tuple[Directive | None, list[Directive]]] = [(None, [])]
            for directive in self.directives(path):
                if directive.is_match:
                    cut.append((directive, []))
                else:
                    cut[-1][1].append(directive)
            known = self._blocks[path] = tuple(
                MatchBlock(match, tuple(lines), any(line.is_include for line in lines)) for match, lines in cut
            )
        return known

    def _judged(self, path: PurePosixPath, text: str) -> tuple[Directive, ...]:
        found: list[Directive] = []
        bad = 0
        for line in parse(text, self.dialect.version):
            if line.keyword and bad < MAX_BAD:
                found.append(self._directive(path, line))
                bad += found[-1].bad is not None
        return tuple(found)

    def _text(self, path: PurePosixPath) -> str:
        entry = self.tree.entry(path)
        if entry is None or entry.kind is EntryKind.SOCKET:
            raise UnreadableFile(path)
        if not entry.is_file:
            # A directory opens and gives no line, as does /dev/null.
            return ""
        return self.tree.text(path) or ""

    def option(self, keyword: str, value: str, place: Location) -> Directive | None:
        """A setting of the command line (-o), judged as a line of the file would be; None if it says nothing."""
        line = parse(f"{keyword} {value}", self.dialect.version)[0]
        return self._directive(place.path, line, place) if line.keyword else None

    def _directive(self, path: PurePosixPath, line: ConfigLine, place: Location | None = None) -> Directive:
        location = place or Location(path, line.number, line.text)
        name = line.keyword
        if line.number == 1 and name.startswith(BOM):
            text = "the file begins with an invisible byte order mark, which makes its first keyword wrong"
            bad = BadLine(Fault.MARK, text)
            return Directive(location, name.removeprefix(BOM), bad=bad)
        standing = self.dialect.standing(name)
        if standing is KeywordStanding.UNKNOWN:
            return Directive(location, name, bad=self._unknown(name))
        global_only = not self.dialect.allowed_in_match(name)
        if standing is KeywordStanding.IGNORED:
            return Directive(
                location, name, ignored=True, global_only=global_only, bad=_refused(name, line.rest, self.dialect)
            )
        return self._known(location, line, self.dialect.keyword(name), global_only)

    def _unknown(self, name: str) -> BadLine:
        meant = closest(name, known_names())
        if meant and self.dialect.standing(meant) is not KeywordStanding.KNOWN:
            meant = ""
        known_elsewhere = name.lower() in {each.lower() for each in known_names()}
        text = (
            f"this version of sshd does not know {name} (other versions do)"
            if known_elsewhere
            else f"unknown keyword {name}"
        )
        return BadLine(Fault.KEYWORD, text, "" if known_elsewhere else meant)

    def _known(self, location: Location, line: ConfigLine, keyword: Keyword, global_only: bool) -> Directive:
        name, rest = line.keyword, line.rest
        words: tuple[str, ...] = ()
        criteria: Criteria | None = None
        bad: BadLine | None = None
        try:
            if keyword.kind is ValueKind.MATCH:
                criteria = parse_match(rest, self.dialect, self.port)
            elif keyword.kind is ValueKind.INCLUDE:
                words = self._patterns(name, rest)
            else:
                words = judge(keyword, name, rest, self.dialect, self.port)
        except BadLine as problem:
            value = problem.fault in (Fault.VALUE, Fault.ALGORITHM)
            bad = None if value and self.dialect.may_be_ignored(name) else problem
        return Directive(location, name, keyword, words, bad, criteria, global_only=global_only)

    def _patterns(self, name: str, rest: str | None) -> tuple[str, ...]:
        words = Arguments(name, rest, self.dialect).every()
        if not words:
            raise BadLine(Fault.MISSING, f"{name} needs a file name")
        # sshd passes no flag that would expand a tilde: "~/x" is looked for as it is named, and never found.
        return tuple(word if word.startswith(("/", "~")) else f"{SSH_DIRECTORY}/{word}" for word in words)

    def included(self, pattern: str) -> tuple[PurePosixPath, ...]:
        """The files that a pattern of an Include matches, sorted by bytes. Raises ReadError."""
        known = self._included.get(pattern)
        if known is None:
            try:
                known = self.tree.glob(pattern) if pattern.startswith("/") else ()
            except LinkLoop:
                known = ()
            except TooManyDirectories as problem:
                raise ReadError(pattern, "it names files all over the disk, which are too many") from problem
            self.tree.require(*(Read(str(path), depth=0) for path in known))
            self._included[pattern] = known
        return known

    def port(self, text: str) -> int | None:
        """A port's number, from its digits or its name in services(5)."""
        number = integer(text, 0, 65535)
        return self._service(text) if number is None and text else number

    def _service(self, name: str) -> int | None:
        for each, port, protocol in read_services(self.tree):
            if each == name and protocol == "tcp":
                return port
        return None


def _refused(name: str, rest: str | None, dialect: Dialect) -> BadLine | None:
    """Why even a line without effect stops sshd: quotes, or no argument at all (8.7 and newer)."""
    try:
        Arguments(name, rest, dialect)
    except BadLine as problem:
        return problem
    return None

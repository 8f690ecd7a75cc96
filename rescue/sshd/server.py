"""sshd's configuration, read as sshd reads it: once when it starts, and once more for each connection.

Source: parse_server_config_depth, parse_server_match_config, copy_set_server_options in servconf.c and main in sshd.c
of OpenSSH 8.4, 9.2 and 10.0. When it starts, sshd takes every line outside of Match blocks (and those behind
``Match all``) and only checks the rest; for a connection it reads the blocks again and lets what they set win.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath

from rescue.accounts.database import home_of
from rescue.model import Address, Known, Location, both
from rescue.sshd.commandline import Options
from rescue.sshd.effective import Alternative, Effective, Setting, Values
from rescue.sshd.language.dialect import Dialect, Installed
from rescue.sshd.language.faults import Fault, Problem
from rescue.sshd.language.files import Directive, Files, MatchBlock, UnreadableFile
from rescue.sshd.language.keywords import Repeat, ValueKind
from rescue.sshd.language.match import Connection
from rescue.sshd.language.syntax import ARGV_SPLIT
from rescue.sshd.soundness import unsound
from rescue.tree import Read, Tree

MAX_DEPTH = 16
"""How deep files may include each other (SERVCONF_MAX_DEPTH)."""

MAX_LINES = 300_000
"""Lines read, repeated includes counted again, before this program gives up on a configuration made to hang it."""

MAX_PORTS = 256

NO_OPTIONS = Options()

ELSEWHERE = frozenset({"port", "listenaddress"})
"""Command line settings that are handled with the listeners (rescue.sshd.listen)."""

DUPLICATES_ALLOWED = (9, 5)
"""The version since which a second Subsystem of the same name is ignored instead of an error."""

Visit = Callable[[Directive, Known, Location | None], None]


class TooManyBranches(Exception):
    """The files include each other so often that reading them would not end."""


class Server:
    """The configuration of one tree. Reading it raises only NotCaptured; errors in it are in `problems`."""

    def __init__(self, tree: Tree, openssh: Installed | None, given: Options = NO_OPTIONS) -> None:
        """given: the command line with which the service starts sshd; its settings come before every file."""
        tree.require(Read("/etc/ssh", depth=2), *([Read(str(given.config), depth=0)] if given.config else []))
        self.dialect = Dialect.of(openssh, partial(home_of, tree))
        self.files = Files(tree, self.dialect, given.config)
        self.given = given
        self._globals: Values = {}
        self._problems: dict[tuple[Location, str], Problem] = {}
        self._overflow = False
        self._subsystem: Location | None = None
        self._settled: dict[Connection, Effective] = {}
        self._start()

    @property
    def path(self) -> PurePosixPath:
        """The main configuration file."""
        return self.files.main

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems, in the order in which sshd meets them; it stops at the first fatal one."""
        return tuple(self._problems.values())

    @property
    def fatal(self) -> tuple[Problem, ...]:
        """The problems that stop sshd."""
        return tuple(problem for problem in self.problems if problem.fatal)

    def globals(self, keyword: str) -> tuple[Setting, ...]:
        """The lines of a keyword that apply outside Match blocks, in order; () if there are none."""
        return tuple(self._globals.get(self.dialect.canonical(keyword), ()))

    def effective(self, *, user: str, groups: frozenset[str], address: Address | None, local_port: int) -> Effective:
        """The settings for a login of `user`, a member of `groups`, from `address` (None: unknown) to `local_port`."""
        # Without UseDNS the client's "host name" is its address.
        by_name = self.globals("UseDNS")[:1] == () or self.globals("UseDNS")[0].words == ("no",)
        host = str(address) if address is not None and by_name else None
        connection = Connection(user, groups, address, host, None, local_port)
        return self.effective_for(connection)

    def effective_for(self, connection: Connection) -> Effective:
        """The settings for a connection of which more is known."""
        known = self._settled.get(connection)
        if known is None:
            known = self._settled[connection] = self._settle(connection)
        return known

    # -- when sshd starts --------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self.files.main and self.files.tree.entry(self.files.main) is None:
            text = "there is no configuration file, and sshd does not start without one"
            self._note(Location(self.files.main), text, Fault.FILE)
            return
        for keyword, value, place in self.given.settings:
            directive = None if keyword in ELSEWHERE else self.files.option(keyword, value, place)
            if directive is not None and not (directive.is_include or directive.is_match):
                self._visit_globally(directive, True, None)
        try:
            self._walk(self._visit_globally, None)
        except TooManyBranches:
            self._overflow = True
            text = "the files include each other so often that reading them does not end"
            self._note(Location(self.files.main), text, Fault.UNDECIDED, fatal=False)
        if self._subsystem is not None and not self.globals("Subsystem"):
            text = "with no Subsystem outside Match blocks, sshd can crash at a login that this block is for"
            self._note(self._subsystem, text, Fault.UNDECIDED, "Subsystem", fatal=False)
        for problem in unsound(self._globals, self.dialect):
            self._keep(problem)

    def _visit_globally(self, directive: Directive, active: Known, match: Location | None) -> None:
        if active is not True and directive.global_only:
            # After a Match line that is itself wrong, or that asks for a version, the rest can't be checked.
            if active is False:
                text = f"{directive.name} holds for the whole server and may not stand inside a Match block"
                self._note(directive.location, text, Fault.PLACE, directive.name)
            return
        bad = directive.bad
        if bad is not None and self._is_late(directive):
            if active is not True:
                text = f"{bad.text}; sshd starts, and closes the connections that this Match block is for"
                self._note(directive.location, text, Fault.UNDECIDED, directive.name, fatal=False)
                return
            if self._globals.get(self.dialect.canonical(directive.name)):
                return
        if bad is not None:
            self._note(directive.location, bad.text, bad.fault, directive.name, bad.suggestion)
            return
        if directive.ignored:
            text = f"{directive.name} has no effect any more"
            self._note(directive.location, text, Fault.IGNORED, directive.name, fatal=False)
            return
        if active is True:
            self._keep_globally(directive)
        elif directive.name.lower() == "subsystem" and self._subsystem is None:
            self._subsystem = directive.location

    def _is_late(self, directive: Directive) -> bool:
        """Whether this version looks at the program's name only where the line counts (servconf.c before 8.7)."""
        command = directive.keyword is not None and directive.keyword.kind is ValueKind.COMMAND
        return command and self.dialect.before(ARGV_SPLIT)

    def _keep_globally(self, directive: Directive) -> None:
        key = self.dialect.canonical(directive.name)
        kept = self._globals.setdefault(key, [])
        twice = key == "subsystem" and any(setting.words[0] == directive.words[0] for setting in kept)
        if twice and self.dialect.before(DUPLICATES_ALLOWED):
            text = f"the subsystem {directive.words[0]} is defined twice, which this version does not allow"
            self._note(directive.location, text, Fault.DUPLICATE, directive.name)
            return
        if key == "port" and len(kept) >= MAX_PORTS:
            self._note(directive.location, f"there are more than {MAX_PORTS} ports", Fault.VALUE, directive.name)
            return
        _store(kept, directive)

    def _note(
        self,
        location: Location,
        text: str,
        fault: Fault,
        keyword: str = "",
        suggestion: str = "",
        *,
        fatal: bool = True,
    ) -> None:
        self._keep(Problem(location, text, fatal, keyword, fault, suggestion))

    def _keep(self, problem: Problem) -> None:
        # A file that is included twice has each of its problems once.
        self._problems.setdefault((problem.location, problem.fault), problem)

    # -- for a connection --------------------------------------------------------------------------------------

    def _settle(self, connection: Connection) -> Effective:
        matched: Values = {}
        undecided: dict[str, dict[Location, list[Setting]]] = {}

        def visit(directive: Directive, active: Known, match: Location | None) -> None:
            if active is False or match is None or directive.keyword is None or directive.global_only or directive.bad:
                return
            key = self.dialect.canonical(directive.name)
            if active is True:
                _store(matched.setdefault(key, []), directive)
            elif not (directive.keyword.store is Repeat.FIRST and key in matched):
                _store(undecided.setdefault(key, {}).setdefault(match, []), directive)

        if not self._overflow and self.files.tree.entry(self.files.main) is not None:
            self._walk(visit, connection, whole=False)
        alternatives = {
            key: tuple(Alternative(match, tuple(settings)) for match, settings in blocks.items())
            for key, blocks in undecided.items()
        }
        return Effective(self.dialect, connection, self._globals, matched, alternatives)

    def lines(self, connection: Connection) -> Iterator[tuple[Directive, Known, Location | None]]:
        """Every line that sshd accepts, whether it applies to the connection (None: unknown), and its Match.

        In sshd's order; the command line first. A line outside Match blocks has no Match.
        """
        found: list[tuple[Directive, Known, Location | None]] = []

        def visit(directive: Directive, active: Known, match: Location | None) -> None:
            if directive.keyword is not None and directive.bad is None and not directive.is_match:
                found.append((directive, True if match is None else active, match))

        for keyword, value, place in self.given.settings:
            directive = self.files.option(keyword, value, place)
            if directive is not None:
                visit(directive, True, None)
        if not self._overflow and self.files.tree.entry(self.files.main) is not None:
            self._walk(visit, connection)
        yield from found

    # -- both --------------------------------------------------------------------------------------------------

    def _walk(self, visit: Visit, connection: Connection | None, *, whole: bool = True) -> None:
        walk = _Walk(self.files, connection, visit, self._note, whole=whole)
        walk.file(self.files.main, connection is None, None)


class _Walk:
    """One reading of the main file and its includes. `connection`: None when sshd starts.

    whole: visit every line; else skip those that surely do not apply, or are outside blocks.
    """

    def __init__(
        self, files: Files, connection: Connection | None, visit: Visit, note: Callable[..., None], *, whole: bool
    ) -> None:
        self.whole = whole
        self.files = files
        self.connection = connection
        self.visit = visit
        self.note = note
        self.lines = 0

    def file(
        self,
        path: PurePosixPath,
        active: Known,
        match: Location | None,
        ceiling: Known = True,
        depth: int = 0,
        via: Location | None = None,
    ) -> None:
        """Read one file. ceiling: what a Match in it can be at most, as the Include may stand in a Match block.

        sshd's own flags: SSHCFG_NEVERMATCH is a ceiling of False; SSHCFG_MATCH_ONLY is no `match` with a connection.
        """
        for block in self._blocks(path, via):
            directive = block.match
            if directive is not None and directive.criteria is not None:
                result = directive.criteria.holds_for(self.connection)
                active, match = both(ceiling, result), directive.location
            elif directive is not None:
                self.visit(directive, True, match)
                active, match = None, directive.location
            self.lines += len(block.lines) + 1
            if self.lines > MAX_LINES:
                raise TooManyBranches
            if not self.whole and not block.includes and (active is False or match is None):
                continue
            for line in block.lines:
                if not line.is_include:
                    self.visit(line, active, match)
                elif not self._include(line, active, match, ceiling, depth):
                    return

    def _include(self, directive: Directive, active: Known, match: Location | None, ceiling: Known, depth: int) -> bool:
        """Read the files that an Include names; False if sshd stops here."""
        if match is not None or self.connection is None:
            ceiling = both(ceiling, active)
        for pattern in directive.words:
            for path in self.files.included(pattern):
                if depth >= MAX_DEPTH:
                    text = f"files include each other more than {MAX_DEPTH} deep, most likely in a circle"
                    self.note(directive.location, text, Fault.INCLUDE, directive.name)
                    return False
                self.file(path, active, match, ceiling, depth + 1, directive.location)
        return True

    def _blocks(self, path: PurePosixPath, via: Location | None) -> Iterator[MatchBlock]:
        try:
            yield from self.files.blocks(path)
        except UnreadableFile:
            text = f"{path} is included, but it can't be opened (a link that leads nowhere?)"
            self.note(via or Location(path), text, Fault.INCLUDE, "Include")


def _store(kept: list[Setting], directive: Directive) -> None:
    """Apply a line according to its keyword: first, last, all, or all that name something new."""
    keyword = directive.keyword
    if keyword is None:
        return
    words = directive.words
    if keyword.kind is ValueKind.STARTUPS:
        words = _startups(words, kept)
    setting = Setting(words, directive.location)
    match keyword.store:
        case Repeat.ALL:
            if words:
                kept.append(setting)
        case Repeat.LAST:
            kept[:] = [setting]
        case Repeat.NAMED:
            if all(words[0] != other.words[0] for other in kept):
                kept.append(setting)
        case Repeat.FIRST:
            if not kept and words:
                kept.append(setting)


def _startups(words: tuple[str, ...], kept: list[Setting]) -> tuple[str, ...]:
    """MaxStartups as start:rate:full; a single number keeps the rate that was set before."""
    if len(words) == 3:
        return (":".join(words),)
    rate = kept[0].words[0].split(":")[1] if kept else "30"
    return (f"{words[0]}:{rate}:{words[0]}",)

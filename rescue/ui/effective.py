"""sshd's settings for one connection, on the terminal and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from rescue.formats.packages import OpenSSH
from rescue.model import Location
from rescue.sshd import Setting
from rescue.sshd.language.dialect import Dialect
from rescue.sshd.provenance import Row, SettingLine
from rescue.sshd.settled import Settled
from rescue.text.numbers import plural
from rescue.text.safe import cut, safe
from rescue.ui import document
from rescue.ui.report import Report

NAME, PLACE = 28, 28
"""Columns of a keyword, and of the place that decided, at most."""
GAP = 2
LONGEST = 600
"""Characters of one value that are shown: a list of a thousand users is a file to look at."""
MANY = 20
"""Lines that lost, and alternatives, shown for one keyword."""


class EffectiveReport:
    """Writes the settings to one console."""

    def __init__(self, report: Report, *, every: bool) -> None:
        self.report = report
        self.every = every

    def show(self, settled: Settled, name: str, method: str, notes: Iterable[str]) -> None:
        """The connection, what stops sshd, and the table: what lines set first, then the defaults."""
        line = self.report.line
        source = settled.address or "any address"
        line(f"{safe(name)} ({method}): the SSH server's settings for {safe(settled.user)} from {source}", "bold")
        for note in notes:
            line(f"Note: {safe(note)}", "yellow")
        line(f"{_build(settled.openssh)}; a connection to port {settled.port}.")
        if not settled.exists:
            line(f"Note: there is no user {safe(settled.user)} in passwd: no Match Group applies.", "yellow")
        line()
        self._problems(settled)
        given = [row for row in settled.rows if row.is_set]
        left = [row for row in settled.rows if not row.is_set]
        self._table([*given, *left] if self.every else given, settled.dialect)
        if not self.every:
            line(f"and {plural(len(left), 'keyword')} that no line sets; --all shows their defaults", "dim")

    def _problems(self, settled: Settled) -> None:
        line = self.report.line
        fatal = [problem for problem in settled.problems if problem.fatal]
        if fatal:
            line("The SSH server does not start with this configuration; the first reason:", "bold red")
            line(f"{safe(fatal[0].text)} ({safe(str(fatal[0].location))})", indent=2, hang=2)
            line("What is below would hold if the lines at fault were not there.", indent=2)
            line()
        for problem in [each for each in settled.problems if not each.fatal][:MANY]:
            line(f"Note: {safe(problem.text)} ({safe(str(problem.location))})", "yellow", hang=2)

    def _table(self, rows: Sequence[Row], dialect: Dialect) -> None:
        if not rows:
            self.report.line("No line sets anything: every value is the default.")
            return
        name = min(max(len(row.keyword.name) for row in rows), NAME)
        where = max(len(_place(line, dialect)) for row in rows for line in row.lines or (SettingLine(Setting(())),))
        where = min(where, PLACE)
        self._cells(("keyword", "value", "set by"), name, where, "bold")
        for row in rows:
            self._row(row, dialect, name, where)
        self.report.line()

    def _row(self, row: Row, dialect: Dialect, name: int, where: int) -> None:
        shown = row.keyword.name
        for each in row.lines or (SettingLine(Setting(())),):
            style = "" if each.setting.location is not None else "dim"
            self._cells((shown, _value(row, each), _place(each, dialect)), name, where, style)
            if each.match is not None:
                self._note(f"in the block {_quoted(each.match)}")
            shown = ""
        for lost in row.overruled[:MANY]:
            if lost.location is not None:
                self._note(f"does not count: {_quoted(lost.location)}", "yellow")
        for other in row.alternatives[:MANY]:
            words = " ".join(word for setting in other.settings for word in setting.words)
            text = f"depends: {cut(safe(words), LONGEST)} if {_quoted(other.match)} applies"
            self._note(text, "bold yellow")
        rest = max(0, len(row.overruled) - MANY) + max(0, len(row.alternatives) - MANY)
        if rest:
            self._note(f"and {plural(rest, 'line')} more")

    def _note(self, text: str, style: str = "dim") -> None:
        self.report.line(text, style, 4, 2)

    def _cells(self, cells: tuple[str, str, str], name: int, where: int, style: str) -> None:
        """Three columns; a value is wrapped in its own, a keyword or a place that is too long has a line to itself."""
        keyword, value, place = cells
        if len(keyword) > name:
            self.report.exact(keyword, style)
            keyword = ""
        room = max(12, self.report.out.width - name - where - 2 * GAP)
        own = len(place) > where
        columns = [[keyword], _wrapped(value, room), [] if own else [place]]
        for number in range(max(map(len, columns))):
            left, middle, right = (each[number] if number < len(each) else "" for each in columns)
            self.report.exact(f"{left:<{name}}{'':{GAP}}{middle:<{room}}{'':{GAP}}{right}".rstrip(), style)
        if own:
            self.report.line(place, style, name + GAP, 2)


def _wrapped(text: str, width: int) -> list[str]:
    """At blanks, else behind commas and slashes, else anywhere."""
    found: list[str] = []
    for piece in wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]:
        if len(piece) <= width:
            found.append(piece)
            continue
        line = ""
        for part in piece.replace(",", ",\n").replace("/", "/\n").split("\n"):
            if len(line) + len(part) > width and line:
                found.append(line)
                line = ""
            line += part
            while len(line) > width:
                found.append(line[:width])
                line = line[width:]
        found.append(line)
    return found


def _quoted(location: Location) -> str:
    return f"{safe(location.text)} ({safe(str(location))})"


def _value(row: Row, line: SettingLine) -> str:
    words = line.setting.words
    if not words:
        return "the build's own list" if row.listed else "-"
    return cut(safe(" ".join(words)), LONGEST)


def _place(line: SettingLine, dialect: Dialect) -> str:
    if line.setting.location is not None:
        return safe(str(line.setting.location))
    return default_of(dialect)


def default_of(dialect: Dialect) -> str:
    """Whose default it is."""
    number = ".".join(map(str, dialect.version))
    return f"default of {number}" if dialect.certain else f"default (of {number}?)"


def _build(openssh: OpenSSH | None) -> str:
    if openssh is None:
        return "The version of OpenSSH can't be told, so 9.2 is taken for granted"
    package = f" ({safe(openssh.package)})" if openssh.package else ""
    return f"OpenSSH {openssh.major}.{openssh.minor}{package}"


def as_document(settled: Settled, name: str, method: str, notes: Sequence[str]) -> dict[str, object]:
    """What ``explain sshd TARGET --json`` prints."""
    openssh, dialect = settled.openssh, settled.dialect
    return {
        "schema": document.SCHEMA,
        "target": {"name": name, "method": method, "notes": list(notes)},
        "openssh": openssh and {"version": f"{openssh.major}.{openssh.minor}", "package": openssh.package},
        "connection": {
            "user": settled.user,
            "exists": settled.exists,
            "from": None if settled.address is None else str(settled.address),
            "port": settled.port,
        },
        "starts": settled.starts,
        "problems": [
            {"message": each.text, "fatal": each.fatal, "location": document.location(each.location)}
            for each in settled.problems
        ],
        "settings": [
            {
                "keyword": row.keyword.name,
                "default": None if row.is_set else default_of(dialect),
                "values": list(_values(row)),
                "overruled": [_setting(setting, None) for setting in row.overruled],
                "depends": [
                    {
                        "match": document.location(other.match),
                        "values": [_setting(setting, None) for setting in other.settings],
                    }
                    for other in row.alternatives
                ],
            }
            for row in settled.rows
        ],
    }


def _values(row: Row) -> Iterator[dict[str, object]]:
    yield from (_setting(line.setting, line.match) for line in row.lines)


def _setting(setting: Setting, match: Location | None) -> dict[str, object]:
    return {
        "words": list(setting.words),
        "location": None if setting.location is None else document.location(setting.location),
        "match": None if match is None else document.location(match),
    }

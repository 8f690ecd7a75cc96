"""Every setting of a connection with its origin: the line that won, the lines that lost, or the default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rescue.model import Location
from rescue.sshd.commandline import Options
from rescue.sshd.effective import Alternative, Effective, Setting
from rescue.sshd.language.dialect import KeywordStanding
from rescue.sshd.language.keywords import GLOBAL, MATCHABLE, Keyword, Repeat, ValueKind
from rescue.sshd.listen import ports
from rescue.sshd.server import Server

UNSHOWN = (ValueKind.INCLUDE, ValueKind.MATCH, ValueKind.ROUTING_DOMAIN)


@dataclass(frozen=True, slots=True)
class SettingLine:
    """A setting that applies, and the Match line of its block; None outside blocks."""

    setting: Setting
    match: Location | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One keyword for one connection.

    lines: those that apply, in sshd's order; without a location for a default; () if there is no default, or it is a
    list that the build chooses (`listed`). overruled: lines for it that have no effect, as another came first, or a
    Match block takes precedence. alternatives: its value in a Match block that can't be decided.
    """

    keyword: Keyword
    lines: tuple[SettingLine, ...]
    overruled: tuple[Setting, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    @property
    def is_set(self) -> bool:
        """Whether a file or the command line sets it."""
        return any(line.setting.location is not None for line in self.lines) or bool(self.alternatives)

    @property
    def listed(self) -> bool:
        """Whether an unknown default is a list of algorithms or classes that the build chooses."""
        return self.keyword.kind in (
            ValueKind.CIPHERS, ValueKind.MACS, ValueKind.EXCHANGES, ValueKind.KEY_ALGORITHMS,
            ValueKind.CA_ALGORITHMS, ValueKind.GSSAPI_EXCHANGES,
            ValueKind.QOS, ValueKind.PENALTIES,
        )  # fmt: skip


def rows(server: Server, effective: Effective) -> tuple[Row, ...]:
    """A row for each keyword that this version knows, in the order of sshd's own table."""
    spoken: dict[str, list[tuple[Setting, bool | None, Location | None]]] = {}
    for directive, active, match in server.lines(effective.connection):
        if not directive.ignored:
            setting = Setting(directive.words, directive.location)
            spoken.setdefault(server.dialect.canonical(directive.name), []).append((setting, active, match))
    return tuple(
        _row(server, effective, keyword, spoken.get(keyword.key, []))
        for keyword in (*GLOBAL, *MATCHABLE)
        if keyword.kind not in UNSHOWN and server.dialect.standing(keyword.name) is KeywordStanding.KNOWN
    )


def _row(
    server: Server,
    effective: Effective,
    keyword: Keyword,
    spoken: list[tuple[Setting, bool | None, Location | None]],
) -> Row:
    counted = tuple(_counted(server, effective, keyword))
    blocks = {setting.location: match for setting, _, match in spoken}
    counting = {setting.location for setting in counted}
    lost = tuple(
        setting
        for setting, active, _ in spoken
        if active is True and setting.location not in counting and _says_more(setting, counted, keyword)
    )
    lines = tuple(SettingLine(setting, blocks.get(setting.location)) for setting in counted)
    return Row(keyword, lines, lost, effective.alternatives(keyword.name))


def _says_more(setting: Setting, counted: tuple[Setting, ...], keyword: Keyword) -> bool:
    """False for a line that only repeats the value that applies anyway."""
    if keyword.store is Repeat.ALL:
        return True
    return all(setting.words != other.words for other in counted)


def _counted(server: Server, effective: Effective, keyword: Keyword) -> Iterator[Setting]:
    if keyword.key == "port":
        yield from (Setting((str(number),), place) for number, place in ports(server, server.given))
        return
    if keyword.key == "listenaddress":
        yield from given_addresses(server, server.given)
    yield from effective.all(keyword.name)


def given_addresses(server: Server, given: Options) -> Iterator[Setting]:
    """The addresses of the command line, as it writes them."""
    yield from (Setting((value,), place) for value, place in given.values("listenaddress"))

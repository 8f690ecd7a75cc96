"""The settings for one connection: global ones, overridden by the Match blocks that apply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rescue.model import Location
from rescue.sshd.language.dialect import Dialect
from rescue.sshd.language.keywords import CHALLENGE_RESPONSE, Repeat, ValueKind
from rescue.sshd.language.match import Connection
from rescue.sshd.language.syntax import ARGV_SPLIT

Values = dict[str, list["Setting"]]


@dataclass(frozen=True, slots=True)
class Setting:
    """The arguments of a line that applies, and its location; no location for a default."""

    words: tuple[str, ...]
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """The value of a keyword if a Match line applied that can't be decided from the disk."""

    match: Location
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Effective:
    """sshd's settings for one user's connection. Keywords may be written in any case, by any of their names."""

    dialect: Dialect
    connection: Connection
    _globals: Mapping[str, Sequence[Setting]]
    _matched: Mapping[str, Sequence[Setting]]
    _undecided: Mapping[str, Sequence[Alternative]]

    def all(self, keyword: str) -> tuple[Setting, ...]:
        """Every line that applies, in sshd's order; for most keywords one. The default if no line sets it.

        () if there is no default. KeyError for a keyword that sshd never had.
        """
        key = self.dialect.canonical(keyword)
        entry = self.dialect.keyword(key)
        if key == "kbdinteractiveauthentication" and self.dialect.before(ARGV_SPLIT):
            return (self._keyboard_interactive(key),)
        matched, everywhere = tuple(self._matched.get(key, ())), tuple(self._globals.get(key, ()))
        if entry.store is Repeat.NAMED and matched:
            named = {setting.words[0] for setting in matched}
            return (*(setting for setting in everywhere if setting.words[0] not in named), *matched)
        if matched or everywhere:
            return matched or everywhere
        if entry.store is Repeat.ALL and entry.kind is ValueKind.FILE:
            return tuple(Setting((word,)) for word in entry.default)
        return (Setting(entry.default),) if entry.default else ()

    def _keyboard_interactive(self, key: str) -> Setting:
        """Up to 8.6 ChallengeResponseAuthentication (default yes) enables it, whatever its own line says."""
        if self._matched.get(key):
            return self._matched[key][0]
        challenge = tuple(self._globals.get(CHALLENGE_RESPONSE.key, ())) or (Setting(CHALLENGE_RESPONSE.default),)
        if challenge[0].words == ("yes",):
            return challenge[0]
        return self._globals[key][0] if self._globals.get(key) else Setting(("no",), challenge[0].location)

    def setting(self, keyword: str) -> Setting:
        """The value that won; if every line counts, all their words, with the location of the first."""
        lines = self.all(keyword)
        if len(lines) == 1:
            return lines[0]
        return Setting(tuple(word for line in lines for word in line.words), lines[0].location if lines else None)

    def words(self, keyword: str) -> tuple[str, ...]:
        """The arguments of the value that won, or of the default, as `sshd -T` spells them."""
        return self.setting(keyword).words

    def alternatives(self, keyword: str) -> tuple[Alternative, ...]:
        """The other possible values, as the client's address or host name is not known."""
        return tuple(self._undecided.get(self.dialect.canonical(keyword), ()))

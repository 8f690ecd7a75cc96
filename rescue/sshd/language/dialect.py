"""Which sshd reads the file: its version and patches, and how it treats a keyword."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from rescue.sshd.language.algorithms import ALWAYS, NEVER
from rescue.sshd.language.keywords import (
    ALIASES,
    CHALLENGE_RESPONSE,
    DEPRECATED_GLOBAL,
    DEPRECATED_MATCH,
    GLOBAL_ALIASES,
    REMOVED_DEPRECATED,
    Keyword,
    canonical,
    keyword,
)
from rescue.sshd.language.syntax import ARGV_SPLIT, Version

ASSUMED: Version = (9, 2)
"""The version assumed if the disk does not show it; anything that depends on the version is then not checked."""

COMPILED_OUT = frozenset({"gssapi", "kerberos", "usepam", "pamservicename", "printlastlog"})
"""Beginnings of keywords that some builds leave out: there they are logged and ignored, never an error."""


class Installed(Protocol):
    """The part of the installed OpenSSH that is used here (see rescue.formats.packages.OpenSSH)."""

    @property
    def version(self) -> tuple[int, int]: ...
    @property
    def distro(self) -> str: ...


class KeywordStanding(Enum):
    """How a build treats a keyword."""

    KNOWN = auto()
    IGNORED = auto()
    UNKNOWN = auto()


def nowhere(user: str) -> None:
    """Nobody has a home."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A build of sshd. `certain` is false if the version is unknown; distro is "" if unknown."""

    version: Version = ASSUMED
    distro: str = ""
    certain: bool = False
    home: Callable[[str], str | None] = field(default=nowhere, compare=False, repr=False)
    """A user's home directory; None if there is no such user."""

    @classmethod
    def of(cls, installed: Installed | None, home: Callable[[str], str | None] = nowhere) -> Dialect:
        if installed is None:
            return cls(home=home)
        return cls(installed.version, installed.distro.lower(), True, home)

    @property
    def argv_split(self) -> bool:
        """Whether arguments are cut with quotes of both kinds and escapes."""
        return self.version >= ARGV_SPLIT

    def since(self, version: Version) -> bool:
        """Whether this build is surely of `version` or newer."""
        return self.certain and self.version >= version

    def before(self, version: Version) -> bool:
        """Whether this build is surely older than `version`."""
        return self.certain and self.version < version

    def within(self, span: tuple[Version, Version]) -> bool:
        """Whether the build is in a span of versions; true where the version is not known."""
        return not self.certain or span[0] <= self.version < span[1]

    def standing(self, name: str) -> KeywordStanding:
        """Whether the build knows a keyword, ignores it, or fails on it."""
        key = name.lower()
        if self._deprecated(key):
            return KeywordStanding.IGNORED
        span = self._span(key)
        if span is None or not self.within(span) or self.distro in self.keyword(key).lacking:
            return KeywordStanding.UNKNOWN
        return KeywordStanding.KNOWN

    def _deprecated(self, key: str) -> bool:
        if key not in DEPRECATED_GLOBAL and key not in DEPRECATED_MATCH:
            return False
        if key == "skeyauthentication":
            return self.before(ARGV_SPLIT)
        return self.within((ALWAYS, REMOVED_DEPRECATED.get(key, NEVER)))

    def _span(self, key: str) -> tuple[Version, Version] | None:
        """The versions that know this spelling, or None if none ever did."""
        spans = []
        alias = ALIASES.get(key)
        if alias is not None:
            spans.append((alias[1], alias[2]))
        try:
            own = keyword(key)
        except KeyError:
            own = None
        if own is not None and own.key == key:
            spans.append((own.added, own.removed))
        elif key == "challengeresponseauthentication":
            spans.append((ALWAYS, ARGV_SPLIT))
        if not spans:
            return None
        return min(span[0] for span in spans), max(span[1] for span in spans)

    def keyword(self, name: str) -> Keyword:
        """The keyword's entry for this build. KeyError if no version ever had it."""
        key = name.lower()
        if key == "challengeresponseauthentication" and self.before(ARGV_SPLIT):
            return CHALLENGE_RESPONSE
        return keyword(key)

    def may_be_ignored(self, name: str) -> bool:
        """Whether some builds leave this keyword out, so that its values are not looked at."""
        return self.distro not in ("debian", "ubuntu") and name.lower().startswith(tuple(COMPILED_OUT))

    def allowed_in_match(self, name: str) -> bool:
        """Whether a line with this keyword may stand inside a Match block."""
        key = name.lower()
        if key in GLOBAL_ALIASES:
            return False
        if self._deprecated(key):
            return key in DEPRECATED_MATCH
        since = self.keyword(key).match
        return since < NEVER if not self.certain else self.version >= since

    def canonical(self, name: str) -> str:
        """The key under which the setting is kept."""
        return self.keyword(name).key if self.standing(name) is KeywordStanding.KNOWN else canonical(name)

"""Which target and which findings the words behind ``rescue fix`` mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from rescue.checks import all_checks
from rescue.errors import UsageError
from rescue.examine import Examination
from rescue.text.numbers import natural
from rescue.text.safe import cut
from rescue.verbs.request.options import FixOptions

FindingKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which findings to repair: by the number that inspect gives them, by cause, or (neither) all."""

    numbers: frozenset[int] = frozenset()
    causes: frozenset[str] = frozenset()

    def keys(self, examination: Examination) -> frozenset[FindingKey] | None:
        """The findings meant; None for all, those that come to light included. UsageError for one that isn't there."""
        if not self.numbers and not self.causes:
            return None
        findings = examination.findings
        for number in sorted(self.numbers):
            if not 1 <= number <= len(findings):
                raise UsageError(f"there is no finding {number}", f"rescue inspect numbers them: {len(findings)} now.")
        return frozenset(
            finding.key
            for number, finding in enumerate(findings, 1)
            if number in self.numbers or finding.check in self.causes
        )


def selected(options: FixOptions) -> tuple[str | None, Selection]:
    """The target, None where none is named, and the findings. Raises UsageError for a word that is neither."""
    words = list(options.what)
    known = {check.id for check in all_checks()}

    def chooses(word: str) -> bool:
        return word.isdecimal() or word.lower().replace("_", "-") in known

    named = words.pop(0) if words and not chooses(words[0]) else None
    chosen = [*words, *options.only]
    for word in chosen:
        if not chooses(word):
            raise UsageError(f"there is no cause called {cut(repr(word), 60)}", _nearest(word, known))
    if named is not None and "/" not in named and get_close_matches(named, known) and not Path(named).exists():
        raise UsageError(f"{named} is neither here nor a cause", _nearest(named, known))
    numbers = {_number(word) for word in chosen if word.isdecimal()}
    causes = {word.lower().replace("_", "-") for word in chosen if not word.isdecimal()}
    return named, Selection(frozenset(numbers), frozenset(causes))


def _nearest(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word.lower().replace("_", "-"), known)
    return f"Did you mean {' or '.join(near)}?" if near else "`rescue explain` lists them all."


def _number(word: str) -> int:
    """A finding's number. UsageError for one that is longer than any number of findings."""
    number = natural(word)
    if number is None:
        raise UsageError(f"there is no finding {cut(word, 30)}", "rescue inspect numbers them.")
    return number

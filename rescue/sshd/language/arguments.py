"""The arguments of one line, taken one by one as sshd does in each of its two grammars."""

from __future__ import annotations

from rescue.sshd.language.dialect import Dialect
from rescue.sshd.language.faults import BadLine, Fault
from rescue.sshd.language.syntax import BLANKS, UnbalancedQuotes, simple_words, split_arguments


class Arguments:
    """A cursor over a line's arguments. Raises BadLine where the quotes are not balanced (8.7 and newer).

    text: everything behind the keyword, for the few options that take it whole.
    """

    __slots__ = ("_argv", "_at", "_keyword", "dialect", "text", "words")

    def __init__(self, keyword: str, rest: str | None, dialect: Dialect, *, equals: bool = True) -> None:
        self._keyword = keyword
        self.dialect = dialect
        self._argv = dialect.argv_split
        self._at = 0
        self.text = (rest or "").lstrip(BLANKS)
        if not self._argv:
            self.words = simple_words(rest, equals=equals)
            return
        if not rest:
            raise BadLine(Fault.MISSING, f"{keyword} needs a value")
        try:
            self.words = split_arguments(rest)
        except UnbalancedQuotes as problem:
            raise BadLine(Fault.QUOTES, "a quotation mark is opened and never closed") from problem

    def take(self) -> str | None:
        """The next argument, or None at the end."""
        if self._at >= len(self.words):
            return None
        self._at += 1
        return self.words[self._at - 1]

    def peek(self) -> str | None:
        return self.words[self._at] if self._at < len(self.words) else None

    def need(self) -> str:
        """The next argument; BadLine if there is none or it is empty."""
        word = self.take()
        if not word:
            raise BadLine(Fault.MISSING, f"{self._keyword} needs a value")
        return word

    def every(self) -> tuple[str, ...]:
        """All that are left. Up to 8.6 an empty one ends the list silently; later sshd refuses it."""
        taken = []
        while (word := self.take()) is not None:
            if not word:
                if self._argv:
                    raise BadLine(Fault.VALUE, f"{self._keyword} has an empty value")
                break
            taken.append(word)
        return tuple(taken)

    def consume(self) -> None:
        self._at = len(self.words)

    def finish(self) -> None:
        """BadLine if something is left over."""
        word = self.take()
        if word is not None and (word or self._argv):
            left = " ".join((word, *self.words[self._at :]))
            raise BadLine(Fault.EXTRA, f"{self._keyword} takes no more values, but the line goes on with {left}")

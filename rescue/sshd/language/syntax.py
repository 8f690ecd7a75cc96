"""The lines of an sshd_config, kept byte for byte, and how sshd cuts one into a keyword and arguments.

Source: load_server_config and process_server_config_line_depth in servconf.c, strdelim and argv_split in misc.c of
OpenSSH 8.4, 9.2 and 10.0. Up to 8.6 every word of a line is cut by strdelim (double quotes only, no escapes, ``#``
ends the line wherever it stands); from 8.7 on arguments are cut by argv_split (both quotes, backslash escapes).
"""

from __future__ import annotations

from dataclasses import dataclass

BLANKS = " \t\r\n"
"""What strdelim skips between words."""

BOM = "\ufeff"
"""The byte order mark of some editors: to sshd it is a part of the first keyword."""

Version = tuple[int, int]

ARGV_SPLIT: Version = (8, 7)
"""The first version whose arguments are cut by argv_split."""


class UnbalancedQuotes(ValueError):
    """A quotation mark opens and none closes."""


@dataclass(frozen=True, slots=True)
class ConfigLine:
    """One line. `raw` is the line without its line feed; `keyword` is empty for a blank line or a comment.

    rest: what follows the keyword and its separator; None where nothing follows.
    """

    number: int
    raw: str
    keyword: str = ""
    rest: str | None = None

    @property
    def text(self) -> str:
        """For people: without the blanks around it."""
        return self.raw.strip(BLANKS + "\f")


def next_word(text: str | None, *, equals: bool = True) -> tuple[str | None, str | None]:
    """The next word and what follows it, as strdelim (`equals`: one ``=`` separates too) or strdelimw of misc.c.

    The word is None at the end and where a double quote is not closed; what follows is None at the end.
    """
    if text is None:
        return None, None
    stops = BLANKS + '"' + ("=" if equals else "")
    at = next((index for index, char in enumerate(text) if char in stops), None)
    if at is None:
        return text, None
    if text[at] == '"':
        joined = text[:at] + text[at + 1 :]
        end = joined.find('"', at)
        if end < 0:
            return None, None
        return joined[:end], joined[end + 1 :].lstrip(BLANKS)
    rest = text[at + 1 :].lstrip(BLANKS)
    if equals and text[at] != "=" and rest.startswith("="):
        rest = rest[1:].lstrip(BLANKS)
    return text[:at], rest


def simple_words(text: str | None, *, equals: bool = True) -> tuple[str, ...]:
    """The words up to the end of the line, or up to a quote that is not closed (versions before 8.7)."""
    words = []
    word, rest = next_word(text, equals=equals)
    while word is not None:
        words.append(word)
        word, rest = next_word(rest, equals=equals)
    return tuple(words)


def split_arguments(text: str) -> tuple[str, ...]:
    """The arguments as argv_split cuts them; ``#`` at the start of one ends the line. Raises UnbalancedQuotes."""
    words: list[str] = []
    at, end = 0, len(text)
    while at < end:
        if text[at] in " \t":
            at += 1
            continue
        if text[at] == "#":
            break
        word, at = _argument(text, at)
        words.append(word)
    return tuple(words)


def _argument(text: str, at: int) -> tuple[str, int]:
    """One argument that begins at `at`, and where it ends."""
    word, quote, end = [], "", len(text)
    while at < end:
        char = text[at]
        if char == "\\":
            following = text[at + 1 : at + 2]
            if following and (following in "'\"\\" or (not quote and following == " ")):
                at += 1
                char = following
            word.append(char)
        elif not quote and char in " \t":
            break
        elif not quote and char in "'\"":
            quote = char
        elif quote and char == quote:
            quote = ""
        else:
            word.append(char)
        at += 1
    if quote:
        raise UnbalancedQuotes(text)
    return "".join(word), at


def parse(text: str, version: Version) -> tuple[ConfigLine, ...]:
    """Every line of a file, in order; joining their `raw` with line feeds gives the file back.

    A NUL byte swallows the rest of its line and the line feed, as it does in sshd: the next line is joined to it.
    """
    lines: list[ConfigLine] = []
    carried = ""
    pieces = text.split("\n")
    for number, raw in enumerate(pieces, 1):
        seen, nul, _ = raw.partition("\0")
        seen = carried + seen.lstrip(" \t\r")
        if version < ARGV_SPLIT:
            seen, comment, _ = seen.partition("#")
            if comment:
                nul = ""
        joined = bool(nul) and number < len(pieces)
        carried = seen if joined else ""
        lines.append(ConfigLine(number, raw) if joined else _line(number, raw, seen))
    return tuple(lines)


def _line(number: int, raw: str, seen: str) -> ConfigLine:
    # The first character stays, whatever it is: sshd's loop stops there.
    seen = seen[:1] + seen[1:].rstrip(BLANKS + "\f")
    keyword, rest = next_word(seen)
    if keyword == "":
        keyword, rest = next_word(rest)
    if not keyword or keyword.startswith("#"):
        return ConfigLine(number, raw)
    return ConfigLine(number, raw, keyword, rest)


def unquoted(word: str) -> str:
    """A word without the quotes around the whole of it, in sshd_config as in systemd's settings; those within stay.

    The shell, whose word goes on behind a quote, has a reader of its own (`rescue.formats.os_release`).
    """
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word

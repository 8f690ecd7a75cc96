"""The words of an nftables script, each with its position (src/scanner.l of nftables)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from re import compile as compile_pattern
from typing import NamedTuple

from rescue.firewall.names import RuleError
from rescue.firewall.nft.language.versions import SINCE
from rescue.model import Location

NEWLINE = "\n"
"""The kind and the text of a token for a line's end."""

WORD, STRING, PUNCTUATION, END = "word", "string", "punctuation", "newline"

_NOTHING = r"(?>(?m:^)[ \t]*\#[^\n]*\n|[ \t]+|\\\n|\#[^\n]*)*+"
"""Blanks and comments."""

_TOKEN = compile_pattern(
    _NOTHING
    + r"""(?:(?P<newline>\n)
    |"(?P<string>[^"\n]*)"
    |(?P<word>
        (?:[0-9A-Fa-f]{1,2}:){5}[0-9A-Fa-f]{1,2}(?![0-9A-Fa-f:])
        |(?:[0-9A-Fa-f]{0,4}:){2,8}(?:\d+\.\d+\.\d+\.\d+|[0-9A-Fa-f]{0,4})
        |\d+\.\d+\.\d+\.\d+
        |[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}(?=[ \t\n:},-])
        |0[xX][0-9A-Fa-f]+
        |(?=\d+[dhms])(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?
        |\d+
        |[A-Za-z_][A-Za-z0-9_/.\\-]*\*?
     )
    |(?P<punctuation>==|!=|<=|>=|<<|>>|[][{}();,:=!<>&|^/\-*.@$+~])
    |(?P<last>\Z)
    |(?P<other>.))
    """,
    0x40,  # re.VERBOSE
)
_KINDS = ("", *_TOKEN.groupindex)
_BLANKS = compile_pattern(_NOTHING, 0x40)

_LINE_END = compile_pattern("\n")
_IDENTIFIER = compile_pattern(r"[A-Za-z_][A-Za-z0-9/._-]*|(?:\d+[dhms]){1,4}")

_WORDS = (
    "accept add ah all and arp auto-merge bridge cgroup chain comment comp constant continue counter cpu create ct day"
    " dccp define delete describe device devices dnat drop dst dup dynamic ecn element elements eq esp ether exists"
    " expires export exthdr fib flags flow flowtable flush frag ge get goto gt handle hbh hook hour ibriport ibrname"
    " icmp icmpv6 igmp iif iifgroup iifname iiftype import include index inet insert interval ip ip6 ipsec jhash jump"
    " le limit list log lt map mark masquerade meta meter mh missing monitor ne netdev nftrace notrack numgen obriport"
    " obrname offload oif oifgroup oifname oiftype or osf pkttype policy priority queue quota random redefine redirect"
    " reject rename replace reset return rt rt0 rt2 rtclassid rule ruleset sctp secmark set size skgid skuid snat"
    " socket srh symhash synproxy table tcp th time timeout tproxy type typeof udp udplite undefine update vlan vmap"
    " xor xt"
)
RESERVED = frozenset(_WORDS.split())
"""The words that can't name a table, chain, set or other object of a script (src/scanner.l of nftables 1.0.6)."""


_VALUES = (
    "ether ip ip6 vlan arp dnat snat ecn reset exists missing tcp udp udplite esp ah icmp igmp icmpv6 comp dccp sctp"
    " redirect"
)
NO_VALUES = RESERVED - frozenset(_VALUES.split())
"""The words that can't be compared with."""


class Token(NamedTuple):
    """One word, quoted string, punctuation mark or line end. at: its index in the text of `source`."""

    kind: str
    text: str
    at: int
    source: ScriptFile


@dataclass(slots=True)
class ScriptFile:
    """A file, as it was read. depth: how many levels of includes lead to it.

    version: that of the nft that reads it (1, 0, 6); empty if unknown: then it is assumed to know everything.
    """

    path: PurePosixPath
    text: str
    depth: int = 0
    version: tuple[int, ...] = ()
    lines: list[int] = field(default_factory=list)

    def location(self, at: int) -> Location:
        """The line of the character at index `at`."""
        if not self.lines:
            self.lines = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        number = bisect_right(self.lines, at)
        start = self.lines[number - 1]
        end = self.text.find("\n", start)
        return Location(self.path, number, self.text[start : end if end >= 0 else len(self.text)])


class NftError(RuleError):
    """nft(8) rejects the script, and so changes nothing at all. at: the position of the error."""

    def __init__(self, message: str, at: Location) -> None:
        super().__init__(message)
        self.at = at


class NftNotModelled(Exception):
    """Something unknown to this reader, but perhaps not to nft."""

    def __init__(self, reason: str, at: Location) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


MOST_TOKENS = 1_500_000
"""The most tokens that a script may have: enough for 150,000 rules or 350,000 set elements, limited by memory."""


def tokens_of(source: ScriptFile, most: int = MOST_TOKENS) -> list[Token]:
    """The tokens of a file, with one for the end of its last line. Raises NftError for an invalid character.

    Raises NftNotModelled if there are more than `most`.

    nft's scanner accepts a comment only with the newline after it: one that ends the file is "unexpected junk". A line
    with only a comment is nothing; a comment after something leaves the line's end.
    """
    found: list[Token] = []
    at, text = 0, source.text
    words: dict[str, str] = {}
    new = tuple.__new__
    for match in _TOKEN.finditer(text):
        start = match.start()
        if start != at or match.lastgroup == "other":
            break
        at = match.end()
        if len(found) >= most:
            raise NftNotModelled("it has more rules, or elements of sets, than can be followed", Location(source.path))
        which = match.lastindex or 0
        kind = _KINDS[which]
        if kind == "last":
            if "#" in text[start:].rpartition("\n")[2]:
                raise NftError("a comment at the very end of the file, without a newline", source.location(at))
            found.append(Token(END, NEWLINE, at, source))
            return found
        word = match[which]
        # The same as Token(...): a file has millions of them, and few different words.
        token: Token = new(Token, (kind, words.setdefault(word, word), match.start(which), source))
        found.append(token)
    blank = _BLANKS.match(text, at)
    at = blank.end() if blank else at
    raise NftError(f"unexpected {text[at]!r}", source.location(at))


class Cursor:
    """A position in a list of tokens. maps: those that were named in the tokens read so far."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.maps: list[str] = []

    @property
    def done(self) -> bool:
        return self.index >= len(self.tokens)

    @property
    def here(self) -> Location:
        """The line of the next token, or of the last one."""
        token = self.tokens[min(self.index, len(self.tokens) - 1)]
        return token.source.location(token.at)

    def peek(self, ahead: int = 0) -> str:
        """The text of a coming token; empty past the end."""
        try:
            return self.tokens[self.index + ahead].text
        except IndexError:
            return ""

    @property
    def at_end_of_file(self) -> bool:
        """Whether the next token is the end of a file whose last line has no newline."""
        token = self.tokens[self.index] if not self.done else None
        return token is not None and token.kind == END and token.at == len(token.source.text)

    @property
    def version(self) -> tuple[int, ...]:
        """nft's version; empty if unknown."""
        return self.tokens[min(self.index, len(self.tokens) - 1)].source.version if self.tokens else ()

    def since(self, feature: str) -> None:
        """Check that the server's nft knows a feature of `versions`. Raises NftError."""
        if self.version and self.version < SINCE[feature]:
            raise self.wrong(
                f"{feature} is for nft {_dotted(SINCE[feature])} and later; this one is {_dotted(self.version)}"
            )

    def kind(self) -> str:
        try:
            return self.tokens[self.index].kind
        except IndexError:
            return ""

    def take(self) -> str:
        """The next token's text. Raises NftError at the end."""
        if self.done:
            raise self.wrong("unexpected end of the file")
        self.index += 1
        return self.tokens[self.index - 1].text

    def accept(self, text: str, *more: str) -> bool:
        """Whether the next tokens are these; if so, skip them."""
        tokens, at = self.tokens, self.index
        if at >= len(tokens) or tokens[at].text != text:
            return False
        for ahead, each in enumerate(more, 1):
            if self.peek(ahead) != each:
                return False
        self.index = at + 1 + len(more)
        return True

    def expect(self, *texts: str) -> str:
        """Skip the next token, which must be one of `texts`. Raises NftError."""
        if self.peek() not in texts or self.done:
            raise self.wrong(f"unexpected {self.shown()}, where {' or '.join(map(repr, texts))} should be")
        return self.take()

    def word(self) -> str:
        """The next token, a word or a quoted string. Raises NftError."""
        if self.kind() not in (WORD, STRING):
            raise self.wrong(f"unexpected {self.shown()}")
        return self.take()

    def number(self) -> int:
        """The next token, a decimal or hexadecimal number. Raises NftError."""
        text = self.peek()
        digits = text[2:] if text[:2].lower() == "0x" else text
        if self.kind() != WORD or not digits.isalnum() or not text[0].isdigit():
            raise self.wrong(f"unexpected {self.shown()}, where a number should be")
        try:
            value = int(text, 16 if digits is not text else 10)
        except ValueError:
            raise self.wrong(f"unexpected {self.shown()}, where a number should be") from None
        self.index += 1
        return value

    def identifier(self) -> str:
        """The next token, a name chosen by the script: not quoted, no number, no keyword of nft. Raises NftError."""
        text = self.peek()
        if self.kind() != WORD or not _IDENTIFIER.fullmatch(text):
            raise self.wrong(f"unexpected {self.shown()}, where a name should be")
        if text in RESERVED:
            raise self.wrong(f"{text!r} is an nft keyword and can't be a name")
        self.index += 1
        return text

    def value(self) -> str:
        """The next token, a word or a quoted string that can be a value. Raises NftError."""
        if self.peek() in NO_VALUES and self.kind() == WORD:
            raise self.wrong(f"unexpected {self.shown()}")
        return self.word()

    def text(self) -> str:
        """The next token, a quoted string or a word that is not an nft keyword. Raises NftError."""
        if self.kind() == STRING or self.peek().endswith("*"):
            return self.word()
        return self.identifier()

    def shown(self) -> str:
        """The next token, as text for a message."""
        text = self.peek()
        return "end of the line" if text == NEWLINE else (repr(text) if text else "end of the file")

    def skip_newlines(self) -> None:
        while self.peek() == NEWLINE:
            self.index += 1

    def line(self) -> list[Token]:
        """Skip the rest of the line, up to its end, a semicolon or the end of the block; returns its tokens."""
        begin, depth = self.index, 0
        while not self.done and (depth or self.peek() not in (NEWLINE, ";", "}")):
            if self.kind() != STRING:
                depth += {"{": 1, "}": -1}.get(self.peek(), 0)
            self.index += 1
        return self.tokens[begin : self.index]

    def wrong(self, message: str) -> NftError:
        return NftError(message, self.here)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))

"""Rules that differ only in one address, as in blocklists of tens of thousands: their words are parsed once.

A rule is like another if its line is the same but for one address. `Match` compares that address with a packet address,
so nothing else in the rule depends on it. If the first one can be parsed, all can.
"""

from __future__ import annotations

from dataclasses import replace
from re import compile as compile_pattern
from typing import NamedTuple

from rescue.firewall.nft.language.tokens import END, Token
from rescue.firewall.nft.read.script import Element, Match, NftRule, Pattern

_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = compile_pattern(
    rf"(?<![\w.:/-])(?:(?:{_BYTE}\.){{3}}{_BYTE}(?P<four>/(?:3[0-2]|[12]?[0-9]))?"
    r"|(?=[0-9A-Fa-f]*:[0-9A-Fa-f:]*:)(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?P<six>/[0-9]{1,3})?)(?![\w.:/-])"
)
"""An address or network; together with its surroundings it is one word of a script, and a prefix length two more."""

_COUNTER = compile_pattern(r"(?<=counter packets )[0-9]{1,18} bytes [0-9]{1,18}(?![\w.:/-])")
"""The values of a counter, which ``nft list ruleset`` writes and no packet is compared with."""

_PLAIN = compile_pattern(r"[A-Za-z0-9_ \t./:,<>=!&|^@*\0\1\2\3-]*")
"""A line with no word that depends on another line: no quotes, braces, definitions or semicolons."""

_KINDS = ("ipv4_addr", "ipv6_addr")

MOST = 4096
"""How many lines are cached."""


class Found(NamedTuple):
    """The result: rules like others, and the index of the token after them.

    line, address: the key for caching the next rule, both empty if no other can be like it.
    """

    rules: list[NftRule]
    behind: int
    line: str = ""
    address: str = ""


class Alike:
    """The rules read so far, by the part of the line that similar ones share."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Pattern | None] = {}

    def read(self, family: str, tokens: list[Token], begin: int) -> Found:
        """The rules from a token on, one per line, as long as similar ones are cached."""
        rules: list[NftRule] = []
        at = behind = begin
        while True:
            first = tokens[at]
            text = first.source.text
            end = text.find("\n", first.at)
            line = text[first.at : end] if end >= 0 else ""
            if "#" in line:
                line = line[: line.index("#")]
            if "counter packets " in line:
                line = _COUNTER.sub("0 bytes 0", line)
            found = _ADDRESS.search(line)
            if found is None:
                return Found(rules, behind)
            address, (start, end) = found[0], found.span()
            if ":" in address:
                mark = "\2" if found["six"] is None else "\3"
            else:
                mark = "\0" if found["four"] is None else "\1"
            key = line[:start] + mark + line[end:]
            pattern = self._known.get((family, key))
            if pattern is None:
                return Found(rules, behind, key, address)
            rules.append(pattern.like(address, first))
            at = behind = at + pattern.tokens
            while at < len(tokens) and tokens[at].kind == END:
                at += 1
            if at >= len(tokens):
                return Found(rules, behind)

    def remember(self, family: str, found: Found, rule: NftRule, tokens: list[Token]) -> NftRule:
        """Cache a rule from the result of `read` and its tokens, with the one after it; returns the rule, marked."""
        key, address = found.line, found.address
        same = (family, key)
        if not key or same in self._known or len(self._known) >= MOST:
            return rule
        self._known[same] = None
        slots = [at for at, each in enumerate(rule.statements) if isinstance(each, Match) and _of(each, address)]
        ended = tokens[-1].kind == END and all(each.source is tokens[0].source for each in tokens)
        if len(slots) != 1 or not ended or not _PLAIN.fullmatch(key) or _told_elsewhere(rule, slots[0], address):
            return rule
        match = rule.statements[slots[0]]
        assert isinstance(match, Match)
        pattern = Pattern(rule, match, slots[0], len(tokens) - 1)
        self._known[same] = pattern
        return replace(rule, pattern=pattern)


def _of(match: Match, address: str) -> bool:
    """Whether an address of the packet, and nothing else, is compared with `address`."""
    plain = not (match.named or match.mask or match.order or match.listed) and len(match.selectors) == 1
    return plain and match.selectors[0].kind in _KINDS and list(match.elements) == [Element((address,))]


def _told_elsewhere(rule: NftRule, slot: int, address: str) -> bool:
    others = (each for at, each in enumerate(rule.statements) if at != slot)
    return any(address in repr(each) for each in others)

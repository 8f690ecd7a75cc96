"""What nftables' scanner and parser do to a script before executing it: include, define and "$NAME" (nft(8))."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import PurePosixPath

from rescue.firewall.nft.language.tokens import (
    MOST_TOKENS,
    NEWLINE,
    NO_VALUES,
    STRING,
    WORD,
    Cursor,
    NftError,
    NftNotModelled,
    ScriptFile,
    Token,
    tokens_of,
)
from rescue.firewall.nft.read.elements import elements
from rescue.model import Location
from rescue.tree import RULES_LIMIT, Read, Tree

DEEPEST = 16
"""How deep includes may nest (MAX_INCLUDE_DEPTH in src/scanner.l)."""

INCLUDED_FROM = PurePosixPath("/etc")
"""Where nft looks for included files given by name only."""


class Preprocessor:
    """The files of one script and the names that it defines. nft: the version that reads them."""

    def __init__(self, tree: Tree, nft: tuple[int, ...] = ()) -> None:
        self.tree = tree
        self.nft = nft
        self.files: list[PurePosixPath] = []
        self.count = 0
        """The tokens of all files."""
        self.scopes: list[dict[str, list[Token]]] = [{}]

    def opened(self, path: PurePosixPath, asked: Location, depth: int = 0) -> list[Token]:
        """The tokens of a file.

        Raises NftError if it does not exist, NftNotModelled if it can't be read, and NotCaptured.
        """
        if depth > DEEPEST:
            raise NftError("includes nest too deep", asked)
        text = self.tree.text_if_read(path)
        if text is None:
            entry = self.tree.entry(path)
            if entry is not None and entry.is_file:
                raise NftNotModelled("the file could not be read", Location(path))
            raise NftError(f"there is no file {path}", asked)
        self.files.append(path)
        found = tokens_of(ScriptFile(path, text, depth, self.nft), MOST_TOKENS - self.count)
        self.count += len(found)
        return found

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Definitions made in here are forgotten at the end."""
        self.scopes.append({})
        yield
        self.scopes.pop()

    def directive(self, cursor: Cursor) -> bool:
        """Execute include, define and similar directives, allowed anywhere; False if the next words are another
        command.

        The tokens of an included file replace the words that include it.
        """
        word = cursor.peek()
        if word not in ("include", "define", "redefine", "undefine"):
            return False
        here = cursor.here
        if word == "include":
            self._include(cursor, here)
        elif word in ("define", "redefine"):
            cursor.take()
            name = cursor.identifier()
            if word == "define" and name in self.scopes[-1]:
                raise NftError(f"{name} is defined already", here)
            cursor.expect("=")
            self.scopes[-1][name] = self._value(cursor)
            _ended(cursor, word)
        else:
            cursor.take()
            self.scopes[-1].pop(cursor.identifier(), None)  # nft accepts undefining an unknown name
        return True

    def _include(self, cursor: Cursor, here: Location) -> None:
        begin = cursor.index
        depth = cursor.tokens[begin].source.depth
        cursor.take()
        if cursor.kind() != STRING:
            raise cursor.wrong("include needs a name in quotes")
        name = cursor.take()
        _ended(cursor, "include")
        found = [token for path in self._included(name, here) for token in self.opened(path, here, depth + 1)]
        cursor.tokens[begin : cursor.index] = found
        cursor.index = begin

    def _included(self, name: str, here: Location) -> Iterator[PurePosixPath]:
        """The files that an include names, in order; none if a pattern matches nothing."""
        path = PurePosixPath(name)
        if not path.is_absolute():
            path = (PurePosixPath("/") if name.startswith(("./", "../")) else INCLUDED_FROM) / path
        if not any(char in name for char in "*?["):
            if name.endswith("/"):
                yield from self._matching(path, "*")
                return
            self.tree.require(Read(str(path), depth=0, limit=RULES_LIMIT))
            yield path
            return
        if any(char in str(path.parent) for char in "*?["):
            raise NftNotModelled("a pattern for directories", here)
        yield from self._matching(path.parent, path.name)

    def _matching(self, folder: PurePosixPath, pattern: str) -> Iterator[PurePosixPath]:
        self.tree.require(Read(str(folder), depth=1, limit=RULES_LIMIT))
        for name in sorted(self.tree.children(folder)):
            if fnmatch(name, pattern) and not name.startswith("."):
                yield folder / name

    def _value(self, cursor: Cursor) -> list[Token]:
        """The tokens of a definition, with names expanded."""
        begin = cursor.index
        depth = 0
        while not cursor.done and (depth or cursor.peek() not in (NEWLINE, ";")):
            depth += {"{": 1, "}": -1}.get(cursor.peek(), 0)
            if not depth and cursor.peek() == "[":
                raise cursor.wrong("unexpected '['")
            if not depth and cursor.index > begin and not _follows(cursor):
                raise cursor.wrong(f"unexpected {cursor.shown()}")
            cursor.index += 1
        first = cursor.tokens[begin] if begin < cursor.index else None
        if first is not None and first.kind == WORD and first.text in NO_VALUES:
            cursor.index = begin
            raise cursor.wrong(f"unexpected {cursor.shown()}")
        found = self.expanded(cursor.tokens[begin : cursor.index])
        if begin == cursor.index:
            raise cursor.wrong("a definition without a value")
        if found and found[0].text == "{" and found[0].kind != STRING and found[1].text != "}":
            elements(Cursor(found))
        return found

    def expanded(self, tokens: list[Token]) -> list[Token]:
        """The tokens with each "$NAME" replaced by its definition. Raises NftError."""
        if not any(token.text == "$" for token in tokens):
            return tokens
        found: list[Token] = []
        at = 0
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token.text != "$" or token.kind == STRING:
                found.append(token)
                continue
            name = tokens[at].text if at < len(tokens) else ""
            at += 1
            held = next((scope[name] for scope in reversed(self.scopes) if name in scope), None)
            if held is None:
                raise NftError(f"${name} is not defined", token.source.location(token.at))
            found += [each._replace(at=token.at, source=token.source) for each in held]
        return found

    def value_of(self, name: str, cursor: Cursor) -> list[Token]:
        """The definition of a name. Raises NftError."""
        held = next((scope[name] for scope in reversed(self.scopes) if name in scope), None)
        if held is None:
            raise cursor.wrong(f"${name} is not defined")
        return held

    def name(self, cursor: Cursor) -> str:
        """Read a word, which may come from a definition. Raises NftError."""
        if cursor.accept("$"):
            held = self.value_of(cursor.identifier(), cursor)
            return held[0].text if held else ""
        return cursor.word()


def _follows(cursor: Cursor) -> bool:
    """Whether the next word of a definition may follow the one before: a word needs a separator, "/" a number."""
    if cursor.kind() not in (WORD, STRING):
        return True
    before = cursor.tokens[cursor.index - 1]
    if before.kind in (WORD, STRING):
        return False
    return before.text != "/" or cursor.peek().isdigit()


def _ended(cursor: Cursor, word: str) -> None:
    """Raise NftError unless a directive is followed by a semicolon or a newline; the end of the file does not count."""
    if cursor.at_end_of_file:
        raise cursor.wrong(f"the line with {word} is the file's last and does not end in a newline")
    if cursor.peek() not in (NEWLINE, ";"):
        raise cursor.wrong(f"unexpected {cursor.shown()}")

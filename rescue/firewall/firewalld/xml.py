"""firewalld's XML files as elements with their positions; nothing outside the file is ever loaded.

A document type declaration is rejected: it brings entities, which could grow without bound. firewalld's own files have
none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from re import compile as compile_pattern
from xml.parsers import expat

from rescue.firewall.firewalld.faults import FirewalldError, FirewalldNotModelled
from rescue.model import Location

MOST_ELEMENTS = 250_000
DEEPEST = 16
LONGEST_TEXT = 400
"""How many characters of an element its location shows."""

_BLANKS = compile_pattern(r"\s+")


@dataclass(slots=True)
class Element:
    """One element. begin, end: the bytes of the file that it takes up, its end tag included; content: what follows its
    start tag, the same as `end` for one without content of its own (``<a/>``)."""

    name: str
    attributes: Mapping[str, str]
    location: Location
    begin: int
    content: int = 0
    end: int = 0
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)

    def all(self, name: str) -> Iterator[Element]:
        return (child for child in self.children if child.name == name)


class _Builder:
    def __init__(self, data: bytes, path: PurePosixPath) -> None:
        self.data = data
        self.path = path
        self.stack: list[Element] = []
        self.root: Element | None = None
        self.count = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.finish
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.doctype

    def here(self) -> Location:
        line = self.parser.CurrentLineNumber
        return Location(self.path, line)

    def doctype(self, *_: object) -> None:
        raise FirewalldNotModelled("a document type declaration", self.here())

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MOST_ELEMENTS or len(self.stack) >= DEEPEST:
            raise FirewalldNotModelled("more elements than any configuration has", self.here())
        begin = self.parser.CurrentByteIndex
        element = Element(name, attributes, self.here(), begin, content=_tag_end(self.data, begin))
        if self.stack:
            self.stack[-1].children.append(element)
        else:
            self.root = element
        self.stack.append(element)

    def finish(self, name: str) -> None:
        element = self.stack.pop()
        # For an element without content expat reports the position of what follows, perhaps another element's end tag.
        alone = self.data[element.content - 2 : element.content] == b"/>"
        element.end = element.content if alone else self.data.find(b">", self.parser.CurrentByteIndex) + 1
        shown = self.data[element.begin : min(element.end, element.begin + LONGEST_TEXT)]
        if not self.stack:
            shown = self.data[element.begin : element.content]
        text = _BLANKS.sub(" ", shown.decode("utf-8", "replace")).replace("> <", "><")
        element.location = Location(self.path, element.location.line, text)

    def characters(self, text: str) -> None:
        if self.stack:
            self.stack[-1].text += text


def parse(data: bytes, path: PurePosixPath) -> Element:
    """The file's outermost element.

    Raises FirewalldError if the file is not XML, FirewalldNotModelled if it is not supported.
    """
    builder = _Builder(data, path)
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as problem:
        words = expat.ErrorString(problem.code) or "a mistake"
        raise FirewalldError(f"not well-formed XML ({words})", Location(path, problem.lineno)) from problem
    except FirewalldNotModelled:
        raise
    except (ValueError, LookupError) as problem:
        raise FirewalldError(f"not readable as XML ({problem})", Location(path)) from problem
    assert builder.root is not None
    return builder.root


def unclosed(data: bytes, path: PurePosixPath) -> Element | None:
    """For a malformed file: the innermost element that is still open at the error."""
    builder = _Builder(data, path)
    try:
        builder.parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError):
        return builder.stack[-1] if builder.stack else None
    return None


def _tag_end(data: bytes, at: int) -> int:
    """The index after the start tag that begins at `at`: a ">" inside quotes does not end it."""
    quote = 0
    for index in range(at, len(data)):
        byte = data[index]
        if quote:
            if byte == quote:
                quote = 0
        elif byte in b"\"'":
            quote = byte
        elif byte == 0x3E:
            return index + 1
    return len(data)

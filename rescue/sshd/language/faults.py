"""Errors in a line of sshd_config, and the words for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rescue.model import Location


class Fault(StrEnum):
    """Kinds of problems; the repair depends on the kind."""

    MARK = "the file begins with a byte order mark"
    KEYWORD = "a keyword that this sshd does not know"
    PLACE = "a global keyword inside a Match block"
    VALUE = "a value that this sshd does not accept"
    ALGORITHM = "an algorithm that this sshd does not have"
    MISSING = "a value is missing"
    EXTRA = "more values than the keyword takes"
    QUOTES = "a quotation mark is not closed"
    DUPLICATE = "the same subsystem twice"
    INCLUDE = "an included file that can't be read"
    COMBINATION = "settings that exclude each other"
    FILE = "the configuration file can't be read"
    IGNORED = "a keyword that has no effect any more"
    UNDECIDED = "what can't be decided from the disk"


class BadLine(ValueError):
    """sshd rejects this line and stops."""

    def __init__(self, fault: Fault, text: str, suggestion: str = "") -> None:
        super().__init__(text)
        self.fault = fault
        self.text = text
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that stops sshd (`fatal`), or deserves a warning.

    text: one sentence for the user, without a full stop. keyword: as written. suggestion: the line as probably
    intended; empty if unclear.
    """

    location: Location
    text: str
    fatal: bool
    keyword: str = ""
    fault: Fault = Fault.VALUE
    suggestion: str = ""
